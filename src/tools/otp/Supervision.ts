import { Effect, Schema } from "effect"
import { runningApplications } from "../../beam/Applications.ts"
import type { Listed } from "../../beam/Listing.ts"
import { readCount, readMfa } from "../../beam/ProcessRow.ts"
import { type Child, childStatuses, type Outside, supervisionTree, type Tree } from "../../beam/Supervision.ts"
import { Atom, isAtom, isTuple, Pid, type Term } from "../../etf/Term.ts"
import type { CallError } from "../../node/CallError.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { visible } from "../../syntax/Escape.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { parsePid } from "../../syntax/Identifier.ts"
import { NameText } from "../ArgumentText.ts"
import { atomName } from "../AtomName.ts"
import { countCut, cutNote } from "../CutValues.ts"
import { remainingMillis } from "../Deadline.ts"
import {
  cursor,
  FilterText,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  ofItsMoment,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { allowing, heapBytes, megabytesFor, permittedHeap } from "../MaxHeap.ts"
import { ended, localPid, resolveProcess, similarNames } from "../ProcessArgument.ts"
import { agree, amount, bytes } from "../Quantity.ts"
import { partPattern } from "../TermPart.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"

const depths = { minimum: 1, maximum: 20 }
const normalDepth = 8

/** Children of one supervisor that are listed, but for the one that a tree begins with, which has all listed. */
const listedChildren = 200

/** Milliseconds that one supervisor has for an answer, at most. */
const patience = 1_000

const Count = Schema.optionalKey(Schema.Int)
const Text = Schema.optionalKey(Schema.String)

const Row = Schema.Struct({
  depth: Schema.Int,
  id: Schema.String,
  path: Text,
  pid: Text,
  name: Text,
  type: Schema.String,
  status: Text,
  not_asked: Text,
  started_by: Text,
  modules: Text,
  memory_bytes: Count,
  message_queue_length: Count,
  children: Count,
  listed_children: Count,
  active_children: Count,
  children_memory_bytes: Count,
  children_messages: Count,
  strategy: Text,
  restarts: Count,
  max_restarts: Count,
  max_seconds: Count
})

const getSupervisionTree = Tool.make({
  name: "get_supervision_tree",
  title: "Supervision tree",
  toolset: "otp",
  access: "inspect",
  cost: "moderate",
  target: "connected",
  description:
    "Supervisors and their children, of the node or below root: ids, pids, strategy, restarts used up. Busy ones are told, not asked. Next: get_gen_server_state.",
  timeoutMillis: 15_000,
  input: {
    root: Schema.optionalKey(NameText.annotate({ description: "Supervisor (pid, name) or application; default all" })),
    depth: Schema.Int.check(Schema.isBetween(depths))
      .annotate({ description: `${depths.minimum} to ${depths.maximum}, default ${normalDepth}`, default: normalDepth })
      .pipe(Schema.withDecodingDefaultKey(Effect.succeed(normalDepth))),
    sort_by: sortBy(["tree", "memory", "message_queue", "restarts"], "tree"),
    filter: Schema.optionalKey(
      Schema.Struct({
        text: Schema.optionalKey(FilterText.annotate({ description: "Pid, or part of an id, name or module" })),
        type: Schema.optionalKey(Schema.Literals(["worker", "supervisor"])),
        status: Schema.optionalKey(Schema.Literals(childStatuses)),
        min_restarts: Schema.optionalKey(
          Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })).annotate({ description: "1 or more" })
        )
      })
    ),
    max_heap_mb: permittedHeap("the root"),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: { ...listOutput, tree: Schema.optionalKey(Schema.Array(Row)) },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ depth, filter = {}, limit, max_heap_mb, root, sort_by }, node, after) {
    if (max_heap_mb !== undefined && root === undefined) return yield* rootless
    const terms = yield* termsOf(node)
    if (max_heap_mb !== undefined)
      yield* Effect.logWarning(
        `${node.name}: children and state of ${excerpt(root ?? "")} are asked for with a heap of up to ${max_heap_mb} MB`
      )
    const from = root === undefined ? undefined : yield* rootOf(node, root, terms)
    const child = filter.text === undefined ? undefined : yield* childOf(node, filter.text)
    const left = yield* remainingMillis
    const listed = yield* supervisionTree(node, {
      ...(yield* listBounds(limit, after)),
      root: from,
      depth,
      sort: sort_by,
      children: listedChildren,
      permittedHeap: max_heap_mb === undefined ? undefined : heapBytes(max_heap_mb),
      callMillis: Math.min(patience, left / 5),
      pattern: filter.text === undefined || child !== undefined ? undefined : yield* partPattern(node, filter.text),
      child,
      type: filter.type,
      status: filter.status,
      minRestarts: filter.min_restarts
    }).pipe(
      Effect.catchReasons("CallError", {
        Raised: ({ reason }, error) =>
          isTuple(reason, "no_root")
            ? noRoot(node, root ?? "", terms)
            : Effect.fail(noTree(node, root ?? "", reason, error, terms)),
        UnknownAtom: () => noRoot(node, root ?? "", terms)
      })
    )
    const rows = listed.rows.map(({ row }) => row)
    const isFiltered = Object.keys(filter).length > 0
    const notes = [
      ...missing(listed, depth),
      ...missingOutside(listed.outside, terms),
      ...(listed.looked === undefined
        ? []
        : [
            `Of ${amount(listed.looked.children, "further child", "further children")} of the root ${amount(listed.looked.seen, "was", "were")} looked at when time ran out. Allow more with timeout_ms.`
          ]),
      ...unknownRestarts(listed),
      ...rows.flatMap((row) => rowNotes(row, root !== undefined && row.depth === 1, max_heap_mb, terms))
    ]
    // The root is shown with its children, and is none of them.
    const children = (shown: number) => rows.slice(0, shown).filter((row) => root === undefined || row.depth > 1)
    const supervisors = (shown: number) => children(shown).filter(({ type }) => type === "supervisor").length
    const crowds = rows.filter(isCrowd)
    const under = root === undefined ? "" : ` under ${excerpt(root)}`
    const counted = (shown: number): string => {
      const { incomplete, matched, total } = listed
      const isEmpty = rows.some((row) => row.supervisor?.active === 0)
      if (total === 0 && incomplete.length > 0 && !isEmpty) return `No child${under} was seen`
      if (root !== undefined && depth === 1)
        return `${shownOf(0, total, "child", "children")}${under}${total === 0 ? "" : `, which a depth of 1 does not list`}`
      if (matched === 0 && total > 0)
        return `None of ${amount(total, "child", "children")}${under} ${incomplete.length === 0 ? "passes the filter" : "was seen to pass the filter: not all was read"}`
      return `${shownOf(children(shown).length, matched, "child", "children")}${under}, ${amount(supervisors(shown), "supervisor")} among them`
    }
    return {
      summary: (shown: number) =>
        `${counted(shown)}${
          crowds.length === 0
            ? ""
            : `; ${crowds
                .slice(0, 3)
                .map(
                  (row) =>
                    `of the ${amount(row.supervisor.children, "child", "children")} of ${nameOf(row, terms)} ${row.supervisor.listed.toLocaleString("en-US")} are listed`
                )
                .join(", ")}`
        }${isFiltered ? "" : outsideText(listed.outside)}${restartsText(listed, terms)}.`,
      complete: notes.length === 0,
      notes: [...ofItsMoment(after, sort_by, "child", ["tree"]), ...notes],
      cut: (characters: number, shown: number) => {
        const [cutThere, whole] = [true, false].map((isCut) =>
          rows.slice(0, shown).filter((it) => it.isIdCut === isCut)
        )
        const prints = whole!.map(
          ({ id }) =>
            (most?: number) =>
              terms.print(id, most)
        )
        return cutNote(cutThere!.length + countCut(prints, characters), "id")
      },
      data: (characters: number) => ({
        // A root that was asked for has a row like the others.
        total: listed.total + listed.roots.total,
        matched: listed.matched + listed.roots.matched,
        tree: rows.map((row) => showRow(row, filter.text !== undefined || sort_by !== "tree", terms, characters))
      }),
      page: pageOf("tree", listed),
      hints: [
        ...(!isFiltered && (listed.outside?.listed ?? 0) > 0 && rows.every(({ started }) => started === undefined)
          ? ['get_supervision_tree {"depth":1}']
          : []),
        ...hintsFor(rows, max_heap_mb, terms)
      ]
    }
  })
})

const outsideText = (outside: Outside | undefined): string =>
  outside === undefined || outside.found === 0
    ? ""
    : `; ${amount(outside.found, "supervisor stands", "supervisors stand")} outside of the applications' trees (started_by)`

/** What is said where supervisors outside of the trees of applications may be missing. */
const missingOutside = (outside: Outside | undefined, terms: Terms): ReadonlyArray<string> => {
  if (outside === undefined) return []
  const { found, listed, unread, unsought } = outside
  const others = unread.count - unread.some.length
  return [
    ...(found > listed
      ? [
          `Of ${amount(found, "supervisor")} outside of the applications' trees ${agree(listed, "only one is", `only ${listed.toLocaleString("en-US")} are`)} listed (${listedChildren} of one starter, 1,000 in all): begin at another with root.`
        ]
      : []),
    ...(unread.count > 0
      ? [
          `Whether ${amount(unread.count, "process is a supervisor", "processes are supervisors")} outside of the applications' trees could not be read (before OTP 26.2 that copies the heap, or the queue is long): ${unread.some.map((it) => terms.print(it)).join(", ")}${others > 0 ? ` and ${others.toLocaleString("en-US")} more` : ""}. With one as root, max_heap_mb has it read.`
        ]
      : []),
    ...(unsought > 0
      ? [
          `${amount(unsought, "process was", "processes were")} not looked at for supervisors outside of the applications' trees: time ran out, more than 100,000 might be some, or there are more than 200,000 (100,000 where they wait for the schedulers), of which only those with a name are looked at. list_processes {"filter":{"behaviour":"supervisor"}} finds them, and root begins at one.`
        ]
      : [])
  ]
}

/** Where restarts were told, and of how many supervisors nobody has asked for them: only those on a page are. */
const restartsText = ({ restarts, rows, supervisors }: Tree, terms: Terms): string => {
  const restarted = rows.flatMap(({ row }) => {
    const told = row.supervisor?.restarts
    return told !== undefined && told.count > 0 ? [{ ...told, name: nameOf(row, terms) }] : []
  })
  const named = restarted
    .slice(0, 3)
    .map(({ allowed, count, name }) => `${name} (${count} of ${allowed} allowed)`)
    .join(", ")
  if (restarts?.told === 0 && supervisors > 0) return "; restarts are known of no supervisor"
  if (restarts !== undefined)
    return `; restarts lately under ${restarts.restarted === 0 ? "none" : restarts.restarted.toLocaleString("en-US")} of ${amount(restarts.told, "supervisor")} that told${named === "" ? "" : `: ${named}`}`
  const elsewhere =
    supervisors - rows.filter(({ row }) => row.type === "supervisor" && row.status === "running" && !row.isAgain).length
  return `${named === "" ? "" : `; restarts lately under ${named}`}${elsewhere <= 0 ? "" : `; ${amount(elsewhere, "supervisor that is", "supervisors that are")} not on this page ${agree(elsewhere, "was", "were")} not asked for restarts (sort_by restarts asks all)`}`
}

/** What is said where restarts sort or filter, and are not known of all. */
const unknownRestarts = ({ restarts, supervisors }: Tree): ReadonlyArray<string> =>
  restarts === undefined || restarts.told >= supervisors
    ? []
    : [
        `Restarts of ${amount(supervisors - restarts.told, "supervisor")} are not known: at most 1,000 are asked, in the time that is left, and none that is busy, has a large heap (as root with max_heap_mb it tells them) or is none of OTP's.`
      ]

/** The callback of a supervisor of Elixir that has no module of its own. */
const withoutModule = "Elixir.Supervisor.Default"

/** How a row is called where it stands alone: by its name, or else by its id, where that tells it from others. */
const nameOf = ({ id, name, pid, supervisor }: Child, terms: Terms): string => {
  if (name !== undefined) return terms.atom(name)
  if (!(id instanceof Atom) || (id.text !== "undefined" && id.text !== withoutModule)) return terms.print(id)
  const callback = supervisor?.callback
  const module = callback === undefined || callback === withoutModule ? "" : ` (${terms.atom(callback)})`
  return pid === undefined ? terms.print(id) : `${terms.print(pid)}${module}`
}

/** A supervisor with more children than have rows. */
const isCrowd = (row: Child): row is Crowd =>
  row.supervisor?.children !== undefined &&
  row.supervisor.listed !== undefined &&
  row.supervisor.listed < row.supervisor.children

type Crowd = Child & { readonly supervisor: { readonly children: number; readonly listed: number } }

const invalid = (code: ToolError["code"], message: string, next: string): ToolError =>
  new ToolError({ code, message, retryable: false, next })

/** A process, or a name that may be an application's. */
const rootOf = (node: ErlangNode, text: string, terms: Terms): Effect.Effect<Pid | string, ToolError | CallError> => {
  const parsed = parsePid(text)
  return parsed._tag === "Name" ? Effect.succeed(parsed.name) : resolveProcess(node, text, terms)
}

/** The process that a filter names by its pid. */
const childOf = (node: ErlangNode, text: string): Effect.Effect<Pid | undefined, ToolError | CallError> => {
  const parsed = parsePid(text)
  return parsed._tag === "Pid" && (parsed.node === undefined || parsed.node === node.name)
    ? localPid(node, parsed.id, parsed.serial)
    : Effect.undefined
}

const rootless = invalid(
  "invalid_input",
  "max_heap_mb permits one supervisor to be asked, the root, and no root is given.",
  "get_supervision_tree with root and max_heap_mb"
)

const noRoot = (node: ErlangNode, text: string, terms: Terms): Effect.Effect<never, ToolError | CallError> =>
  Effect.flatMap(
    Effect.flatMap(runningApplications(node), (applications) => similarNames(node, atomName(text), applications)),
    (near) =>
      Effect.fail(
        new ToolError({
          code: "not_found",
          message: `On ${node.name} there is neither a process registered as ${excerpt(text)} nor a running application of this name with a process at its top.`,
          retryable: false,
          next: 'get_supervision_tree {"depth": 1}',
          didYouMean: near.map(terms.atom)
        })
      )
  )

const noTree = (
  node: ErlangNode,
  text: string,
  reason: Term,
  error: CallError,
  terms: Terms
): ToolError | CallError => {
  if (isAtom(reason, "changed"))
    return invalid(
      "invalid_input",
      `The children of ${excerpt(text)} are told in another way, and in another order, than on the page before: they, or its heap, have become more, or less. The cursor leads nowhere.`,
      `get_supervision_tree ${JSON.stringify({ root: text })}`
    )
  if (isTuple(reason, "ended") && reason[1] instanceof Pid) return ended(node, reason[1], terms)
  const argument = JSON.stringify({ pid: text })
  if (isTuple(reason, "unread")) {
    const heap = (readCount(reason[1]) ?? 0) * node.capabilities.wordBytes
    return invalid(
      "too_large",
      `Whether ${excerpt(text)} is a supervisor could not be read: before OTP 26.2 that copies its dictionary, and ${bytes(heap)} lie on its heap, or its queue is long. It was not asked for children: another gen_server would crash of that. ${allowing(heap)}`,
      `get_process_children ${argument}`
    )
  }
  if (!isTuple(reason, "not_a_supervisor")) return error
  const callback = readMfa(reason[1])
  const current = isTuple(reason[2], "current_function") ? readMfa(reason[2][1]) : undefined
  const application = reason[3] instanceof Atom && reason[3].text !== "undefined" ? reason[3].text : undefined
  return invalid(
    "invalid_input",
    `${excerpt(text)} is no supervisor${callback === undefined ? "" : ` but was started in ${terms.mfa(callback)}`}${current === undefined ? "" : `, and is in ${terms.mfa(current)}`}. It was not asked for children: another gen_server would crash of that.${application === undefined ? "" : ` It belongs to the application ${terms.atom(application)}.`}`,
    application === undefined || application === text
      ? `get_process_info ${argument}`
      : `get_supervision_tree ${JSON.stringify({ root: application })}`
  )
}

/** What the whole answer lacks. */
const missing = ({ incomplete }: Listed<Child>, depth: number): ReadonlyArray<string> =>
  incomplete.flatMap((why) => {
    switch (why) {
      case "deadline":
        return [
          "Time ran out before all supervisors were asked. Allow more with timeout_ms, or begin at one with root."
        ]
      case "depth":
        return [`Supervisors at level ${depth} are not opened: raise depth, or begin at one with root.`]
      case "many":
        return [
          `Of supervisors with more than ${listedChildren} children only the first ${listedChildren} are listed and searched: begin at one with root to have all. Of one with more processes, or whose answer might be too large to copy (what its ids share is copied for each), all that it is linked to are counted and summed; children without a process are not.`
        ]
      case "links":
        return [
          `The root has more than 500 children, or its answer might be too large to copy (what its ids share is copied for each): those that it is linked to are listed, searched and sorted, without ids (max_heap_mb has it asked all the same, if it has no more than 10,000). Children without a process are not, and supervisors behind the first ${listedChildren} are not opened.`
        ]
      case "strange":
        return ["What some answered is no list of children as supervisor:which_children/1 tells it."]
      case "ended":
        return ["Some supervisors ended while they were asked."]
      case "busy":
        return ["Supervisors that are busy were not asked for their children."]
      case "not_asked":
        return [
          "Some that serve as supervisors are none of OTP's, or are not known to be, and were not asked: see not_asked. Their children are those that they are linked to, without ids, strategy and restarts."
        ]
      case "unread":
        return [
          "What some children are could not be read (before OTP 26.2 that copies the heap, or the queue is long): they are told as workers, with not_asked."
        ]
      case "unanswered":
        return [
          "Some supervisors were asked and gave no answer in time; the request waits in their mailbox, and harms nothing."
        ]
      default:
        return []
    }
  })

/** What is lacking of one supervisor. */
const rowNotes = (row: Child, isRoot: boolean, permitted: number | undefined, terms: Terms): ReadonlyArray<string> => {
  const { notAsked, pid, supervisor, type } = row
  const name = nameOf(row, terms)
  if (type === "supervisor" && notAsked === "unread" && pid !== undefined)
    return [
      `${name} (${terms.print(pid)}) was not asked for its children: before OTP 26.2 to read whether it is a supervisor copies its heap, which is large, or its queue is long. Those that it is linked to are told.${supervisor?.largeHeap === undefined ? "" : ` ${isRoot ? "" : "With it as root, "}${allowing(supervisor.largeHeap)}`}`
    ]
  if (supervisor === undefined) return []
  const { busy, isUnanswered, largeHeap, strange, summed } = supervisor
  return [
    ...(busy === undefined
      ? []
      : [
          `${name} is busy: ${visible(busy.status)}${busy.current === undefined ? "" : ` in ${terms.mfa(busy.current)}`}, with ${amount(busy.messages, "message")} waiting.`
        ]),
    ...(isUnanswered ? [`${name} gave no answer in time.`] : []),
    ...(strange === undefined
      ? []
      : [
          strange === "all"
            ? `What ${name} answered was not understood.`
            : `Of what ${name} answered ${amount(strange, "child was", "children were")} not understood, and ${agree(strange, "is", "are")} left out.`
        ]),
    ...(largeHeap === undefined
      ? []
      : [
          isRoot && permitted !== undefined && largeHeap <= heapBytes(permitted)
            ? `What ${name} answered took more than may be copied: what is shared on its heap of ${bytes(largeHeap)} is copied for each reference.`
            : `Strategy and restarts of ${name} were not read: that copies its state, which may be too large for that; ${bytes(largeHeap)} lie on its heap. ${isRoot ? "" : "With it as root, "}${allowing(largeHeap)}`
        ]),
    ...(summed === undefined
      ? []
      : [`Of the children of ${name}, ${amount(summed, "was", "were")} summed when time ran out.`])
  ]
}

const showRow = (row: Child, isAlone: boolean, terms: Terms, characters: number) => {
  const { above, depth, id, isIdKnown, memory, messages, name, pid, status, supervisor, type } = row
  const restarts = supervisor?.restarts
  return {
    depth,
    id: isIdKnown ? terms.print(id, characters) : "-",
    path: isAlone && above.length > 0 ? above.map((it) => terms.print(it, characters)).join(" > ") : undefined,
    pid: pid && terms.print(pid),
    name: name === undefined || isSame(id, name) ? undefined : terms.atom(name),
    type: row.isCalledWorker ? `${type}, called a worker` : type,
    status: status === "running" ? undefined : status,
    not_asked: notAskedText(row),
    started_by: startedText(row, terms),
    modules: modulesText(row, terms),
    memory_bytes: memory,
    message_queue_length: messages,
    children: supervisor?.children,
    listed_children: isCrowd(row) ? row.supervisor.listed : undefined,
    active_children: supervisor?.active === supervisor?.children ? undefined : supervisor?.active,
    children_memory_bytes: supervisor?.childrenMemory,
    children_messages: supervisor?.childrenMessages,
    strategy: supervisor?.strategy === undefined ? undefined : terms.atom(supervisor.strategy),
    restarts: restarts?.count,
    max_restarts: restarts?.allowed,
    max_seconds: restarts?.seconds
  }
}

/** Who has started a supervisor that has none above it. */
const startedText = ({ started }: Child, terms: Terms): string | undefined => {
  if (started === undefined) return undefined
  const { application, by, isEnded } = started
  const who = by === undefined ? "unknown" : typeof by === "string" ? terms.atom(by) : terms.print(by)
  const end = typeof by === "string" ? " (no longer registered)" : " (ended)"
  return `${who}${isEnded ? end : ""}, of ${application === undefined ? "no application" : `the application ${terms.atom(application)}`}`
}

/** Why it was not asked what it has below it, and where its children come from. */
const notAskedText = ({ isAgain, notAsked, supervisor }: Child): string | undefined =>
  isAgain
    ? "again: its children stand under another row"
    : notAsked === "unread"
      ? "heap or queue too large to read whether it is a supervisor"
      : notAsked === "other"
        ? "no OTP supervisor"
        : supervisor?.notAsked === "other"
          ? "no OTP supervisor; children by links"
          : supervisor?.notAsked === "bridge"
            ? "supervisor_bridge; children by links"
            : undefined

const isSame = (id: Term, name: string): boolean => id instanceof Atom && id.text === name

/** Its modules, where they say more than its id and its name do. */
const modulesText = ({ id, modules, name }: Child, terms: Terms): string | undefined =>
  modules === "dynamic"
    ? modules
    : modules.every((it) => it === name || isSame(id, it))
      ? undefined
      : modules.map(terms.atom).join(", ")

const hintsFor = (rows: ReadonlyArray<Child>, permitted: number | undefined, terms: Terms): ReadonlyArray<string> => {
  const large = rows.find(
    ({ pid, supervisor }) => pid !== undefined && (supervisor?.largeHeap ?? 0) > heapBytes(permitted ?? 0)
  )
  const closed = rows.find(({ supervisor }) => (supervisor?.active ?? 0) > 0 && supervisor?.children === undefined)
  const worker = rows.find(({ pid, type }) => type === "worker" && pid !== undefined)
  return [
    ...(large?.pid === undefined
      ? []
      : [
          `get_supervision_tree ${JSON.stringify({ root: terms.print(large.pid), max_heap_mb: megabytesFor(large.supervisor?.largeHeap ?? 0) })}`
        ]),
    ...(closed?.pid === undefined ? [] : [`get_supervision_tree ${JSON.stringify({ root: terms.print(closed.pid) })}`]),
    ...(worker?.pid === undefined
      ? []
      : [
          `${worker.serves ? "get_gen_server_state" : "get_process_info"} ${JSON.stringify({ pid: terms.print(worker.pid) })}`
        ])
  ]
}

/** The tools of the otp toolset that show who supervises whom. */
export const supervisionTools: ReadonlyArray<Tool.Tool> = [getSupervisionTree]
