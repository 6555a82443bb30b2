import { Effect, Schema } from "effect"
import {
  type Descendant,
  processRelations,
  processTree,
  type Relation,
  relations,
  relationSorts,
  type Relative,
  type TreeIncomplete,
  treeSorts
} from "../../beam/ProcessRelations.ts"
import { stackTrace } from "../../beam/StackTrace.ts"
import { isTuple, Pid } from "../../etf/Term.ts"
import { visible } from "../../syntax/Escape.ts"
import type { Undefinable } from "../Answer.ts"
import { whyLate } from "../Deadline.ts"
import {
  cursor,
  isFiltering,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  ofItsMoment,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { atomName, namePart } from "../AtomName.ts"
import { Filter } from "./ProcessFilter.ts"
import { isUnread, unreadCalls } from "./ProcessRows.ts"
import { called, mfaText, nameText, pid } from "./OneProcess.ts"
import { ended, resolveProcess } from "../ProcessArgument.ts"
import { agree, amount } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const shared = { toolset: "processes", access: "inspect", target: "connected" } as const

const Text = Schema.optionalKey(Schema.String)

const depthUpTo = (maximum: number, normal: number) =>
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))
    .annotate({ description: `1 to ${maximum}, default ${normal}`, default: normal })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed(normal)))

const treeNote = (why: TreeIncomplete): string => {
  switch (why) {
    case "deadline":
      return `Time ran out before all of the tree was seen. Allow more with timeout_ms. ${whyLate}`
    case "parent":
      return "This release does not tell who spawned whom: only children that proc_lib started and that are linked to their parent are seen."
    case "dictionary":
      return "Where a heap, or a dictionary when copied, is large this release does not let a single entry of the dictionary be read: of such processes it is not known whose children they are, which callback they have, or whether they are supervisors; those that they spawned and are linked to are told as if they were."
    case "links":
      return "Of some process only the first 1,000 links were looked at."
  }
}

const Child = Schema.Struct({
  depth: Schema.Int,
  pid: Schema.String,
  name: Text,
  initial_call: Text,
  current_function: Text,
  supervisor: Schema.optionalKey(Schema.Boolean),
  children: Schema.Int,
  parent: Text
})

const showChild = (row: Descendant, terms: Terms): Undefinable<typeof Child.Type> => ({
  depth: row.depth,
  pid: terms.print(row.pid),
  name: nameText(row.registeredName, terms),
  initial_call: mfaText(row.initialCall, terms),
  current_function: mfaText(row.currentFunction, terms),
  supervisor: row.isSupervisor ? true : undefined,
  children: row.children,
  parent: row.parent && terms.print(row.parent)
})

const TreeFilter = Schema.Struct({ name: Filter.fields.name, module: Filter.fields.module })

const getProcessChildren = Tool.make({
  ...shared,
  name: "get_process_children",
  title: "Processes below a process",
  description:
    "The tree below a process: whom it spawned (looks at every process), or whom supervisors supervise. Sends no message: works where supervisors are stuck.",
  cost: "moderate",
  timeoutMillis: 15_000,
  position: ListPosition,
  input: {
    pid,
    tree: Schema.Literals(["spawned", "supervised"])
      .annotate({ description: "Default spawned", default: "spawned" })
      .pipe(Schema.withDecodingDefaultKey(Effect.succeed("spawned" as const))),
    depth: depthUpTo(10, 3),
    sort_by: sortBy(treeSorts, "tree"),
    filter: Schema.optionalKey(TreeFilter),
    limit: limitUpTo(500, 50),
    cursor
  },
  output: {
    pid: Schema.String,
    name: Text,
    initial_call: Text,
    supervisor: Schema.optionalKey(Schema.Boolean),
    child_count: Schema.Int,
    ...listOutput,
    processes: Schema.optionalKey(Schema.Array(Child))
  },
  run: Effect.fnUntraced(function* ({ depth, filter = {}, limit, pid: text, sort_by: sort, tree: kind }, node, after) {
    const terms = yield* termsOf(node)
    const process = yield* resolveProcess(node, text, terms)
    const tree = yield* processTree(
      node,
      process,
      { ...(yield* listBounds(limit, after)), sort },
      {
        tree: kind,
        depth,
        name: filter.name === undefined ? undefined : namePart(filter.name),
        module: filter.module === undefined ? undefined : atomName(filter.module)
      }
    )
    if (tree === undefined) return yield* ended(node, process, terms)
    const { incomplete, leftOut, matched, root, rows, total } = tree
    const pidText = terms.print(process)
    const self = called(root.registeredName, pidText, terms)
    const isNone = kind === "supervised" && root.isSupervisor === false
    const isUnknown = kind === "supervised" && root.isSupervisor === undefined
    const deeper = rows.find(({ row }) => row.depth === depth && row.children > 0)
    const within = `within ${amount(depth, "level")} below it`
    const listed = (shown: number) =>
      isFiltering(filter)
        ? `${matched} of ${amount(total - leftOut, "process", "processes")} that were looked at ${within} ${agree(matched, "passes", "pass")} the filter${shown === matched ? "" : `, ${shown} of them here`}`
        : `${shownOf(shown, total, "process", "processes")} ${within}`
    return {
      summary: (shown: number) =>
        isNone
          ? `${self} is not known to be a supervisor${root.children === 0 ? "" : `; it spawned ${amount(root.children, "process", "processes")} that it is linked to; ${listed(shown)}`}.`
          : `${self} ${isUnknown ? "may be a supervisor, which could not be read; it " : ""}has ${amount(root.children, "child", "children")}; ${listed(shown)}.`,
      complete: incomplete.length === 0 && !isNone && leftOut === 0,
      notes: [
        ...ofItsMoment(after, sort, "process", ["tree", "depth", "name"]),
        ...(isNone
          ? [
              "Neither its dictionary nor its module says that it is a supervisor, and it was not asked: whether it has others below it is not known."
            ]
          : []),
        ...incomplete.map(treeNote),
        ...(leftOut > 0 && !incomplete.includes("deadline")
          ? [
              `At least ${amount(leftOut, "more is", "more are")} on these levels and ${agree(leftOut, "was", "were")} not looked at: no more than ${total - leftOut} are. Ask for those below one of its children, or for fewer levels.`
            ]
          : [])
      ],
      data: {
        pid: pidText,
        name: nameText(root.registeredName, terms),
        initial_call: mfaText(root.initialCall, terms),
        supervisor: root.isSupervisor,
        child_count: root.children,
        total,
        matched,
        processes: rows.map(({ row }) => showChild(row, terms))
      },
      page: pageOf("processes", tree),
      hints: isNone
        ? [`get_process_children ${JSON.stringify({ pid: pidText, tree: "spawned" })}`]
        : isUnknown
          ? [`get_supervision_tree ${JSON.stringify({ root: pidText })}`]
          : deeper === undefined
            ? []
            : [`get_process_children ${JSON.stringify({ pid: terms.print(deeper.row.pid), tree: kind })}`]
    }
  })
})

const Link = Schema.Struct({
  depth: Schema.Int,
  from: Text,
  relation: Schema.Literals(relations),
  count: Schema.optionalKey(Schema.Int),
  to: Schema.String,
  name: Text,
  node: Text,
  port: Text,
  initial_call: Text,
  current_function: Text,
  gone: Schema.optionalKey(Schema.Boolean)
})

const showLink = (row: Relative, terms: Terms): Undefinable<typeof Link.Type> => ({
  depth: row.depth,
  from: row.depth === 1 ? undefined : terms.print(row.from),
  relation: row.relation,
  count: row.count > 1 ? row.count : undefined,
  to: isTuple(row.to) && row.registeredName !== undefined ? "by name" : terms.print(row.to, 250),
  name: nameText(row.registeredName, terms),
  node: row.otherNode === undefined ? undefined : visible(row.otherNode),
  port: row.port === undefined ? undefined : visible(row.port),
  initial_call: mfaText(row.initialCall, terms),
  current_function: mfaText(row.currentFunction, terms),
  gone: row.isGone ? true : undefined
})

/** What a relation is, where there is none of it. */
const among: Record<Relation, string> = {
  link: "a link",
  monitors: "a monitor of its own",
  monitored_by: "a monitor by another"
}

const getProcessLinks = Tool.make({
  ...shared,
  name: "get_process_links",
  title: "Links and monitors of a process",
  description:
    "Links and monitors of a process, both ways, with names, ports and other nodes; depth 2: those of its neighbours, too. Shows who goes down with it, and who will notice.",
  cost: "cheap",
  position: ListPosition,
  input: {
    pid,
    depth: depthUpTo(2, 1),
    sort_by: sortBy(relationSorts, "depth"),
    filter: Schema.optionalKey(Schema.Struct({ relation: Schema.optionalKey(Schema.Literals(relations)) })),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: {
    pid: Schema.String,
    name: Text,
    ...listOutput,
    links: Schema.optionalKey(Schema.Array(Link))
  },
  run: Effect.fnUntraced(function* ({ depth, filter, limit, pid: text, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const process = yield* resolveProcess(node, text, terms)
    const [self, listed] = yield* Effect.all(
      [
        stackTrace(node, process),
        processRelations(
          node,
          process,
          { ...(yield* listBounds(limit, after)), sort },
          { depth, relation: filter?.relation }
        )
      ],
      { concurrency: "unbounded" }
    )
    if (self === undefined) return yield* ended(node, process, terms)
    const { incomplete, matched, rows, sum, total } = listed
    const pidText = terms.print(process)
    const callless = rows.flatMap(({ row }) => (isUnread(row) ? [row] : []))
    const unread = unreadCalls(node.capabilities, [
      ...new Set(callless.map(({ registeredName, to }) => called(registeredName, terms.print(to, 250), terms)))
    ])
    const one = rows.find(({ row }) => row.to instanceof Pid && !row.isGone && row.otherNode === undefined)
    return {
      summary: (shown: number) =>
        `${called(self.registeredName, pidText, terms)}: ${
          sum > matched
            ? `${amount(sum, "link or monitor", "links and monitors")}, equal ones in one row with a count: ${shownOf(shown, matched, "row")}`
            : matched > 0
              ? shownOf(shown, matched, "link or monitor", "links and monitors")
              : total > 0
                ? `none of ${amount(total, "link or monitor", "links and monitors")} is ${among[filter?.relation ?? "link"]}`
                : "no links and no monitors"
        }${depth === 2 ? ", those of its neighbours included" : ""}.`,
      complete: incomplete.length === 0 && unread.length === 0,
      notes: [
        ...(incomplete.includes("neighbours")
          ? ["It has more neighbours, or they more links, than are followed; of the others no links are told."]
          : []),
        ...unread
      ],
      data: {
        pid: pidText,
        name: nameText(self.registeredName, terms),
        total,
        matched,
        links: rows.map(({ row }) => showLink(row, terms))
      },
      page: pageOf("links", listed),
      hints: one === undefined ? [] : [`get_process_info ${JSON.stringify({ pid: terms.print(one.row.to) })}`]
    }
  })
})

/** The tools of the processes toolset that look at what stands around one. */
export const processRelationTools: ReadonlyArray<Tool.Tool> = [getProcessChildren, getProcessLinks]
