import { Effect, Schema } from "effect"
import { type InfoGroup, infoGroups, processInfo, type ProcessInfo, type Unread } from "../beam/ProcessInfo.ts"
import { longQueue } from "../beam/ProcessQuery.ts"
import { stackTrace } from "../beam/StackTrace.ts"
import type { Term } from "../etf/Term.ts"
import type { StackFrame } from "../node/CallError.ts"
import { visible } from "../syntax/Escape.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import type { Syntax } from "../syntax/Syntax.ts"
import { ended, resolveProcess } from "./ProcessArgument.ts"
import { amount, bytes } from "./Quantity.ts"
import { currentSyntax } from "./Session.ts"
import * as Tool from "./Tool.ts"

const shared = { toolset: "processes", access: "inspect", cost: "cheap", target: "connected" } as const

const pid = Schema.NonEmptyString.annotate({ description: "A pid such as <0.90.0>, or a registered name" })

const Text = Schema.optionalKey(Schema.String)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))

const defaultGroups: ReadonlyArray<InfoGroup> = ["meta", "location", "memory", "signals"]

/** How a process is called in a summary: its name and its pid. */
const called = (name: string | undefined, pidText: string, syntax: Syntax): string =>
  name === undefined || name === "" ? pidText : `${syntax.atom(name)} (${pidText})`

/** What was not read, and what could be done about it. */
const unreadNote = (unread: Unread): string => {
  switch (unread.why) {
    case "LongQueue":
      return `The ${unread.what} of a process with ${unread.messages} messages is not read: that would walk its queue (above ${longQueue} it is left alone).`
    case "LargeHeap":
      return `The dictionary was not read: it may be as large as the heap that it lies on, ${bytes(unread.bytes)}.`
    case "LargeReply":
      return `The ${unread.what} were not read: they are more than ${bytes(unread.bytes)}.`
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
    const syntax = yield* currentSyntax
    const process = yield* resolveProcess(node, text, syntax)
    const info = yield* processInfo(node, process, new Set(groups))
    if (info === undefined) return yield* ended(node, process, syntax)
    const pidText = syntax.print(process, { node: node.name }).text
    const { memory } = info
    return {
      summary: `${called(info.registeredName, pidText, syntax)} is ${info.status}, has ${amount(info.messageQueueLength, "message")} waiting${memory === undefined ? "" : ` and ${bytes(memory.total)} of memory`}.`,
      complete: info.unread.length === 0,
      notes: [...info.unread.map(unreadNote), ...cutNotes(info, limit)],
      data: (characters: number) => ({
        pid: pidText,
        name: info.registeredName && syntax.atom(info.registeredName),
        status: info.status,
        message_queue_length: info.messageQueueLength,
        reductions: info.reductions,
        ...showGroups(
          info,
          limit,
          (term) => syntax.print(term, { node: node.name, maxCharacters: characters }).text,
          syntax
        )
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
  print: (term: Term) => string,
  syntax: Syntax
) => {
  const one = (term: Term | undefined) => (term === undefined ? undefined : print(term))
  const some = (terms: ReadonlyArray<Term>) => terms.slice(0, limit).map(print)
  return {
    meta: meta && {
      priority: meta.priority,
      trap_exit: meta.trapExit,
      group_leader: print(meta.groupLeader),
      parent: one(meta.parent),
      label: one(meta.label)
    },
    location: location && {
      initial_call: location.initialCall && mfaText(location.initialCall, syntax),
      current_function: location.current && functionOf(location.current, syntax),
      source: location.current && sourceOf(location.current)
    },
    memory: memory && {
      memory_bytes: memory.total,
      total_heap_bytes: memory.totalHeap,
      heap_bytes: memory.heap,
      stack_bytes: memory.stack,
      message_queue_data: memory.messageQueueData
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

const mfaText = ({ arity, module, name }: Mfa, syntax: Syntax): string => syntax.mfa(module, name, arity)

const functionOf = (frame: StackFrame, syntax: Syntax): string => syntax.mfa(frame.module, frame.function, frame.arity)

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
    const syntax = yield* currentSyntax
    const process = yield* resolveProcess(node, text, syntax)
    const trace = yield* stackTrace(node, process)
    if (trace === undefined) return yield* ended(node, process, syntax)
    const pidText = syntax.print(process, { node: node.name }).text
    const frames = trace.frames.map((frame) => ({ function: functionOf(frame, syntax), source: sourceOf(frame) }))
    const [first] = frames
    return {
      summary: `${called(trace.registeredName, pidText, syntax)} is ${trace.status}${first === undefined ? ", with an empty stack" : ` in ${first.function}`}.`,
      data: {
        pid: pidText,
        name: trace.registeredName && syntax.atom(trace.registeredName),
        status: trace.status,
        message_queue_length: trace.messageQueueLength,
        frames
      },
      page: { rows: "frames", more: false } as const
    }
  })
})

/** The tools of the processes toolset that look at one. */
export const processInfoTools: ReadonlyArray<Tool.Tool> = [getProcessInfo, getProcessStacktrace]
