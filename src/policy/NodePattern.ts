import { isAddress } from "../dist/NodeName.ts"

const escape = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/gu, "\\$&")

/** The beginning of an IP address, or another part of one: no letter in it, and a `*`. */
const addressPart = /^(?=.*\*)(?:(?=\d|.*\d\.|.*\.\d)[\d.*]+|(?=.*:)[\da-f:.*]+)$/iu

/** Whether that is what stands behind the @ of a pattern; without an @, behind whatever stands for it. */
const isOfAddresses = (pattern: string): boolean => {
  const at = pattern.indexOf("@")
  return addressPart.test(at < 0 ? pattern.slice(pattern.indexOf("*")) : pattern.slice(at + 1))
}

/**
 * A test for full node names from a pattern in which `*` stands for any run of characters: `app-*`, `*@*.example.org`.
 * In a part of an IP address it stands for the rest of one: `*@10.0.3.*` is no host `10.0.3.attacker.example`, which
 * anybody can have in DNS.
 */
export const nodePattern = (pattern: string): ((node: string) => boolean) => {
  const source = pattern
    .split(/\*+/u)
    .map((part) => escape(part))
    .join(".*")
  const expression = new RegExp(`^${source}$`, "su")
  const isHost = isOfAddresses(pattern) ? isAddress : () => true
  return (node) => expression.test(node) && isHost(node.slice(node.indexOf("@") + 1))
}

/** Why a pattern can match no node's name, or what in it would not mean what it means elsewhere; `undefined` if all is well. */
export const patternProblem = (pattern: string): string | undefined => {
  if (pattern === "") return "it is empty"
  // What no node name has, and what a glob or a regular expression gives a meaning.
  const [odd] = /[\s\p{Cc}'"`,!<>()[\]{}?\\^$|]/u.exec(pattern) ?? []
  if (odd !== undefined) return `it has ${JSON.stringify(odd)} in it, which no node name has`
  const [name, host, ...more] = pattern.split("@") as [string, ...ReadonlyArray<string>]
  if (host === undefined) return pattern.includes("*") ? undefined : "it has no @host part"
  if (more.length > 0) return "it has more than one @"
  if (name === "") return "the part before the @ is empty"
  return host === "" ? "the part behind the @ is empty" : undefined
}
