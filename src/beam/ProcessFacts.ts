import { Atom, atom, isTuple, listItems, type Term } from "../etf/Term.ts"

/** What `process_info(Pid, Items)` said of one process, by item; `{dictionary, Key}` is filed under the key. */
export type Facts = ReadonlyMap<string, Term>

/** `{dictionary, '$initial_call'}`: the callback of a `proc_lib` process, without the rest of its dictionary. */
export const callbackItem: Term = [atom("dictionary"), atom("$initial_call")]

/** `undefined` for a process that has ended. */
export const readFacts = (reply: Term): Facts | undefined => {
  const pairs = listItems(reply)
  return pairs && new Map(pairs.flatMap((pair) => (isTuple(pair) ? [[nameOf(pair[0]), pair[1]!] as const] : [])))
}

const nameOf = (item: Term | undefined): string => {
  const key = isTuple(item) ? item[1] : item
  return key instanceof Atom ? key.text : ""
}

/** The name in an atom, `""` for any other term. */
export const atomText = (term: Term | undefined): string => (term instanceof Atom ? term.text : "")
