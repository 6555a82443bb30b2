import { Effect, Schema } from "effect"
import { maxStacks, stackGroups, stackSorts } from "../../beam/StackGroups.ts"
import { parseAnonymous, parseMfa } from "../../syntax/Mfa.ts"
import { TermText } from "../ArgumentText.ts"
import { whyLate } from "../Deadline.ts"
import { cursor, ledBy, limitUpTo, listBounds, listOutput, ListPosition, pageOf, shownOf, sortBy } from "../Listing.ts"
import { ownWork } from "./ProcessRows.ts"
import { amount, percent } from "../Quantity.ts"
import { termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

/** A function, or a part of one, as any of the languages writes it; as the node compares it: `module.function/arity`. */
const asCompared = (text: string): string => {
  const around = parseAnonymous(text)
  if (around !== undefined) return `${around.module}.-${around.name}/${around.arity}-`
  const whole = parseMfa(text)
  if (whole !== undefined) return `${whole.module}.${whole.name}/${whole.arity}`
  return text.replace(/["']/gu, "").replace(/^:/u, "").replace(/:/gu, ".")
}

/** Between the frames of a stack, as it is shown. */
const caller = " < "

/** The frames of a stack, those behind others with what is left of what stands between them; that may be quoted, too. */
const frameTexts = /(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\|(?:[^|\\]|\\.)*\||(?! < )[^])+/gu

/** A frame, or frames that follow each other, as a stack is shown: each as the node compares it. */
const framesOf = (text: string | undefined): ReadonlyArray<string> | undefined => {
  const frames = text?.match(frameTexts)?.flatMap((frame) => frame.replace(/^< /u, "").trim() || [])
  return frames === undefined || frames.length === 0 ? undefined : frames.map(asCompared)
}

/** A stack as it is shown may be of many frames. */
const StackText = TermText

const groupStacktraces = Tool.make({
  name: "group_stacktraces",
  title: "Where all processes stand",
  description:
    "Processes by identical stack: what many wait for at once. 0.3 s for 100,000. filter and exclude: part of a frame, such as gen:do_call, or several: a < b.",
  toolset: "processes",
  access: "inspect",
  cost: "moderate",
  target: "connected",
  timeoutMillis: 15_000,
  position: ListPosition,
  input: {
    filter: Schema.optionalKey(StackText),
    exclude: Schema.optionalKey(StackText),
    sort_by: sortBy(stackSorts, "count"),
    limit: limitUpTo(100, 10),
    cursor
  },
  output: {
    processes: Schema.Int,
    ...listOutput,
    stacks: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          count: Schema.Int,
          percent: Schema.Finite,
          pids: Schema.String,
          stack: Schema.String
        })
      )
    )
  },
  run: Effect.fnUntraced(function* ({ exclude, filter, limit, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const listed = yield* stackGroups(
      node,
      { ...(yield* listBounds(limit, after)), sort },
      { filter: framesOf(filter), exclude: framesOf(exclude) }
    )
    const { incomplete, matched, processes, rows, total } = listed
    // What is said first, and hinted at, is of others.
    const first = rows.find(({ row }) => !row.isOwn)
    const isLate = incomplete.includes("deadline")
    const top = first?.row.frames[0]
    const leading = ledBy(
      first &&
        `${first.row.isOther ? "other stacks together" : top === undefined ? "an unknown place" : terms.mfa(top)}, with ${first.row.count}`,
      after
    )
    return {
      summary: (shown: number) =>
        `${shownOf(shown, matched, "stack")} of ${amount(processes, "process", "processes")}${leading}${isLate ? "; time ran out before the others were looked at" : ""}.`,
      complete: incomplete.length === 0,
      notes: [
        ...(after === undefined
          ? []
          : [
              "Each page is of its own moment: where stacks change between them, one may come again, and another be missed. A greater limit shows more of one moment."
            ]),
        ...(isLate
          ? [
              `Time ran out after ${amount(processes, "process", "processes")}; the others were not looked at. Allow more with timeout_ms. ${whyLate}`
            ]
          : []),
        ...(incomplete.includes("stacks")
          ? [
              `Only the first ${maxStacks} stacks that were found are told from one another; processes with others are counted as "other", and no filter finds them.`
            ]
          : [])
      ],
      data: {
        processes,
        total,
        matched,
        stacks: rows.map(({ row: { count, frames, isOther, isOwn, pids } }) => ({
          count,
          percent: percent(count, processes),
          pids: `${pids.map((pid) => terms.print(pid)).join(" ")}${count > pids.length ? " …" : ""}`,
          stack: isOwn
            ? ownWork
            : isOther
              ? "other"
              : frames.length === 0
                ? "unknown"
                : frames.map(terms.mfa).join(caller)
        }))
      },
      page: pageOf("stacks", listed),
      hints:
        first === undefined || first.row.pids[0] === undefined
          ? []
          : [`get_process_stacktrace ${JSON.stringify({ pid: terms.print(first.row.pids[0]) })}`]
    }
  })
})

/** The tools of the processes toolset that compare stacks. */
export const stackGroupTools: ReadonlyArray<Tool.Tool> = [groupStacktraces]
