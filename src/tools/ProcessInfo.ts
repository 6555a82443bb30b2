import { Effect, Schema } from "effect"
import { type InfoGroup, infoGroups, processInfo, type ProcessInfo, type Unread } from "../beam/ProcessInfo.ts"
import { longQueue } from "../beam/ProcessQuery.ts"
import { stackTrace } from "../beam/StackTrace.ts"
import type { Term } from "../etf/Term.ts"
import type { StackFrame } from "../node/StackFrame.ts"
import { visible } from "../syntax/Escape.ts"
import { ended, resolveProcess } from "./ProcessArgument.ts"
import { amount, bytes } from "./Quantity.ts"
import { type Terms, termsOf } from "./Terms.ts"
import * as Tool from "./Tool.ts"

const shared = { toolset: "processes", access: "inspect", cost: "cheap", target: "connected" } as const

const pid = Schema.NonEmptyString.annotate({ description: "A pid such as <0.90.0>, or a registered name" })

const Text = Schema.optionalKey(Schema.String)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))

const defaultGroups: ReadonlyArray<InfoGroup> = ["meta", "location", "memory", "signals"]

/** How a process is called in a summary: its name and its pid. */
const called = (name: string | undefined, pidText: string, terms: Terms): string =>
  name === undefined ? pidText : `${terms.atom(name)} (${pidText})`

/** A name as an argument takes it. The empty one, `''`, is one too. */
const nameText = (name: string | undefined, terms: Terms): string | undefined =>
  name === undefined ? undefined : terms.atom(name)

/** What was not read, and what could be done about it. */
const unreadNote = (unread: Unread): string => {
  switch (unread.why) {
    case "LongQueue":
      return `The ${unread.what} of a process with ${unread.messages} messages is not read: that would walk its queue (above ${longQueue} it is left alone).`
    case "LargeHeap":
      return `The dictionary was not read: it may be as large as the heap that it lies on, ${bytes(unread.bytes)}.`
    case "LargeReply":
      return `Not read: ${unread.what} of more than ${bytes(unread.bytes)}.`
  }
}

const getProcessInfo = Tool.make({
  ...shared,
  name: "get_process_info",
  title: "One process",
  description: `What is known of one process, by group: ${infoGroups.join(", ")} (keys only); by default ${defaultGroups.join(", ")}. Never its messages. Memory is left out when its queue is long. Next: get_process_stacktrace.`,
  input: {
    pid,
    groups: Schema.optionalKey(Schema.Array(Schema.Literals(infoGroups))),
    limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 }))
      .annotate({ description: "Of each list; 1 to 200, default 20", default: 20 })
      .pipe(Schema.withDecodingDefaultKey(Effect.succeed(20)))
  },
  output: {
    pid: Schema.String,
    name: Text,
    status: Schema.String,
    message_queue_length: Schema.Int,
    reductions: Schema.Int,
    meta: Schema.optionalKey(
      Schema.Struct({
        priority: Schema.String,
        trap_exit: Schema.Boolean,
        group_leader: Schema.String,
        parent: Text,
        label: Text
      })
    ),
    location: Schema.optionalKey(Schema.Struct({ initial_call: Text, current_function: Text, source: Text })),
    memory: Schema.optionalKey(
      Schema.Struct({
        memory_bytes: Schema.Int,
        total_heap_bytes: Schema.Int,
        heap_bytes: Schema.Int,
        stack_bytes: Schema.Int,
        message_queue_data: Schema.String
      })
    ),
    gc: Schema.optionalKey(
      Schema.Struct({
        minor_collections: Schema.Int,
        fullsweep_after: Schema.Int,
        min_heap_bytes: Schema.Int,
        max_heap_bytes: Schema.optionalKey(Schema.Int)
      })
    ),
    signals: Schema.optionalKey(
      Schema.Struct({
        link_count: Schema.Int,
        links: Texts,
        monitor_count: Schema.Int,
        monitors: Texts,
        monitored_by_count: Schema.Int,
        monitored_by: Texts
      })
    ),
    binaries: Schema.optionalKey(
      Schema.Struct({ count: Schema.Int, total_bytes: Schema.Int, largest_bytes: Schema.Int })
    ),
    dictionary: Schema.optionalKey(Schema.Struct({ key_count: Schema.Int, keys: Texts }))
  },
  run: Effect.fnUntraced(function* ({ groups = defaultGroups, limit, pid: text }, node) {
    const terms = yield* termsOf(node)
    const process = yield* resolveProcess(node, text, terms)
    const info = yield* processInfo(node, process, new Set(groups))
    if (info === undefined) return yield* ended(node, process, terms)
    const pidText = terms.print(process)
    const { memory } = info
    return {
      summary: `${called(info.registeredName, pidText, terms)} is ${visible(info.status)}, has ${amount(info.messageQueueLength, "message")} waiting${memory === undefined ? "" : ` and ${bytes(memory.total)} of memory`}.`,
      complete: info.unread.length === 0,
      notes: [...info.unread.map(unreadNote), ...cutNotes(info, limit)],
      data: (characters: number) => ({
        pid: pidText,
        name: nameText(info.registeredName, terms),
        status: visible(info.status),
        message_queue_length: info.messageQueueLength,
        reductions: info.reductions,
        ...showGroups(info, limit, terms, characters)
      }),
      hints: [`get_process_stacktrace ${JSON.stringify({ pid: pidText })}`]
    }
  })
})

/** Which lists are cut at the limit. */
const cutNotes = ({ dictionary, signals }: ProcessInfo, limit: number): ReadonlyArray<string> => {
  const lists = { ...signals, keys: dictionary?.keys }
  const cut = Object.entries({
    links: lists.links,
    monitors: lists.monitors,
    monitored_by: lists.monitoredBy,
    keys: lists.keys
  }).filter(([, items]) => (items?.length ?? 0) > limit)
  return cut.length === 0
    ? []
    : [`Only the first ${limit} are listed of ${cut.map(([name]) => name).join(", ")} (limit).`]
}

const showGroups = (
  { binaries, dictionary, gc, location, memory, meta, signals }: ProcessInfo,
  limit: number,
  terms: Terms,
  characters: number
) => {
  const print = (term: Term) => terms.print(term, characters)
  const one = (term: Term | undefined) => (term === undefined ? undefined : print(term))
  const some = (all: ReadonlyArray<Term>) => all.slice(0, limit).map(print)
  return {
    meta: meta && {
      priority: visible(meta.priority),
      trap_exit: meta.trapExit,
      group_leader: print(meta.groupLeader),
      parent: one(meta.parent),
      label: one(meta.label)
    },
    location: location && {
      initial_call: location.initialCall && terms.mfa(location.initialCall),
      current_function: location.current && functionOf(location.current, terms),
      source: location.current && sourceOf(location.current)
    },
    memory: memory && {
      memory_bytes: memory.total,
      total_heap_bytes: memory.totalHeap,
      heap_bytes: memory.heap,
      stack_bytes: memory.stack,
      message_queue_data: visible(memory.messageQueueData)
    },
    gc: gc && {
      minor_collections: gc.minorCollections,
      fullsweep_after: gc.fullSweepAfter,
      min_heap_bytes: gc.minHeap,
      max_heap_bytes: gc.maxHeap
    },
    signals: signals && {
      link_count: signals.links.length,
      links: some(signals.links),
      monitor_count: signals.monitors.length,
      monitors: some(signals.monitors),
      monitored_by_count: signals.monitoredBy.length,
      monitored_by: some(signals.monitoredBy)
    },
    binaries: binaries && { count: binaries.count, total_bytes: binaries.total, largest_bytes: binaries.largest },
    dictionary: dictionary && { key_count: dictionary.keys.length, keys: some(dictionary.keys) }
  }
}

const functionOf = ({ arity, function: name, module }: StackFrame, terms: Terms): string =>
  terms.mfa({ module, name, arity })

const sourceOf = ({ file, line }: StackFrame): string | undefined => {
  if (file === undefined) return undefined
  return visible(line === undefined || line === 0 ? file : `${file}:${line}`)
}

const getProcessStacktrace = Tool.make({
  ...shared,
  name: "get_process_stacktrace",
  title: "Stack trace of a process",
  description:
    "Where a process stands now: its calls, the innermost first, with file and line. Ask again to see whether it moves.",
  input: { pid },
  output: {
    pid: Schema.String,
    name: Text,
    status: Schema.String,
    message_queue_length: Schema.Int,
    frames: Schema.optionalKey(Schema.Array(Schema.Struct({ function: Schema.String, source: Text })))
  },
  run: Effect.fnUntraced(function* ({ pid: text }, node) {
    const terms = yield* termsOf(node)
    const process = yield* resolveProcess(node, text, terms)
    const trace = yield* stackTrace(node, process)
    if (trace === undefined) return yield* ended(node, process, terms)
    const pidText = terms.print(process)
    const frames = trace.frames.map((frame) => ({ function: functionOf(frame, terms), source: sourceOf(frame) }))
    const [first] = frames
    return {
      summary: `${called(trace.registeredName, pidText, terms)} is ${visible(trace.status)}${first === undefined ? ", with an empty stack" : ` in ${first.function}`}.`,
      data: {
        pid: pidText,
        name: nameText(trace.registeredName, terms),
        status: visible(trace.status),
        message_queue_length: trace.messageQueueLength,
        frames
      },
      page: { rows: "frames" } as const
    }
  })
})

/** The tools of the processes toolset that look at one. */
export const processInfoTools: ReadonlyArray<Tool.Tool> = [getProcessInfo, getProcessStacktrace]
