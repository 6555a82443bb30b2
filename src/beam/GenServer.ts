import { Effect } from "effect"
import { encode } from "../etf/Encode.ts"
import { atom, Atom, Binary, isAtom, isTuple, list, listItems, map, MapTerm, type Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import { readCount, readMfa } from "./ProcessRow.ts"
import { readPacked } from "./Reply.ts"

/** A step on the way to a part of a state, as one way to read its text. */
export interface StateStep {
  readonly text: string
  /** The place behind it: how many of the texts between dots come before. */
  readonly next: number
  /** In a list or a tuple, from 1. */
  readonly position?: number
  /** Keys of a map or of a list of pairs that it is; of several that are there the first counts. */
  readonly keys: ReadonlyArray<Term>
  /** Keys that it can stand for where none of `keys` is there, and no more than one of these. */
  readonly others: ReadonlyArray<Term>
}

/** For each place between dots the steps that can be taken there; of ways that lead to the end the first is taken. */
export type StatePath = ReadonlyArray<ReadonlyArray<StateStep>>

/** What a process that serves system messages (`sys`) is asked for. */
export interface StateQuery {
  readonly pid: Pid
  readonly what: "state" | "status"
  /** Where the part lies that is wanted: of a gen_statem in its data, of a gen_event under its handlers. */
  readonly path: StatePath
  /** Milliseconds for which a busy process is looked at again. */
  readonly patienceMillis: number
  /** Milliseconds that the answer of the process may take. */
  readonly timeoutMillis: number
  /** Milliseconds for all of it, the copying and cutting too; `DeadlineExceeded` when they are over. */
  readonly withinMillis: number
  /** Bytes of heap beyond which a process is not asked, since it copies its state. */
  readonly maxHeap: number
  /** Bytes of the answer in external format; what is larger is cut on the node. */
  readonly room: number
}

/** What a process was doing when it was not asked. */
export interface Doing {
  readonly messages: number
  readonly status: string
  readonly current: Mfa | undefined
}

export type StateAnswer =
  | {
      readonly _tag: "Told"
      /** The module in whose loop the process was found: `gen_server`, `gen_statem`, `gen_event`, another. */
      readonly loop: string
      /** `$initial_call`, where it can be read at no great cost. `{supervisor, Module, 1}` for any supervisor. */
      readonly callback: Mfa | undefined
      /** Before OTP 26.2, where its dictionary is too large when copied. */
      readonly isCallbackUnread: boolean
      /** Whether the process has put something else in the place of its callback, as an Agent does. */
      readonly isRewritten: boolean
      /** By `sys:suspend/1`. */
      readonly isSuspended: boolean
      /** The steps that were taken. */
      readonly steps: ReadonlyArray<StateStep>
      /** For each of them what stands in front of its part. */
      readonly fronts: ReadonlyArray<StateFront>
      readonly term: Term
      readonly isCut: boolean
      /** Of the whole, in external format. */
      readonly bytes: number
    }
  | { readonly _tag: "Gone" }
  /** Not asked: processes of this callback module may keep cookies or keys in their state. */
  | { readonly _tag: "Secret"; readonly callback: Mfa | undefined }
  /**
   * It was asked and did not answer in time; the request stays in its mailbox until it looks there, or it is copying
   * still. Bytes of its heap.
   */
  | { readonly _tag: "Timeout"; readonly heap: number }
  /** It was asked, and its own code failed. */
  | { readonly _tag: "Failed"; readonly reason: Term }
  /** Not asked: nothing says that it serves system messages. */
  | ({ readonly _tag: "NoSys" } & Doing)
  /** Not asked: never in its loop while it was looked at. */
  | ({ readonly _tag: "Busy" } & Doing)
  | ({ readonly _tag: "LongQueue" } & Doing)
  /** Not asked: only its dictionary can say that it serves system messages, which is too large when copied. */
  | ({ readonly _tag: "Unread" } & Doing)
  /** Not asked: bytes of heap beyond the limit. */
  | ({ readonly _tag: "Large"; readonly heap: number } & Doing)
  /** The path leads nowhere: the steps that could be taken, and what is there. */
  | {
      readonly _tag: "NoPart"
      readonly steps: ReadonlyArray<StateStep>
      /** Keys that are there and that the next step can stand for. */
      readonly ambiguous: ReadonlyArray<Term>
      readonly fronts: ReadonlyArray<StateFront>
      readonly kind: "map" | "list" | "tuple" | "leaf"
      readonly size: number
      /** The smallest of its keys, which may themselves be cut. */
      readonly there: ReadonlyArray<Term>
    }

/**
 * What stands in front of a part of a state, by which it may be told for a secret: `{Key}` of what stands under a key; in
 * a tuple `{First}` or `{First, Before}`; in a list `[Before]`; `{}` or `[]` where it is the first.
 */
export type StateFront = Term

/**
 * Bytes that a copy of all of a heap of so many takes at worst by plain sharing: where one half of its words refers to
 * the other half, each gets a copy of that. Sharing inside of what is shared goes beyond any such bound.
 */
export const copyAtWorst = (heap: number, wordBytes: number): number => (heap / 2) ** 2 / wordBytes

/** What our worker gets: it takes the copy of a state, and collects garbage beside it. */
const heapWords = (maxHeap: number, wordBytes: number): number => 3 * Math.ceil(maxHeap / wordBytes) + 8 * 1024 * 1024

/**
 * The state of a process, or a part of it, or its status as its own `format_status` has it. The process is asked only
 * where an answer is to be expected at once; see `erlang/agent/src/beamscope_state.erl`.
 */
export const processState = (node: ErlangNode, query: StateQuery): Effect.Effect<StateAnswer, CallError> => {
  const { wordBytes } = node.capabilities
  const { maxHeap, path, patienceMillis, pid, room, timeoutMillis, what, withinMillis } = query
  const question = map([
    [atom("pid"), pid],
    [atom("request"), atom(what === "state" ? "get_state" : "get_status")],
    [atom("path"), list(path.map((steps) => list(steps.map(stepTerm))))],
    [atom("patience_ms"), Math.floor(patienceMillis)],
    [atom("timeout_ms"), Math.floor(timeoutMillis)],
    [atom("max_heap_words"), Math.floor(maxHeap / wordBytes)],
    [atom("room"), room]
  ])
  const read = (answer: Term) => (answer instanceof MapTerm ? readAnswer(answer, path, wordBytes) : undefined)
  return Effect.flatMap(
    node.runAgent("beamscope_state:read", question, {
      timeoutMillis: withinMillis,
      maxHeapWords: heapWords(maxHeap, wordBytes),
      countsBinaries: false
    }),
    readPacked(node, "beamscope_state:read/1", read)
  )
}

/** Keys travel in external format: the node makes no atom for them. */
const packedKeys = (keys: ReadonlyArray<Term>): Term => list(keys.map((key) => new Binary(encode(key))))

const stepTerm = ({ keys, next, others, position }: StateStep): Term => [
  next + 1,
  position ?? atom("none"),
  packedKeys(keys),
  packedKeys(others)
]

/** The steps of a path that were taken, by the places behind them. */
const stepsTaken = (path: StatePath, places: ReadonlyArray<Term>): ReadonlyArray<StateStep> => {
  const taken: Array<StateStep> = []
  for (const place of places) {
    const step = path[taken.at(-1)?.next ?? 0]?.find(({ next }) => next + 1 === place)
    if (step !== undefined) taken.push(step)
  }
  return taken
}

const readAnswer = (answer: MapTerm, path: StatePath, wordBytes: number): StateAnswer | undefined => {
  const outcome = answer.atomKey("outcome")
  const count = (key: string) => readCount(answer.atomKey(key)) ?? 0
  const text = (key: string) => {
    const value = answer.atomKey(key)
    return value instanceof Atom ? value.text : ""
  }
  const items = (key: string) => listItems(answer.atomKey(key)) ?? []
  const doing = () => ({
    messages: count("messages"),
    status: text("status"),
    current: readMfa(answer.atomKey("current"))
  })
  switch (outcome instanceof Atom ? outcome.text : undefined) {
    case "told": {
      const term = answer.atomKey("term")
      if (term === undefined) return undefined
      return {
        _tag: "Told",
        loop: text("loop"),
        callback: readMfa(answer.atomKey("callback")),
        isCallbackUnread: isAtom(answer.atomKey("callback"), "unread"),
        isRewritten: isAtom(answer.atomKey("rewritten"), "true"),
        isSuspended: isAtom(answer.atomKey("suspended"), "true"),
        steps: stepsTaken(path, items("steps")),
        fronts: items("fronts"),
        term,
        isCut: isAtom(answer.atomKey("is_cut"), "true"),
        bytes: count("bytes")
      }
    }
    case "gone":
      return { _tag: "Gone" }
    case "secret":
      return { _tag: "Secret", callback: readMfa(answer.atomKey("callback")) }
    case "timeout":
      return { _tag: "Timeout", heap: count("heap_words") * wordBytes }
    case "failed":
      return { _tag: "Failed", reason: answer.atomKey("reason") ?? atom("undefined") }
    case "no_sys":
      return { _tag: "NoSys", ...doing() }
    case "busy":
      return { _tag: "Busy", ...doing() }
    case "long_queue":
      return { _tag: "LongQueue", ...doing() }
    case "unread":
      return { _tag: "Unread", ...doing() }
    case "large":
      return { _tag: "Large", heap: count("heap_words") * wordBytes, ...doing() }
    case "no_part": {
      const kind = text("kind")
      if (kind !== "map" && kind !== "list" && kind !== "tuple" && kind !== "leaf") return undefined
      return {
        _tag: "NoPart",
        steps: stepsTaken(path, items("steps")),
        ambiguous: items("ambiguous"),
        fronts: items("fronts"),
        kind,
        size: count("size"),
        there: items("there")
      }
    }
    default:
      return undefined
  }
}

/** What `sys:get_status/1` answers: `{status, Pid, {module, Module}, [Dictionary, SysState, Parent, Debug, Misc]}`. */
export interface Status {
  readonly module: string
  readonly systemState: string
  readonly parent: Term
  readonly dictionary: Term
  readonly debug: Term
  /** What the behaviour and the callback module make of themselves. */
  readonly own: Term
}

/** `undefined` where it is of another form, or was cut where the form is. */
export const readStatus = (term: Term): Status | undefined => {
  const module = isTuple(term, "status") && isTuple(term[2], "module") ? term[2][1] : undefined
  const parts = isTuple(term) ? listItems(term[3]) : undefined
  const [dictionary, state, parent, debug, own] = parts ?? []
  if (!(module instanceof Atom) || dictionary === undefined || !(state instanceof Atom)) return undefined
  if (parent === undefined || debug === undefined || own === undefined) return undefined
  return { module: module.text, systemState: state.text, parent, dictionary, debug, own }
}
