import { Atom, charlistText, isAtom, isTuple, listItems, type Term } from "../etf/Term.ts"

/** One frame of a remote stack trace: `{M, F, ArityOrArgs, [{file, F}, {line, L}]}`. */
export interface StackFrame {
  readonly module: string
  readonly function: string
  readonly arity: number
  readonly file?: string
  readonly line?: number
}

/**
 * The frames of a stack trace, the innermost first; `undefined` for what is none. A frame that holds arguments in place
 * of an arity is counted: arguments may be large or secret.
 */
export const readStack = (term: Term | undefined): ReadonlyArray<StackFrame> | undefined =>
  listItems(term)?.flatMap((frame) => {
    if (!isTuple(frame)) return []
    const [module, func, arityOrArguments, location] = frame
    if (!(module instanceof Atom) || !(func instanceof Atom)) return []
    const file = charlistText(entry(location, "file"))
    const line = entry(location, "line")
    return [
      {
        module: module.text,
        function: func.text,
        arity: typeof arityOrArguments === "number" ? arityOrArguments : (listItems(arityOrArguments)?.length ?? 0),
        ...(file === undefined || file === "" ? {} : { file }),
        ...(typeof line === "number" && line > 0 ? { line } : {})
      }
    ]
  })

const entry = (location: Term | undefined, key: string): Term | undefined =>
  listItems(location)
    ?.flatMap((pair) => (isTuple(pair) && isAtom(pair[0], key) ? [pair[1]] : []))
    .at(0)
