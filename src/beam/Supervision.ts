import type { Effect } from "effect"
import { atom, Atom, isAtom, isTuple, listItems, MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import { askAgent, type Listed, type ListQuery, questionOf, readListed } from "./Listing.ts"
import { readCount, readMfa } from "./ProcessRow.ts"

/** Which part of the supervision tree is wanted, and how much of it. */
export interface TreeQuery extends Pick<ListQuery, "after" | "deadlineMillis" | "limit"> {
  /**
   * A supervisor, or the name of one or of an application. Default: the tops of all running applications, and the
   * supervisors outside of their trees.
   */
  readonly root: Pid | string | undefined
  /** Levels. */
  readonly depth: number
  /** With `restarts`, or with `minRestarts`, every supervisor is asked for them, and not only those on the page. */
  readonly sort: "tree" | "memory" | "message_queue" | "restarts"
  /**
   * Children of one supervisor up to which each is listed; of more, the first so many. Where the tree begins at one
   * supervisor, all of its children are listed.
   */
  readonly children: number
  /**
   * Bytes of heap up to which the supervisor that the tree begins with is asked for its children and its state, and before
   * OTP 26.2 its dictionary is read, whatever they share: what is shared there is copied once for each reference.
   */
  readonly permittedHeap: number | undefined
  /** Milliseconds that one supervisor has for an answer. */
  readonly callMillis: number
  /** Part of an id, a registered name or a module, as a regular expression that finds it in what Erlang prints. */
  readonly pattern: string | undefined
  /** The process of this child and no other. */
  readonly child: Pid | undefined
  readonly type: ChildType | undefined
  readonly status: ChildStatus | undefined
  /** Restarts that a supervisor has had in its last period, at least. */
  readonly minRestarts: number | undefined
}

/** A page of the tree, and what is known of all of it. */
export interface Tree extends Listed<Child> {
  /** Running supervisors that were found, on whatever page. */
  readonly supervisors: number
  /** Where all were asked: how many of them told their restarts, and how many of those had some. */
  readonly restarts: { readonly told: number; readonly restarted: number } | undefined
  /** Rows that are a root which was asked for, of all and of those that pass: `total` and `matched` leave them out. */
  readonly roots: { readonly total: number; readonly matched: number }
  /** Where there was no root: the supervisors that neither a supervisor nor an application has started. */
  readonly outside: Outside | undefined
  /** Where time ran out before all children of the root were looked at: how many were, of how many. */
  readonly looked: { readonly seen: number; readonly children: number } | undefined
}

export interface Outside {
  readonly found: number
  /** How many of them have rows. */
  readonly listed: number
  /** Of how many processes it could not be read whether they belong to them, and some of these. */
  readonly unread: { readonly count: number; readonly some: ReadonlyArray<Pid> }
  /** Processes that there was no time for, or that were too many. */
  readonly unsought: number
}

export type ChildType = "worker" | "supervisor"

/** `undefined` and `restarting`, what a supervisor says of a child without a process; `remote`: on another node. */
export const childStatuses = ["running", "restarting", "undefined", "remote"] as const
export type ChildStatus = (typeof childStatuses)[number]

export interface Child {
  /** 1 at the root. */
  readonly depth: number
  /** Cut where it is large; `undefined`, the atom, where only links tell of the child. */
  readonly id: Term
  readonly isIdCut: boolean
  readonly isIdKnown: boolean
  /** The ids above it, the outermost first. */
  readonly above: ReadonlyArray<Term>
  readonly pid: Pid | undefined
  readonly status: ChildStatus
  readonly type: ChildType
  /** Its parent calls it a worker, but it is a supervisor. */
  readonly isCalledWorker: boolean
  /** Its process has another row, which tells what is below it. */
  readonly isAgain: boolean
  /** `dynamic` where the supervisor does not know. */
  readonly modules: ReadonlyArray<string> | "dynamic"
  readonly name: string | undefined
  readonly messages: number | undefined
  /** Bytes; not read where the queue is long. */
  readonly memory: number | undefined
  /** Whether it is a supervisor could not be read, or it serves as one and is no process of OTP's kind. */
  readonly notAsked: "unread" | "other" | undefined
  /** Of a supervisor outside of the trees of applications. */
  readonly started: Started | undefined
  /** Whether it was found in the code of a behaviour that tells its state. */
  readonly serves: boolean
  readonly supervisor: Supervisor | undefined
}

export interface Started {
  /** Who has started it, by name where there is one; absent where nothing tells. */
  readonly by: Pid | string | undefined
  /** The process has ended, or nobody has the name any more. */
  readonly isEnded: boolean
  /** That it belongs to all the same, since one of its processes has started it. */
  readonly application: string | undefined
}

export interface Supervisor {
  readonly callback: string
  /** It is none of OTP's supervisors, and therefore not asked: its children are those that it is linked to. */
  readonly notAsked: "bridge" | "other" | undefined
  /** It was busy, and therefore not asked. */
  readonly busy: { readonly status: string; readonly messages: number; readonly current: Mfa | undefined } | undefined
  /** It was asked and did not answer in time. */
  readonly isUnanswered: boolean
  /** Of one that was not opened, unknown. */
  readonly children: number | undefined
  /** Those with a process; of one that was not asked, the processes that it is linked to. */
  readonly active: number | undefined
  /** How many of its children have rows. */
  readonly listed: number | undefined
  /** Bytes that its children on this node take. */
  readonly childrenMemory: number | undefined
  readonly childrenMessages: number | undefined
  /** How many were summed, where time ran out before all were. */
  readonly summed: number | undefined
  readonly strategy: string | undefined
  /** Restarts in the last `seconds`, of `allowed`. */
  readonly restarts: { readonly count: number; readonly allowed: number; readonly seconds: number } | undefined
  /** Children that it told of in no form that is documented, `all` where its answer had none. */
  readonly strange: number | "all" | undefined
  /** Bytes of a heap for which strategy and restarts were not asked, or whose copy was too large to be taken. */
  readonly largeHeap: number | undefined
}

/**
 * Bytes of heap up to which a supervisor copies its state, where it has children enough to explain it, or before OTP 26.2
 * its dictionary, where its module says that it is one. One with 100,000 children has 8 to 12 MB: 5 ms (OTP 25).
 */
const maxStateHeap = 24 * 1024 * 1024

/** Milliseconds of rest behind every thousand processes that are looked at for supervisors outside of applications. */
const pauseMillis = 1

/**
 * Pages of the supervision tree. A root that was asked for has a row, and is counted in `roots`, not in `total` and `matched`; see
 * `erlang/agent/src/beamscope_supervision.erl`.
 */
export const supervisionTree = (node: ErlangNode, query: TreeQuery): Effect.Effect<Tree, CallError> => {
  const {
    callMillis,
    child,
    children,
    depth,
    minRestarts,
    pattern,
    permittedHeap,
    root,
    sort,
    status,
    type,
    ...bounds
  } = query
  const { wordBytes } = node.capabilities
  return askAgent(
    node,
    "beamscope_supervision:tree",
    questionOf({
      ...bounds,
      sort,
      order: sort === "tree" ? "ascending" : "descending",
      filters: {
        root,
        depth,
        children,
        call_ms: Math.floor(callMillis),
        state_heap: Math.floor(maxStateHeap / wordBytes),
        dictionary_heap: Math.floor(maxStateHeap / wordBytes),
        pause_ms: pauseMillis,
        permitted_heap: permittedHeap && Math.ceil(permittedHeap / wordBytes),
        pattern,
        child,
        type: type && atom(type),
        status: status && atom(status),
        min_restarts: minRestarts
      }
    }),
    (answer) => {
      const listed = readListed(answer, (row) => readChild(row, wordBytes))
      const supervisors = readCount(answer.atomKey("supervisors"))
      return listed && supervisors !== undefined
        ? {
            ...listed,
            supervisors,
            restarts: readRestarts(answer.atomKey("restarts")),
            looked: readLooked(answer.atomKey("looked")),
            outside: readOutside(answer.atomKey("outside")),
            roots: readRoots(answer.atomKey("roots"))
          }
        : undefined
    }
  )
}

const readRoots = (pair: Term | undefined): Tree["roots"] => {
  const [total, matched] = isTuple(pair) ? pair.map(readCount) : []
  return { total: total ?? 0, matched: matched ?? 0 }
}

const readLooked = (pair: Term | undefined): Tree["looked"] => {
  if (!isTuple(pair)) return undefined
  const [seen, children] = [readCount(pair[0]), readCount(pair[1])]
  return seen === undefined || children === undefined ? undefined : { seen, children }
}

const readOutside = (outside: Term | undefined): Outside | undefined => {
  if (!(outside instanceof MapTerm)) return undefined
  const [found, unread] = [outside.atomKey("found"), outside.atomKey("unread")]
  const [count, some] = isTuple(unread) ? unread : []
  const [all, listed] = isTuple(found) ? found.map(readCount) : []
  return {
    found: all ?? 0,
    listed: listed ?? 0,
    unread: { count: readCount(count) ?? 0, some: (listItems(some) ?? []).filter((it) => it instanceof Pid) },
    unsought: readCount(outside.atomKey("unsought")) ?? 0
  }
}

const readStarted = (row: MapTerm): Started | undefined => {
  const by = row.atomKey("started_by")
  if (by === undefined) return undefined
  const isEnded = isTuple(by, "ended")
  const starter = isEnded ? by[1] : by
  const application = atomIn(row.atomKey("application"))
  return {
    by: starter instanceof Pid ? starter : atomIn(starter),
    isEnded,
    application: application === "undefined" ? undefined : application
  }
}

const readRestarts = (pair: Term | undefined): Tree["restarts"] => {
  if (!isTuple(pair)) return undefined
  const [told, restarted] = [readCount(pair[0]), readCount(pair[1])]
  return told === undefined || restarted === undefined ? undefined : { told, restarted }
}

const atomIn = (term: Term | undefined): string | undefined => (term instanceof Atom ? term.text : undefined)

const readChild = (row: MapTerm, wordBytes: number): Child | undefined => {
  const depth = readCount(row.atomKey("depth"))
  const id = row.atomKey("id")
  const above = listItems(row.atomKey("above")) ?? []
  const status = childStatuses.find((it) => isAtom(row.atomKey("status"), it))
  if (depth === undefined || id === undefined || status === undefined) return undefined
  const pid = row.atomKey("pid")
  const supervisor = row.atomKey("supervisor")
  return {
    depth,
    id,
    isIdCut: isAtom(row.atomKey("id_is"), "cut"),
    isIdKnown: !isAtom(row.atomKey("id_is"), "unknown"),
    above,
    pid: pid instanceof Pid ? pid : undefined,
    status,
    type: isAtom(row.atomKey("type"), "supervisor") ? "supervisor" : "worker",
    isCalledWorker: isAtom(row.atomKey("called"), "worker"),
    isAgain: isAtom(row.atomKey("again"), "true"),
    modules: listItems(row.atomKey("modules"))?.flatMap((it) => (it instanceof Atom ? [it.text] : [])) ?? "dynamic",
    name: atomIn(row.atomKey("name")),
    messages: readCount(row.atomKey("messages")),
    memory: readCount(row.atomKey("memory")),
    started: readStarted(row),
    serves: isAtom(row.atomKey("serves"), "true"),
    notAsked: (["unread", "other"] as const).find((it) => isAtom(row.atomKey("not_asked"), it)),
    supervisor: supervisor instanceof MapTerm ? readSupervisor(supervisor, wordBytes) : undefined
  }
}

const readSupervisor = (facts: MapTerm, wordBytes: number): Supervisor => {
  const count = (key: string) => readCount(facts.atomKey(key))
  const busy = facts.atomKey("busy")
  const [restarts, allowed, seconds] = [count("restarts"), count("intensity"), count("period")]
  const large = count("large")
  return {
    callback: atomIn(facts.atomKey("callback")) ?? "",
    notAsked: (["bridge", "other"] as const).find((it) => isAtom(facts.atomKey("not_asked"), it)),
    busy: isTuple(busy)
      ? { status: atomIn(busy[0]) ?? "", messages: readCount(busy[1]) ?? 0, current: readMfa(busy[2]) }
      : undefined,
    isUnanswered: isAtom(facts.atomKey("unanswered"), "true"),
    children: count("children"),
    active: count("active"),
    listed: count("listed"),
    childrenMemory: count("children_memory"),
    childrenMessages: count("children_messages"),
    summed: count("summed"),
    strategy: atomIn(facts.atomKey("strategy")),
    restarts:
      restarts === undefined || allowed === undefined || seconds === undefined
        ? undefined
        : { count: restarts, allowed, seconds },
    strange: isAtom(facts.atomKey("strange"), "all") ? "all" : count("strange"),
    largeHeap: large === undefined ? undefined : large * wordBytes
  }
}
