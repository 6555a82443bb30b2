import type { Absent } from "../../beam/Code.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { visible } from "../../syntax/Escape.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { atomName } from "../AtomName.ts"
import { didYouMeanAtom } from "../DidYouMean.ts"
import { FilterText } from "../Listing.ts"
import { type Terms } from "../Terms.ts"
import { ToolError } from "../ToolError.ts"
import { left, leftNote, unanswered } from "../Unanswered.ts"

/** The argument that names a module. */
export const moduleArgument = FilterText.annotate({ description: "As in lists or MyApp.Worker" })

/** The names that a module may have that is written so, the likeliest first: an alias of Elixir, or just a name. */
export const moduleNames = (text: string): ReadonlyArray<string> => {
  const bare = text.trim()
  return [...new Set([atomName(bare), bare, `Elixir.${bare}`])]
}

/** What is unknown where the code server did not tell, in the agent's words. */
export const serverNote = (why: string): string =>
  why === left
    ? leftNote
    : unanswered(
        "code_server",
        "from which files modules were loaded is not known, nor which are sticky or cover-compiled"
      )

/** No module of this name is loaded, and none will be by our asking. */
export const notLoaded = (
  node: ErlangNode,
  given: string,
  { isUnknown, similar, wouldBeFrom }: Absent,
  terms: Terms
): ToolError =>
  new ToolError({
    code: "not_found",
    message: isUnknown
      ? `The module ${excerpt(given)} is not loaded on ${node.name}; whether there is a file of it is not known, since its code_server or erl_prim_loader is busy, stuck or suspended and did not tell.`
      : wouldBeFrom === undefined
        ? `There is no module ${excerpt(given)} on ${node.name}: it is not loaded, and its code path has no file of that name.`
        : `The module ${excerpt(given)} is not loaded on ${node.name}. It would be from ${visible(wouldBeFrom)} when it is first called; we never load one.`,
    retryable: false,
    next: "list_modules",
    didYouMean: wouldBeFrom === undefined ? didYouMeanAtom(given, similar).map(terms.atom) : []
  })
