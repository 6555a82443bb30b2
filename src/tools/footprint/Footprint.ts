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
import { amount } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const shared = { toolset: "footprint", target: "connected" } as const

const Texts = Schema.optionalKey(Schema.Array(Schema.String))
const Text = Schema.optionalKey(Schema.String)
const Flag = Schema.optionalKey(Schema.Boolean)

const showRow = (row: FootprintRow, terms: Terms) => {
  const { kind } = row
  switch (row.kind) {
    case "link":
      return { kind, name: visible(row.name), own: row.isOurs }
    case "process":
      return { kind, name: terms.atom(row.name), pid: terms.print(row.pid), minds: mindedBy(row) }
    case "worker":
      return { kind, name: visible(row.name), pid: terms.print(row.pid) }
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
    "Everything of Beamscope on the node, of this link and of others: links, processes that mind something, workers of calls under way (by link), loaded modules, switched flags. Next: remove_footprint.",
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
    const { link, module, orphans, others, process, worker } = counts
    const summary = `On ${node.name}: ${amount(link, "link")} of Beamscope (${others} of others), ${amount(process, "process that minds", "processes that mind")} something, ${amount(worker, "worker")}, ${amount(module, "module")}${orphans === 0 ? "" : `, ${orphans} of them with nobody to remove them`}.`
    return {
      summary: (shown: number) => {
        if (shown === total) return summary
        return `${summary} ${shown === 0 ? noneOf(read, isFiltering(filter), "entry", "entries") : `${shownOf(shown, matched, "entry", "entries")} listed.`}`
      },
      complete: incomplete.length === 0,
      notes: [
        ...(incomplete.length === 0 ? [] : ["Time ran out before all processes had been looked at for workers."]),
        "Microstate accounting that is on with nobody minding it was switched on by others. Scheduler wall time goes off with the processes that asked for it, which cannot be told.",
        "Other Beamscopes are known by the names that they have by themselves; one with a name of its operator's choice is not.",
        "Atoms are not removed from a node, by anybody: the names of our modules, and of links, stay."
      ],
      data: { total, matched, footprint: rows.map(({ row }) => showRow(row, terms)) },
      page: pageOf("footprint", read),
      hints: orphans === 0 ? ["disconnect_node"] : ["remove_footprint"]
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
    "Removes modules of Beamscope whose users are all gone and that nothing else will remove. What live links have ends with them: disconnect_node for this one. Nothing else of the node is touched.",
  input: {},
  output: { removed: Texts, still_running: Texts },
  run: Effect.fnUntraced(function* (_input, node) {
    const terms = yield* termsOf(node)
    const { removed, running } = yield* removeFootprint(node)
    return {
      summary:
        removed.length === 0 && running.length === 0
          ? `Nothing on ${node.name} was without somebody to remove it.`
          : `Removed ${amount(removed.length, "module")} from ${node.name}${running.length === 0 ? "" : `; ${amount(running.length, "still runs and stays", "still run and stay")}`}.`,
      complete: running.length === 0,
      notes:
        running.length === 0
          ? []
          : ["A module that a process still runs is not removed: that would kill it. Try again later."],
      data: { removed: removed.map(terms.atom), still_running: running.map(terms.atom) },
      hints: ["list_footprint"]
    }
  })
})

/** The footprint toolset. */
export const footprintTools: ReadonlyArray<Tool.Tool> = [listFootprint, removeFootprintTool]
