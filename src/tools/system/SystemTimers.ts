import { Effect, Schema } from "effect"
import { type TimerCall, timers } from "../../beam/Timers.ts"
import { cursor, limitUpTo, listBounds, listOutput, ListPosition, pageOf, shownOf, sortBy } from "../Listing.ts"
import { amount, duration } from "../Quantity.ts"
import { termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const arityOf = (args: TimerCall["args"]): number => ("items" in args ? args.items.length : args.length)

/** Why timers may be missing; see {@link timers}. */
const why = (incomplete: string, total: number, release: number): string | undefined => {
  switch (incomplete) {
    case "closed":
      return `OTP ${release} lets nobody read the table of the timers: only how many there are is known.`
    case "many":
      return `${amount(total, "timer")} are too many to look at each; only how many there are is told.`
    default:
      return undefined
  }
}

const listTimers = Tool.make({
  toolset: "system",
  access: "inspect",
  cost: "moderate",
  target: "connected",
  name: "list_timers",
  title: "Timers of the module timer",
  description:
    "Timers of the timer server (`timer:apply_after`, `send_interval`, …). OTP 25 and 26 hide what they call, 27 and later all but their number; none lists those of erlang:send_after.",
  input: {
    sort_by: sortBy(["due", "repeats"], "due"),
    filter: Schema.optionalKey(Schema.Struct({ repeats: Schema.optionalKey(Schema.Boolean) })),
    limit: limitUpTo(200, 20),
    cursor
  },
  output: {
    ...listOutput,
    matched: Schema.optionalKey(Schema.Int),
    timers: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          due_in_ms: Schema.Int,
          repeats: Schema.Boolean,
          every_ms: Schema.optionalKey(Schema.Int),
          owner: Schema.optionalKey(Schema.String),
          function: Schema.optionalKey(Schema.String),
          arguments: Schema.optionalKey(Schema.String)
        })
      )
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const listed = yield* timers(node, {
      ...(yield* listBounds(limit, after)),
      sort,
      ...filter
    })
    const { incomplete, matched, rows, total } = listed
    const { otpRelease } = node.capabilities
    const isUnseen = incomplete.some((it) => it === "closed" || it === "many")
    const notes = [
      ...incomplete.flatMap((it) => why(it, total, otpRelease) ?? []),
      ...(rows.some(({ row }) => row.call === undefined)
        ? [`OTP ${otpRelease} does not tell what a timer will do: only when.`]
        : [])
    ]
    const first = rows[0]?.row
    return {
      summary: (shown: number) => {
        if (incomplete.includes("unused")) return "The timer server does not run: nobody has used the module timer."
        if (isUnseen) return `The timer server has ${amount(total, "timer")}.`
        if (first === undefined)
          return total === 0
            ? "The timer server has no timers."
            : matched === 0
              ? "No timer matches."
              : "No timer is left here."
        const when = first.dueMillis < 1000 ? `${Math.max(0, first.dueMillis)} ms` : duration(first.dueMillis)
        return `${shownOf(shown, matched, "timer")}; the first${after === undefined ? "" : " here"} is due in ${when}.`
      },
      complete: notes.length === 0,
      notes,
      data: (characters: number) => ({
        total,
        matched: isUnseen ? undefined : matched,
        timers: rows.map(({ row }) => ({
          due_in_ms: row.dueMillis,
          repeats: row.repeats,
          every_ms: row.everyMillis,
          owner: row.owner && terms.print(row.owner),
          function:
            row.call && terms.mfa({ module: row.call.module, name: row.call.name, arity: arityOf(row.call.args) }),
          arguments: row.call && terms.print(row.call.args, characters)
        }))
      }),
      page: pageOf("timers", listed)
    }
  })
})

export const systemTimerTools: ReadonlyArray<Tool.Tool> = [listTimers]
