import { Effect, Schema } from "effect"
import { processGroups } from "../../beam/Processes.ts"
import type { Grouping, GroupsQuery, ProcessFilter, ProcessGroup } from "../../beam/ProcessQuery.ts"
import { type ProcessKey, readMfa } from "../../beam/ProcessRow.ts"

import { Atom } from "../../etf/Term.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { ledBy, listBounds, type ListPosition, toPosition } from "../Listing.ts"
import { guessedBehaviours, laterCallbacks, none, noLabels } from "./ProcessFilter.ts"
import { ownWork, say, scanNotes, showLabel, withLimits } from "./ProcessRows.ts"
import { amount } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import { ToolError } from "../ToolError.ts"

const Group = Schema.Struct({
  group: Schema.String,
  count: Schema.Int,
  memory_bytes: Schema.Int,
  message_queue_length: Schema.Int,
  reductions: Schema.Int,
  not_measured: Schema.optionalKey(Schema.Int)
})

/** What groups add to the data of a list. */
export const groupsOutput = {
  group_count: Schema.optionalKey(Schema.Int),
  groups: Schema.optionalKey(Schema.Array(Group))
}

const orders = {
  count: "count",
  memory: "memory",
  message_queue: "message_queue_len",
  reductions: "reductions"
} as const satisfies Record<string, GroupsQuery["order"]>

/** What is said behind a cursor. */
const laterPage =
  "Each page is of its own moment: where sums change between them, a group may come again, and another be missed. A greater limit shows more of one moment."

const isOrder = (name: string): name is keyof typeof orders => name in orders

const spokenGrouping = {
  initial_call: "initial call",
  application: "application",
  label: "label",
  current_function: "current function"
} as const satisfies Record<Grouping, string>

/** Those without the value that others are counted by. */
const nothingOf = {
  initial_call: "(unknown)",
  application: "(no application)",
  label: "(no label)",
  current_function: "(no function)"
} as const satisfies Record<Grouping, string>

const showKey = ({ key }: ProcessGroup, by: Grouping, terms: Terms): string => {
  if (key === "none") return nothingOf[by]
  if (key === "unread") return `(${by === "label" ? "label" : "callback"} not read: long queue, large heap or no time)`
  if (key === "own") return ownWork
  if (key === "other") return "(all groups beyond 10,000)"
  if (by === "application" && key.term instanceof Atom) return terms.atom(key.term.text)
  const mfa = by === "initial_call" || by === "current_function" ? readMfa(key.term) : undefined
  if (mfa !== undefined) return terms.mfa(mfa)
  return showLabel(key, terms) ?? ""
}

const sumOf = (group: ProcessGroup, order: ProcessKey | "count", { capabilities }: ErlangNode): string => {
  switch (order) {
    case "message_queue_len":
      return say(group.messages, order, capabilities.wordBytes)
    case "reductions":
      return say(group.reductions, order, capabilities.wordBytes)
    default:
      return say(group.memory, "memory", capabilities.wordBytes)
  }
}

/** How many processes are alike, and what they hold together. */
export const answerGroups = Effect.fnUntraced(function* (
  node: ErlangNode,
  {
    by,
    filter,
    limit,
    sort
  }: { readonly by: Grouping; readonly sort: string; readonly limit: number; readonly filter: ProcessFilter },
  after: ListPosition | undefined
) {
  if (!isOrder(sort)) {
    return yield* new ToolError({
      code: "invalid_input",
      message: `\`sort_by\`: groups are sorted by ${Object.keys(orders).join(", ")}, not by ${sort}.`,
      retryable: false
    })
  }
  const terms = yield* termsOf(node)
  const order = orders[sort]
  const answer = yield* processGroups(node, { by, order, filter, ...(yield* listBounds(limit, after)) })
  if (answer.incomplete.includes("label")) return yield* noLabels(node)
  const { groupCount, groups, matched, next, total } = answer
  const notMeasured = groups.reduce((sum, { unmeasured }) => sum + unmeasured, 0)
  const notes = [
    ...scanNotes(answer, [], terms, node),
    ...guessedBehaviours(filter),
    ...(notMeasured === 0
      ? []
      : [
          `The memory of ${amount(notMeasured, "process with a long message queue", "processes with long message queues")} is in no sum (not_measured): reading it would walk the queue.`
        ])
  ]
  // What is said first, and hinted at, is of others.
  const first = groups.find(({ key }) => key !== "own") ?? groups[0]
  const leading =
    first &&
    `${showKey(first, by, terms)}: ${amount(first.count, "process", "processes")} with ${sumOf(first, order, node)}`
  return {
    summary: (shown: number) =>
      first === undefined
        ? withLimits(
            groupCount === 0 ? none(filter, answer, terms) : `None of ${groupCount} groups is left here.`,
            answer
          )
        : withLimits(
            `${amount(matched, "process", "processes")} in ${amount(groupCount, "group")} by ${spokenGrouping[by]}${shown === groupCount ? "" : `, ${amount(shown, "group")} here`}${ledBy(leading, after)}.`,
            answer
          ),
    complete: notes.length === 0,
    notes: [...(after === undefined ? [] : [laterPage]), ...notes, ...laterCallbacks(filter)],
    data: {
      total,
      matched,
      group_count: groupCount,
      groups: groups.map((group) => ({
        group: showKey(group, by, terms),
        count: group.count,
        memory_bytes: group.memory,
        message_queue_length: group.messages,
        reductions: group.reductions,
        not_measured: group.unmeasured === 0 ? undefined : group.unmeasured
      }))
    },
    page: {
      rows: "groups",
      next: next && toPosition(next),
      after: (row: number) => toPosition(groups[row]!.place)
    } as const,
    hints: first === undefined ? [] : members(first, by, terms)
  }
})

/** The processes of a group, where a filter takes its key as it is shown. */
const members = (group: ProcessGroup, by: Grouping, terms: Terms): ReadonlyArray<string> => {
  const text = showKey(group, by, terms)
  if (typeof group.key === "string" || (by !== "application" && by !== "initial_call")) return []
  return [`list_processes ${JSON.stringify({ filter: { [by]: text } })}`]
}
