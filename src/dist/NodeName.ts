import { excerpt } from "../syntax/Excerpt.ts"

/** A node's full name in its two parts. */
export interface NodeName {
  /** `name@host`. */
  readonly full: string
  readonly name: string
  readonly host: string
}

/**
 * Takes a full node name apart, or says what is wrong with it. A node closes the connection without a word on names
 * such as `nohost`, `@h` or `a@b@c`, so they are caught here.
 */
export const parseNodeName = (text: string): NodeName | { readonly problem: string } => {
  const parts = text.split("@")
  if (parts.length < 2) return { problem: "it has no @host part" }
  if (parts.length > 2) return { problem: "it has more than one @" }
  const [name, host] = parts as [string, string]
  if (name === "") return { problem: "the part before the @ is empty" }
  if (host === "") return { problem: "the part behind the @ is empty" }
  const bracketed = /^\[(?<inside>.*)\]$/u.exec(host)?.groups?.["inside"]
  if (bracketed !== undefined)
    return { problem: `a host is written without brackets here, an IPv6 address too: ${name}@${excerpt(bracketed)}` }
  if (/[\s\p{C}'"]/u.test(text)) return { problem: "it has white space, quotes, or control or format characters in it" }
  if (Array.from(text).length > 255) return { problem: "it is longer than 255 characters" }
  return { full: text, name, host }
}

/** A loopback address in the forms that stand behind the `@` of a node name. */
const loopback = /^(?:127(?:\.\d{1,3}){3}|::1|localhost|localhost\.localdomain)$/u

/** Whether a host of a node name is this machine by a name that every machine has for itself. */
export const isLoopback = (host: string): boolean => loopback.test(host)

/** IPv4, or IPv6 with two colons at least, an IPv4 address in its end or not, and an interface or not. */
const address = /^(?:\d{1,3}(?:\.\d{1,3}){3}|(?=.*:.*:)[\da-f:]+(?:\d(?:\.\d{1,3}){3})?(?:%[\w-]+)?)$/iu

/** Whether a host is written as an IP address: nobody is asked for those, as for the names in DNS. */
export const isAddress = (host: string): boolean => address.test(host)
