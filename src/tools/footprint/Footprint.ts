import { Effect, Schema } from "effect"
import { footprint, footprintKinds, type FootprintRow, removeFootprint } from "../../beam/Footprint.ts"
import { visible } from "../../syntax/Escape.ts"
import { namePart } from "../AtomName.ts"
import {
  cursor,
  FilterText,
  isFiltering,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  noneOf,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { remainingMillis, shareOfTime } from "../Deadline.ts"
import { amount } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const shared = { toolset: "footprint", target: "connected" } as const

const Texts = Schema.optionalKey(Schema.Array(Schema.String))
const Text = Schema.optionalKey(Schema.String)
const Flag = Schema.optionalKey(Schema.Boolean)

/** Processes that are named of those that were removed. */
const maxRemoved = 50

const incompleteNotes: Readonly<Record<string, string>> = {
  deadline: "Time ran out before all processes had been looked at for workers and leftovers.",
  number: "There are too many workers and leftovers to look at all of them."
}

const notesOf = (incomplete: ReadonlyArray<string>): ReadonlyArray<string> =>
  incomplete.map((why) => incompleteNotes[why] ?? why)

const showRow = (row: FootprintRow, terms: Terms) => {
  const { kind } = row
  switch (row.kind) {
    case "link":
      return { kind, name: visible(row.name), own: row.isOurs }
    case "process":
      return { kind, name: terms.atom(row.name), pid: terms.print(row.pid), minds: mindedBy(row) }
    case "worker":
      return { kind, name: visible(row.name), pid: terms.print(row.pid) }
    case "leftover":
      return { kind, name: visible(row.name), pid: terms.print(row.pid), orphan: row.isOrphan || undefined }
    case "module":
      return {
        kind,
        name: terms.atom(row.name),
        minded_by: row.minder && terms.print(row.minder),
        orphan: row.minder === undefined ? true : undefined
      }
    case "flag":
      return { kind, name: terms.atom(row.name), on: row.isOn, minded_by: row.minder && terms.print(row.minder) }
  }
}

const mindedBy = ({ mindsModule, name }: { readonly mindsModule: boolean; readonly name: string }): string => {
  if (mindsModule) return "a loaded module"
  return name.includes("microstate") ? "microstate accounting" : "something"
}

const listFootprint = Tool.make({
  ...shared,
  access: "inspect",
  cost: "moderate",
  name: "list_footprint",
  title: "What Beamscope has on a node",
  description:
    "Everything of Beamscope on the node, of this link and of others: links, processes that mind something, workers of calls under way and what calls left running (both by link), loaded modules, switched flags. Next: remove_footprint.",
  input: {
    sort_by: sortBy(["kind", "name"], "kind"),
    filter: Schema.optionalKey(
      Schema.Struct({
        kind: Schema.optionalKey(Schema.Literals(footprintKinds)),
        name: Schema.optionalKey(FilterText)
      })
    ),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: {
    ...listOutput,
    footprint: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          kind: Schema.Literals(footprintKinds),
          name: Schema.String,
          own: Flag,
          pid: Text,
          minds: Text,
          orphan: Flag,
          on: Flag,
          minded_by: Text
        })
      )
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const read = yield* footprint(node, {
      ...(yield* listBounds(limit, after)),
      sort,
      kind: filter.kind,
      name: filter.name && namePart(filter.name)
    })
    const { counts, incomplete, matched, rows, total } = read
    const { leftover, link, module, orphans, others, process, worker } = counts
    const summary = `On ${node.name}: ${amount(link, "link")} of Beamscope (${others} of others), ${amount(process, "process that minds", "processes that mind")} something, ${amount(worker, "worker")}, ${amount(leftover, "process that a call left behind", "processes that calls left behind")}, ${amount(module, "module")}${orphans === 0 ? "" : `, ${orphans} of them with nobody to remove them`}.`
    return {
      summary: (shown: number) => {
        if (shown === total) return summary
        return `${summary} ${shown === 0 ? noneOf(read, isFiltering(filter), "entry", "entries") : `${shownOf(shown, matched, "entry", "entries")} listed.`}`
      },
      complete: incomplete.length === 0,
      notes: [
        ...notesOf(incomplete),
        "Microstate accounting that is on with nobody minding it was switched on by others. Scheduler wall time goes off with the processes that asked for it, which cannot be told.",
        "Other Beamscopes are known by the names that they have by themselves; one with a name of its operator's choice is not.",
        "Atoms are not removed from a node, by anybody: the names of our modules, and of links, stay."
      ],
      data: { total, matched, footprint: rows.map(({ row }) => showRow(row, terms)) },
      page: pageOf("footprint", read),
      hints: orphans === 0 && leftover === 0 ? ["disconnect_node"] : ["remove_footprint"]
    }
  })
})

const removeFootprintTool = Tool.make({
  ...shared,
  access: "observe",
  cost: "moderate",
  name: "remove_footprint",
  title: "Remove what nobody minds",
  description:
    "Removes modules of Beamscope that nobody minds any more, and ends processes that calls of this link, or of links that are gone, left behind. What live links have ends with them: disconnect_node for this one. Nothing else of the node is touched.",
  input: {},
  output: {
    removed: Texts,
    still_running: Texts,
    ended_count: Schema.Int,
    ended: Texts,
    still_linked_count: Schema.Int,
    still_linked: Texts
  },
  run: Effect.fnUntraced(function* (_input, node) {
    const terms = yield* termsOf(node)
    const deadlineMillis = (yield* remainingMillis) * shareOfTime
    const { ended, endedCount, incomplete, linked, linkedCount, removed, running } = yield* removeFootprint(node, {
      limit: maxRemoved,
      deadlineMillis
    })
    const taken = [
      ...(removed.length === 0 ? [] : [`removed ${amount(removed.length, "module")}`]),
      ...(endedCount === 0 ? [] : [`ended ${amount(endedCount, "process", "processes")}`])
    ]
    const kept = [
      ...(running.length === 0 ? [] : [amount(running.length, "module that still runs", "modules that still run")]),
      ...(linkedCount === 0
        ? []
        : [amount(linkedCount, "process that others are linked to", "processes that others are linked to")])
    ]
    const outcome = taken.length === 0 ? "nothing was removed" : taken.join(" and ")
    return {
      summary:
        taken.length === 0 && kept.length === 0
          ? `Nothing on ${node.name} was without somebody to remove it.`
          : `On ${node.name}, ${outcome}${kept.length === 0 ? "" : `; what stays: ${kept.join(", ")}`}.`,
      complete: incomplete.length === 0 && kept.length === 0,
      notes: [
        ...notesOf(incomplete),
        ...(running.length === 0
          ? []
          : ["A module that a process still runs is not removed: that would kill it. Try again later."]),
        ...(linkedCount === 0
          ? []
          : [
              "A process that others are linked to is not ended, where these are none that calls left behind: they might end, too."
            ])
      ],
      data: {
        removed: removed.map(terms.atom),
        still_running: running.map(terms.atom),
        ended_count: endedCount,
        ended: ended.map((pid) => terms.print(pid)),
        still_linked_count: linkedCount,
        still_linked: linked.map((pid) => terms.print(pid))
      },
      hints: ["list_footprint"]
    }
  })
})

/** The footprint toolset. */
export const footprintTools: ReadonlyArray<Tool.Tool> = [listFootprint, removeFootprintTool]
