import type { Pid, Port, Reference } from "../etf/Term.ts"
import { readAtom } from "./AtomText.ts"
import { visible } from "./Escape.ts"

/**
 * Pids, ports and references belong to a node and mean nothing without it. The shell prints its own with a first
 * number of 0, and those of other nodes with a first number that only that very shell understands. Here the first
 * number is 0 for the node that the term came from, and the node's name for every other: `<0.90.0>`,
 * `<other@host.90.0>`. Both can be pasted back.
 */
export interface LocalIdentifier {
  /** The node it belongs to; absent where the text says 0: the node that is asked. */
  readonly node?: string
}

/** What a text names a process by, its pid or its registered name; or what is wrong with the text. */
export type PidText =
  | (LocalIdentifier & { readonly _tag: "Pid"; readonly id: number; readonly serial: number })
  | { readonly _tag: "Name"; readonly name: string }
  | Unreadable

/** A port by its identifier; `id` is an unsigned 64-bit number. */
export type PortText = (LocalIdentifier & { readonly _tag: "Port"; readonly id: bigint }) | Unreadable

/** A reference; `words` as they stand on the wire, which is the reverse of how they are printed. */
export type ReferenceText =
  | (LocalIdentifier & { readonly _tag: "Reference"; readonly words: ReadonlyArray<number> })
  | Unreadable

export type Unreadable =
  /** Printed by a shell about another node: `first` is that shell's own number for the node, known to nobody else. */
  | { readonly _tag: "Foreign"; readonly first: number }
  /** `problem` is a full sentence that says what is accepted. */
  | { readonly _tag: "Invalid"; readonly problem: string }

/** What stands behind the numbers of what a node kept from before it was restarted: its number may be another's now. */
const earlier = " of an earlier incarnation"

/** A creation that is taken for any, as nodes themselves do (`ORIG_CREATION` in `erl_node_tables.h`). */
const anyCreation = 0

/**
 * The inside of the brackets. `from` is the node that the term came from, with its creation; `quote` writes an atom, for
 * the node names that would be misread bare. What belongs to an earlier incarnation of that node says so, and cannot be
 * pasted back.
 */
export const identifierText = (
  { creation, node: { text } }: Pid | Port | Reference,
  from: { readonly node?: string; readonly creation?: number },
  quote: (name: string) => string,
  numbers: ReadonlyArray<number | bigint>
): string => {
  const isOwn = text === from.node
  const isCurrent = !isOwn || from.creation === undefined || [from.creation, anyCreation].includes(creation)
  const name = isOwn ? "0" : bareNode.test(text) ? text : quote(text)
  return `${name}.${numbers.join(".")}${isCurrent ? "" : earlier}`
}

const bareNode = /^[\w.+-]+@[\w.:-]+$/u

/** Without the comment that Gleam puts around what it has no syntax for: `//erl(<0.90.0>)`. */
const unwrapped = (text: string): string => {
  const trimmed = text.trim()
  return /^\/\/erl\((.*)\)$/su.exec(trimmed)?.[1] ?? trimmed
}

/** The process that a text names: `<0.90.0>`, `#PID<0.90.0>`, `0.90.0`, `<node@host.90.0>`, `name`, `:name`, `My.Server`. */
export const parsePid = (text: string): PidText => {
  const trimmed = unwrapped(text)
  const match = /^(?:#P(?:ID|id))?<(.+)\.(\d+)\.(\d+)>$/u.exec(trimmed) ?? /^(\d+)\.(\d+)\.(\d+)$/u.exec(trimmed)
  if (match === null) {
    const atom = readAtom(trimmed, 0)
    return atom?.end === trimmed.length ? { _tag: "Name", name: atom.name } : invalid(text, acceptedProcesses)
  }
  const [first, id, serial] = match.slice(1) as [string, string, string]
  const owner = parseOwner(first)
  if (owner === undefined || !isWord(id) || !isWord(serial)) return invalid(text, acceptedProcesses)
  return "_tag" in owner ? owner : { _tag: "Pid", ...owner, id: Number(id), serial: Number(serial) }
}

/** The port that a text names: `#Port<0.6>`, `#Port<node@host.6>`. */
export const parsePort = (text: string): PortText => {
  const match = /^#Port<(.+)\.(\d{1,20})>$/u.exec(unwrapped(text))
  const owner = match === null ? undefined : parseOwner(match[1]!)
  const id = BigInt(match?.[2] ?? 0)
  if (owner === undefined || id >= 2n ** 64n) return invalid(text, acceptedPorts)
  return "_tag" in owner ? owner : { _tag: "Port", ...owner, id }
}

/** The reference that a text names: `#Ref<0.1.2.3>`, `#Reference<0.1.2.3>`, `#Ref<node@host.1.2.3>`. */
export const parseReference = (text: string): ReferenceText => {
  const match = /^#Ref(?:erence)?<(.+)\.(\d+)\.(\d+)\.(\d+)>$/u.exec(unwrapped(text))
  const owner = match === null ? undefined : parseOwner(match[1]!)
  const words = match?.slice(2) ?? []
  if (owner === undefined || !words.every(isWord)) return invalid(text, acceptedReferences)
  return "_tag" in owner ? owner : { _tag: "Reference", ...owner, words: words.map(Number).toReversed() }
}

const isWord = (digits: string): boolean => digits.length <= 10 && Number(digits) < 2 ** 32

const parseOwner = (text: string): LocalIdentifier | Unreadable | undefined => {
  if (text === "0") return {}
  if (/^\d+$/u.test(text)) return isWord(text) ? { _tag: "Foreign", first: Number(text) } : undefined
  if (bareNode.test(text)) return { node: text }
  const atom = readAtom(text, 0)
  return atom?.end === text.length ? { node: atom.name } : undefined
}

const acceptedProcesses =
  "Write a pid as <0.90.0>, #PID<0.90.0>, 0.90.0 or <node@host.90.0> (numbers below 2^32), or a registered name as name, :name, 'quoted name', :\"quoted name\" or My.Server."
const acceptedPorts = "Write a port as #Port<0.6> or #Port<node@host.6>, the number below 2^64."
const acceptedReferences =
  "Write a reference as #Ref<0.1.2.3>, #Reference<0.1.2.3> or #Ref<node@host.1.2.3>, the numbers below 2^32."

const invalid = (text: string, accepted: string): Unreadable => {
  const shown = visible(text.length > 80 ? `${text.slice(0, 80)}...` : text)
  return { _tag: "Invalid", problem: `'${shown}' is not understood. ${accepted}` }
}
