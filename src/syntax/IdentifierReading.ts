import { Atom, Pid, Port, Reference, type Term } from "../etf/Term.ts"
import { excerpt } from "./Excerpt.ts"
import { type LocalIdentifier, parsePid, parsePort, parseReference, type Unreadable } from "./Identifier.ts"
import type { Cursor } from "./Mistake.ts"

/** The node whose pids, ports and references a text names with a first number of 0, or by the node's name. */
export interface Owner {
  readonly node: string
  readonly creation: number
}

const extent =
  /(?:#(PID|Pid|Port|Ref|Reference))?<(?:(?:'(?:[^'\\]|\\[^])*'|:?"(?:[^"\\]|\\[^])*")[\d.]*|[^'"<>\s,]*)>/uy

/** What no release counts to on any node (`list_to_pid/1` and its kin, OTP 23 to 29): a link ends at once over it. */
const tooLarge = (term: Pid | Port | Reference): boolean =>
  term instanceof Pid ? term.id >= 2 ** 28 : term instanceof Port ? term.id >= 2n ** 60n : term.words[0]! >= 2 ** 18

/** The pid, port or reference that stands here, in the spelling of either language; `undefined` where there is none. */
export const readIdentifier = (cursor: Cursor, { creation, node }: Owner): Term | undefined => {
  const at = cursor.at
  const match = cursor.take(extent)
  if (match === undefined) return undefined
  const [text, kind] = match
  const of = (found: LocalIdentifier, make: (node: Atom) => Pid | Port | Reference): Term => {
    if (found.node !== undefined && found.node !== node) {
      return cursor.fail(`it belongs to ${excerpt(found.node)}: only what belongs to ${node} can be named to it`, at)
    }
    const term = make(new Atom(node))
    return tooLarge(term) ? cursor.fail("numbers that no node gives out", at) : term
  }
  const wrong = (found: Unreadable): never =>
    cursor.fail(
      found._tag === "Foreign"
        ? `a first number of ${found.first} is how one shell calls another node, and means nothing to anybody else`
        : found.problem,
      at
    )
  if (kind === "Port") {
    const found = parsePort(text)
    return found._tag === "Port" ? of(found, (owner) => new Port(owner, found.id, creation)) : wrong(found)
  }
  if (kind === "Ref" || kind === "Reference") {
    const found = parseReference(text)
    return found._tag === "Reference" ? of(found, (owner) => new Reference(owner, creation, found.words)) : wrong(found)
  }
  const found = parsePid(text)
  if (found._tag === "Name") return cursor.fail("expected a pid", at)
  return found._tag === "Pid" ? of(found, (owner) => new Pid(owner, found.id, found.serial, creation)) : wrong(found)
}
