import { Effect, Schema } from "effect"
import {
  type Descendant,
  processRelations,
  processTree,
  type Relation,
  relations,
  relationSorts,
  type Relative,
  type TreeIncomplete
} from "../../beam/ProcessRelations.ts"
import { stackTrace } from "../../beam/StackTrace.ts"
import { isTuple, Pid } from "../../etf/Term.ts"
import type { Mfa } from "../../syntax/Mfa.ts"
import { visible } from "../../syntax/Escape.ts"
import type { Undefinable } from "../Answer.ts"
import { remainingMillis, shareOfTime, whyLate } from "../Deadline.ts"
import {
  cursor,
  isFiltering,
  limitUpTo,
  listBounds,
  ListPosition,
  listOutput,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { atomName, namePart } from "../AtomName.ts"
import { Filter } from "./ProcessFilter.ts"
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
      return "Where a heap is large this release does not let a single entry of its dictionary be read: of such processes it is not known whose children they are, or which callback they have."
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

/** Each process before its children. */
const preorder = (rows: ReadonlyArray<Descendant>, terms: Terms): ReadonlyArray<Descendant> => {
  const below = new Map<string, Array<Descendant>>()
  for (const row of rows) {
    const parent = row.parent === undefined ? "" : terms.print(row.parent)
    below.set(parent, [...(below.get(parent) ?? []), row])
  }
  const ordered: Array<Descendant> = []
  const open = (below.get("") ?? []).toReversed()
  for (let row = open.pop(); row !== undefined; row = open.pop()) {
    ordered.push(row)
    open.push(...(below.get(terms.print(row.pid)) ?? []).toReversed())
  }
  return ordered
}

/** Processes that a tree is told of at most. */
const maxRows = 500

const TreeFilter = Schema.Struct({ name: Filter.fields.name, module: Filter.fields.module })

/**
 * Whether a process of a tree passes. Applied here, and not on the node: a tree is walked to know it, and what it answers
 * is no more than {@link maxRows}.
 */
const passes = (row: Descendant, { module, name }: typeof TreeFilter.Type): boolean =>
  (name === undefined || (row.registeredName?.toLowerCase().includes(namePart(name).toLowerCase()) ?? false)) &&
  (module === undefined || [row.initialCall, row.currentFunction].some((call) => isOf(atomName(module), call)))

/** The callback of a supervisor is `supervisor:Module/1`. */
const isOf = (module: string, call: Mfa | undefined): boolean =>
  call?.module === module || (call?.module === "supervisor" && call.name === module)

const getProcessChildren = Tool.make({
  ...shared,
  name: "get_process_children",
  title: "Processes below a process",
  description:
    "The tree below a process: whom it spawned (looks at each process of the node), or whom supervisors supervise. No process is sent a message: works where supervisors are stuck.",
  cost: "moderate",
  timeoutMillis: 15_000,
  input: {
    pid,
    tree: Schema.Literals(["spawned", "supervised"])
      .annotate({ description: "Default spawned", default: "spawned" })
      .pipe(Schema.withDecodingDefaultKey(Effect.succeed("spawned" as const))),
    depth: depthUpTo(10, 3),
    filter: Schema.optionalKey(TreeFilter),
    limit: limitUpTo(maxRows, 50)
  },
  output: {
    pid: Schema.String,
    name: Text,
    initial_call: Text,
    supervisor: Schema.Boolean,
    child_count: Schema.Int,
    matched: Schema.optionalKey(Schema.Int),
    processes: Schema.optionalKey(Schema.Array(Child))
  },
  run: Effect.fnUntraced(function* ({ depth, filter = {}, limit, pid: text, tree: kind }, node) {
    const terms = yield* termsOf(node)
    const process = yield* resolveProcess(node, text, terms)
    const deadlineMillis = (yield* remainingMillis) * shareOfTime
    const isFiltered = isFiltering(filter)
    // The process itself is a row, too.
    const most = (isFiltered ? maxRows : limit) + 1
    const tree = yield* processTree(node, process, { tree: kind, depth, limit: most, deadlineMillis })
    const root = tree?.rows[0]
    if (tree === undefined || root === undefined) return yield* ended(node, process, terms)
    const { incomplete, leftOut } = tree
    const [, ...all] = preorder(tree.rows, terms)
    const passing = all.filter((row) => passes(row, filter))
    const below = passing.slice(0, limit)
    const pidText = terms.print(process)
    const self = called(root.registeredName, pidText, terms)
    const isNone = kind === "supervised" && !root.isSupervisor
    const deeper = below.find((row) => row.depth === depth && row.children > 0)
    const counted = (shown: number) =>
      isFiltered
        ? `${passing.length} of ${amount(all.length, "process", "processes")} that were looked at`
        : shownOf(shown, below.length + leftOut, "process", "processes")
    return {
      summary: (shown: number) =>
        isNone
          ? `${self} is not known to be a supervisor${root.children === 0 ? "" : `; it spawned ${amount(root.children, "process", "processes")} that it is linked to, and ${shownOf(shown, all.length + leftOut, "process is", "processes are")} listed within ${amount(depth, "level")} below it`}.`
          : `${self} has ${amount(root.children, "child", "children")}; ${counted(shown)} within ${amount(depth, "level")} below it${isFiltered ? ` ${agree(passing.length, "passes", "pass")} the filter` : ""}.`,
      complete: incomplete.length === 0 && !isNone && !(isFiltered && leftOut > 0),
      notes: [
        ...(isNone
          ? [
              "Neither its dictionary nor its module says that it is a supervisor, and it was not asked: whether it has others below it is not known."
            ]
          : []),
        ...incomplete.map(treeNote),
        ...(passing.length > limit ? [`${passing.length - limit} more of these pass the filter (limit).`] : []),
        ...(leftOut > 0
          ? [
              `At least ${amount(leftOut, "more is", "more are")} on these levels ${isFiltered ? `and ${agree(leftOut, "was", "were")} not looked at: no more than ${maxRows} are` : "(limit)"}.`
            ]
          : [])
      ],
      data: {
        pid: pidText,
        name: nameText(root.registeredName, terms),
        initial_call: mfaText(root.initialCall, terms),
        supervisor: root.isSupervisor,
        child_count: root.children,
        matched: isFiltered ? passing.length : undefined,
        processes: below.map((row) => showChild(row, terms))
      },
      page: { rows: "processes" } as const,
      hints: isNone
        ? [`get_process_children ${JSON.stringify({ pid: pidText, tree: "spawned" })}`]
        : deeper === undefined
          ? []
          : [`get_process_children ${JSON.stringify({ pid: terms.print(deeper.pid), tree: kind })}`]
    }
  })
})

const Link = Schema.Struct({
  depth: Schema.Int,
  from: Text,
  relation: Schema.Literals(relations),
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
    "Links and monitors of a process, both ways, with names, ports and other nodes; depth 2 goes on to what its neighbours are linked to. Shows who goes down with it, and who will notice.",
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
    const { incomplete, matched, rows, total } = listed
    const pidText = terms.print(process)
    const one = rows.find(({ row }) => row.to instanceof Pid && !row.isGone && row.otherNode === undefined)
    return {
      summary: (shown: number) =>
        `${called(self.registeredName, pidText, terms)}: ${
          matched > 0
            ? shownOf(shown, matched, "link or monitor", "links and monitors")
            : total > 0
              ? `none of ${amount(total, "link or monitor", "links and monitors")} is ${among[filter?.relation ?? "link"]}`
              : "no links and no monitors"
        }${depth === 2 ? ", those of its neighbours included" : ""}.`,
      complete: incomplete.length === 0,
      notes: incomplete.includes("neighbours")
        ? ["It has more neighbours, or they more links, than are followed; of the others no links are told."]
        : [],
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
