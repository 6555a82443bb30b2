import type { Pid, Term } from "../etf/Term.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import type { ProcessKey, ProcessRow } from "./ProcessRow.ts"

/** The states of `process_info(Pid, status)`. */
export const processStatuses = ["exiting", "garbage_collecting", "waiting", "running", "runnable", "suspended"] as const

/** Which processes. All conditions that are given must hold. */
export interface ProcessFilter {
  /** Part of the registered name, in any case. */
  readonly name?: string
  /** Of the current function, the initial call or the callback module. */
  readonly module?: string
  /** That the callback module says it has, or that is the callback module; several names for the same thing. */
  readonly behaviours?: ReadonlyArray<string>
  /** The callback of an OTP process, or the function that it was spawned with. */
  readonly initialCall?: Mfa
  /** These processes and no others; not together with `name`. */
  readonly pids?: ReadonlyArray<Pid>
  /** By group leader. */
  readonly application?: string
  readonly status?: (typeof processStatuses)[number]
  /** A part of the label, and the regular expression that finds it in what Erlang prints. */
  readonly label?: { readonly text: string; readonly pattern: string }
  /** Bytes. */
  readonly minMemory?: number
  readonly minMessageQueueLength?: number
  readonly minReductions?: number
}

/** What bounds the work of a scan over all processes. */
export interface ScanLimits {
  readonly filter: ProcessFilter
  /** Rows, 1 to 1000. */
  readonly limit: number
  /** Milliseconds after which the scan ends with what it has. */
  readonly deadlineMillis: number
}

/** What processes can be sorted by that is no figure, by the names that the agent has for them. */
export const processNames = ["registered_name", "initial_call", "module", "application", "status", "label"] as const
export type ProcessName = (typeof processNames)[number]
export const isProcessName = (sort: string): sort is ProcessName =>
  (processNames as ReadonlyArray<string>).includes(sort)

/**
 * A page of processes by `{value, pid}`: descending, but for names, which ascend; those without a name come last, and
 * behind them those of which it was not read.
 */
export interface PageQuery extends ScanLimits {
  readonly sort: ProcessKey | "pid" | ProcessName
  /** The `next` of the page before; where names are sorted by, that or one of its `places`. */
  readonly after?: PagePlace | Uint8Array
}

/** Behind which process a page begins. `value` is what it was ranked by; there is none where the order is by pid. */
export interface PagePlace {
  readonly value?: number
  readonly pid: Pid
}

/** The processes that grew most in a window of time. */
export interface GrowthQuery extends ScanLimits {
  readonly sort: ProcessKey
  readonly windowMillis: number
}

/** What processes can be counted by. */
export const groupings = ["initial_call", "application", "label", "current_function"] as const
export type Grouping = (typeof groupings)[number]

/** How many processes have the same value, and what they hold together. */
export interface GroupsQuery extends ScanLimits {
  readonly by: Grouping
  /** Groups are in descending order of it. */
  readonly order: "count" | "message_queue_len" | "reductions" | "memory"
  /** The {@link ProcessGroup.place} of the last group of the page before. */
  readonly after?: Uint8Array
}

/** Why a scan may lack something. */
export type Incomplete =
  /** Time ran out. */
  | "deadline"
  /** Time ran out while the rows were read: some tell only what was at hand. */
  | "rows"
  /** Memory or label decides, and was not read where the message queue is long: see `unmeasured`. */
  | "long_queue"
  /** Filtered by label, and some are, or may be, too large to be read: see `large`. */
  | "large_heap"
  /** Time ran out while the labels or callbacks of processes were read that were looked at. */
  | "late"
  /** The callback filters, orders or groups, and not all could be read: see `undecided`. */
  | "initial_call"
  /** Filtered or sorted by label, but this release does not show labels. */
  | "label"

/** What every scan tells about itself. */
export interface Scanned {
  /** Processes looked at. */
  readonly seen: number
  /** Processes that pass the filter, on all pages. */
  readonly matched: number
  /** Processes that ended meanwhile. */
  readonly gone: number
  /** Processes whose memory or label decides and was not read, with the longest queues among them. */
  readonly unmeasured: {
    readonly count: number
    readonly longest: ReadonlyArray<{ readonly pid: Pid; readonly messages: number }>
  }
  /** Processes whose label would have decided, and is on a heap above {@link copiedHeapWords}, or larger when copied. */
  readonly large: number
  /**
   * Processes of which a callback that could not be read decides whether they pass, where they stand, or with which
   * others; and some of them. `undefined` where no callback can be read.
   */
  readonly undecided:
    | {
        readonly count: number
        readonly first: ReadonlyArray<{ readonly pid: Pid; readonly name: string | undefined }>
      }
    | undefined
  readonly incomplete: ReadonlyArray<Incomplete>
}

export interface ProcessPage extends Scanned {
  /** All processes that there are. */
  readonly total: number
  readonly rows: ReadonlyArray<ProcessRow>
  /** Where the next page begins; absent on the last. */
  readonly next?: PagePlace | Uint8Array
  /** Where names are sorted by: behind which row a page may begin, opaque to everybody but the agent. */
  readonly places?: ReadonlyArray<Uint8Array>
}

export interface Growth {
  readonly row: ProcessRow
  /** At the end of the window. */
  readonly value: number
  readonly growth: number
  readonly perSecond: number
  /** Whether it was spawned in the window, and so grew from nothing. */
  readonly born: boolean
}

export interface ProcessGrowth extends Scanned {
  readonly rows: ReadonlyArray<Growth>
  /** Processes spawned in the window. */
  readonly born: number
  /** Processes that were looked at twice; of others that are as old it is not known whether they grew. */
  readonly compared: number
  /** Milliseconds between the two looks at a process, least and most; absent where none was looked at twice. */
  readonly measuredMillis?: { readonly least: number; readonly most: number }
}

/** Sums over the processes that have the same value. */
export interface ProcessGroup {
  /**
   * `none`: without such a value. `unread`: of processes whose label, or callback, was not read. `own`: of those that work
   * for us, but for the one that asks. `other`: whatever lies beyond ten thousand groups. A large label is cut: two groups
   * may have the same.
   */
  readonly key: { readonly term: Term } | "none" | "unread" | "own" | "other"
  readonly count: number
  readonly messages: number
  readonly reductions: number
  /** Bytes, of those processes of which it was read. */
  readonly memory: number
  /** Processes of which memory was not read, since their queue is long. */
  readonly unmeasured: number
  /** Where the groups behind it begin: opaque to everybody but the agent. */
  readonly place: Uint8Array
}

export interface ProcessGroups extends Scanned {
  readonly groups: ReadonlyArray<ProcessGroup>
  /** All groups that there are. */
  readonly groupCount: number
  /** Where the next page begins; absent on the last. */
  readonly next?: Uint8Array
  /** All processes that there are. */
  readonly total: number
}

/**
 * A process with more messages than this is not asked for its memory: that walks the queue, 17 to 37 ms for a million
 * messages.
 */
export const longQueue = 10_000
