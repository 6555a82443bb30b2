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
import { called } from "../processes/OneProcess.ts"
import { isUnread, unreadCalls } from "../processes/ProcessRows.ts"
import { amount } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const shared = { toolset: "footprint", target: "connected" } as const

const Texts = Schema.optionalKey(Schema.Array(Schema.String))
const Text = Schema.optionalKey(Schema.String)
const Flag = Schema.optionalKey(Schema.Boolean)

const incompleteNotes: Readonly<Record<string, string>> = {
  deadline: "Time ran out before all processes had been looked at for workers and leftovers.",
  number: "Of workers and leftovers only some two thousand were looked at; there may be more."
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
      return {
        kind,
        name: visible(row.name),
        pid: terms.print(row.pid),
        registered_name: row.registeredName && terms.atom(row.registeredName),
        initial_call: row.initialCall && terms.mfa(row.initialCall),
        linked_to_count: row.linkCount,
        linked_to: row.links.map((each) => terms.print(each)),
        monitored_by_count: row.monitoredByCount,
        monitored_by: row.monitoredBy.map((each) => terms.print(each))
      }
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

const leftoverNote = (terms: Terms): string =>
  `A leftover has the group leader of a Beamscope. All that a call starts inherits that, on whichever node: also what the node's own code starts on its first use and needs from then on, and what is at work for a call all the same. So nothing here ends leftovers: look at what one is and who holds it. One that nobody needs ends on the node by ${terms.mfa({ module: "erlang", name: "exit", arity: 2 })} with its pid and ${terms.atom("kill")}.`

const listFootprint = Tool.make({
  ...shared,
  access: "inspect",
  cost: "moderate",
  name: "list_footprint",
  title: "What Beamscope has on a node",
  description:
    "Everything of Beamscope on the node, of this link and of others: links, processes that mind something, workers of calls under way and leftovers, which calls started (both by link), loaded modules, switched flags. Next: remove_footprint for modules that nobody minds.",
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
          registered_name: Text,
          initial_call: Text,
          linked_to_count: Schema.optionalKey(Schema.Int),
          linked_to: Texts,
          monitored_by_count: Schema.optionalKey(Schema.Int),
          monitored_by: Texts,
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
    const summary = `On ${node.name}: ${amount(link, "link")} of Beamscope (${others} of others), ${amount(process, "process that minds", "processes that mind")} something, ${amount(worker, "worker")}, ${amount(leftover, "leftover")}, ${amount(module, "module")}${orphans === 0 ? "" : `, ${orphans} of them with nobody to remove them`}.`
    const leftovers = rows.flatMap(({ row }) => (row.kind === "leftover" ? [row] : []))
    const first = leftovers[0]
    const unread = unreadCalls(
      node.capabilities,
      leftovers.filter(isUnread).map((row) => called(row.registeredName, terms.print(row.pid), terms))
    )
    return {
      summary: (shown: number) => {
        if (shown === total) return summary
        return `${summary} ${shown === 0 ? noneOf(read, isFiltering(filter), "entry", "entries") : `${shownOf(shown, matched, "entry", "entries")} listed.`}`
      },
      complete: incomplete.length === 0 && unread.length === 0,
      notes: [
        ...notesOf(incomplete),
        ...unread,
        ...(leftover === 0 ? [] : [leftoverNote(terms)]),
        "Microstate accounting that is on with nobody minding it was switched on by others. Scheduler wall time goes off with the processes that asked for it, which cannot be told.",
        "Other Beamscopes are known by the names that they have by themselves: one with a name of its operator's choice is not, and any node on a host that is called beamscope or beamscope.local is taken for one.",
        "Atoms are not removed from a node, by anybody: the names of our modules, and of links, stay."
      ],
      data: { total, matched, footprint: rows.map(({ row }) => showRow(row, terms)) },
      page: pageOf("footprint", read),
      hints: [
        ...(orphans === 0 ? [] : ["remove_footprint"]),
        ...(first === undefined ? [] : [`get_process_info ${JSON.stringify({ pid: terms.print(first.pid) })}`])
      ]
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
    "Removes modules of Beamscope whose users are all gone and that nothing else will remove. Ends no process, so no leftover. What live links have ends with them: disconnect_node for this one. Nothing else of the node is touched.",
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
