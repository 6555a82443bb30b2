import { Effect, Schema } from "effect"
import {
  type AskedGroup,
  dictionaryValues,
  infoGroups,
  processInfo,
  type ProcessInfo,
  type Unread
} from "../../beam/ProcessInfo.ts"
import { longQueue } from "../../beam/ProcessQuery.ts"
import { type StackTrace, stackTrace, waiting, type Waiting } from "../../beam/StackTrace.ts"
import { Atom, atom, Pid, type Term } from "../../etf/Term.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import type { StackFrame } from "../../node/StackFrame.ts"
import { visible } from "../../syntax/Escape.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { parseTerm } from "../../syntax/ParseTerm.ts"
import { TermText } from "../ArgumentText.ts"
import { currentSyntax } from "../CurrentSyntax.ts"
import { countCut, cutNote } from "../CutValues.ts"
import { cutMessages, Message, moreMessages, readQueue, showMessages, whyRefused } from "./MessageQueue.ts"
import { called, nameText, pid } from "./OneProcess.ts"
import { ended, resolveProcess } from "../ProcessArgument.ts"
import { agree, amount, bytes } from "../Quantity.ts"
import { allowing, heapBytes, maxHeap, normalHeapMegabytes } from "../MaxHeap.ts"
import { termOwner } from "../TermOwner.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const shared = { toolset: "processes", access: "inspect", cost: "cheap", target: "connected" } as const

const Text = Schema.optionalKey(Schema.String)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))

/** What `groups` may name. */
const groupNames = [...infoGroups, "messages"] as const

const defaultGroups: ReadonlyArray<(typeof groupNames)[number]> = ["meta", "location", "memory", "signals"]

/** What was not read, and what could be done about it. */
const unreadNote = (unread: Unread): string => {
  switch (unread.why) {
    case "LongQueue":
      return `The ${unread.what} of a process with ${unread.messages} messages is not read: that would walk its queue (above ${longQueue} it is left alone).`
    case "LargeHeap":
      return `The ${unread.what} was not read: the process copies it, and it may be as large as the heap that it lies on, ${bytes(unread.bytes)}, or larger where parts of it are shared. ${allowing(unread.bytes)}`
    case "LargeReply":
      return `Not read: ${unread.what} of more than ${bytes(unread.bytes)}.`
  }
}

/** Why only those keys of a dictionary are told that were named. */
const unlistedNote = (limit: number): string =>
  `Only the named keys of its dictionary were read, not which others there are: they take more than ${bytes(limit)}.`

/** What a sensitive process hides, as far as it shows that it is one. */
const hiddenNotes = (hidden: ReadonlyArray<string>): ReadonlyArray<string> =>
  hidden.length === 0
    ? []
    : [
        `Of its ${hidden.join(" and ")} nothing is shown, though there is something: it is sensitive (process_flag), and the node hides messages, binaries and dictionary of such, where callback, ancestors and label stand, or it has erased ${hidden.length === 1 && hidden[0] === "messages" ? "them" : "that"}.`
      ]

const getProcessInfo = Tool.make({
  ...shared,
  name: "get_process_info",
  title: "One process",
  description: `One process by group (default ${defaultGroups.join(", ")}). Of its dictionary keys, and values of dictionary_keys.`,
  input: {
    pid,
    groups: Schema.optionalKey(Schema.Array(Schema.Literals(groupNames))),
    dictionary_keys: Schema.optionalKey(Schema.Array(TermText).check(Schema.isMaxLength(20))),
    max_heap_mb: maxHeap,
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
        application: Text,
        parent: Text,
        ancestors: Texts,
        callers: Texts,
        async_dist: Schema.optionalKey(Schema.Boolean),
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
        monitored_by: Texts,
        suspending: Texts
      })
    ),
    binaries: Schema.optionalKey(
      Schema.Struct({ count: Schema.Int, total_bytes: Schema.Int, largest_bytes: Schema.Int })
    ),
    dictionary: Schema.optionalKey(
      Schema.Struct({
        key_count: Schema.optionalKey(Schema.Int),
        keys: Texts,
        values: Schema.optionalKey(Schema.Array(Schema.Struct({ key: Schema.String, value: Schema.String })))
      })
    ),
    messages: Schema.optionalKey(Schema.Array(Message))
  },
  run: Effect.fnUntraced(function* (
    { dictionary_keys: keys = [], groups = defaultGroups, limit, max_heap_mb: megabytes, pid: text },
    node
  ) {
    const terms = yield* termsOf(node)
    const process = yield* resolveProcess(node, text, terms)
    if (megabytes > normalHeapMegabytes) {
      yield* Effect.logWarning(
        `${node.name}: what ${terms.print(process)} keeps is asked for with a heap of up to ${megabytes} MB`
      )
    }
    const asked = new Set<AskedGroup>(groups.filter((group) => group !== "messages"))
    if (keys.length > 0) asked.add("entries")
    const info = yield* processInfo(node, process, asked, heapBytes(megabytes))
    if (info === undefined) return yield* ended(node, process, terms)
    const queue = groups.includes("messages") ? yield* readQueue(node, process, { limit, shapes: 0 }) : undefined
    const sought = yield* seek(node, process, keys, info, terms)
    if (sought === undefined) return yield* ended(node, process, terms)
    const { values } = sought
    const unread = [...info.unread.filter((it) => it.what !== "dictionary" || !sought.isEnough), ...sought.unread]
    const pidText = terms.print(process)
    const { memory } = info
    const hidden = hiddenNotes([
      ...(queue?.read._tag === "Read" && queue.read.isHidden ? ["messages"] : []),
      ...(info.hidesDictionary ? ["dictionary"] : [])
    ])
    return {
      summary: `${called(info.registeredName, pidText, terms)} is ${visible(info.status)}, has ${amount(info.messageQueueLength, "message")} waiting${memory === undefined ? "" : ` and ${bytes(memory.total)} of memory`}.`,
      complete: unread.length === 0 && hidden.length === 0 && queue?.read._tag !== "Refused",
      notes: [
        ...unread.map(unreadNote),
        ...info.unread.flatMap((it) =>
          it.what === "dictionary" && it.why === "LargeReply" && sought.isEnough ? [unlistedNote(it.bytes)] : []
        ),
        ...hidden,
        ...(queue?.read._tag === "Refused"
          ? [`Its messages are not read. ${whyRefused(queue.read)}: get_message_queue.`]
          : []),
        ...(queue?.read._tag === "Read" ? moreMessages(queue.count, limit) : []),
        ...cutNotes(info, limit),
        ...(sought.missing.length === 0 || info.hidesDictionary
          ? []
          : [`Not in its dictionary: ${sought.missing.map((it) => excerpt(it)).join(", ")}.`]),
        ...(sought.asShown.length === 0
          ? []
          : [
              `Not sought: ${sought.asShown.map((it) => excerpt(it)).join(", ")}. What is no term, or not shown whole, is found among all keys: add the group dictionary.`
            ])
      ],
      cut: (characters: number) => {
        const prints = values.map(
          ([key, value]) =>
            (most?: number) =>
              terms.value(key, value, most)
        )
        const notes = [
          cutNote(countCut(prints, characters), "value of its dictionary", "values of its dictionary"),
          queue?.read._tag === "Read" ? cutMessages(queue.read, terms, characters) : undefined
        ].filter((note) => note !== undefined)
        return notes.length === 0 ? undefined : notes.join(" ")
      },
      data: (characters: number) => ({
        pid: pidText,
        name: nameText(info.registeredName, terms),
        status: visible(info.status),
        message_queue_length: info.messageQueueLength,
        reductions: info.reductions,
        ...showGroups(info, limit, terms, characters, values),
        messages: queue?.read._tag === "Read" ? showMessages(queue.read, terms, characters) : undefined
      }),
      hints: [`get_process_stacktrace ${JSON.stringify({ pid: pidText })}`]
    }
  })
})

/** Whether a key of a dictionary is meant: as it is shown, or the bare name of an atom. */
const isKey = (key: Term, wanted: string, terms: Terms): boolean =>
  (key instanceof Atom && key.text === wanted) || terms.print(key) === wanted

/**
 * The entries of a dictionary with the keys that are wanted, and for which there is none. Where the value of one key can
 * be read, a text is taken for the term that it is written as, for the bare name of an atom, and for those keys that are
 * shown so. `isEnough`: nothing more need be known of the rest of the dictionary.
 */
const seek = Effect.fnUntraced(function* (
  node: ErlangNode,
  process: Pid,
  wanted: ReadonlyArray<string>,
  { dictionary, unread }: ProcessInfo,
  terms: Terms
) {
  const listed = dictionary?.entries
  // What kept all of the dictionary from being copied, keeps each value of it.
  const isRefused = unread.some(({ what, why }) => what === "dictionary" && why !== "LargeReply")
  if (wanted.length === 0 || isRefused) return { values: [], missing: [], asShown: [], unread: [], isEnough: false }
  if (listed !== undefined || !node.capabilities.dictionaryKey) {
    const found = (name: string) => (listed ?? []).filter(([key]) => isKey(key, name, terms))
    const values = (listed ?? []).filter(([key]) => wanted.some((name) => isKey(key, name, terms)))
    const missing = listed === undefined ? [] : wanted.filter((name) => found(name).length === 0)
    return { values, missing, asShown: [], unread: [], isEnough: false }
  }
  const { name: syntax } = yield* currentSyntax
  const meant = wanted.map((text) => {
    const parsed = parseTerm(text, syntax, termOwner(node))
    const shown = (dictionary?.keys ?? []).filter((key) => isKey(key, text, terms))
    const isWhole =
      !/\[redacted\]|\.\.\.|…/u.test(text) && (parsed._tag === "Term" || !/#(?:Fun|Function)</u.test(text))
    return { text, isWhole, keys: [...(parsed._tag === "Term" ? [parsed.term] : []), ...bareAtom(text), ...shown] }
  })
  const distinct = new Map(meant.flatMap(({ keys }) => keys.map((key) => [terms.print(key), key])))
  const read = yield* dictionaryValues(node, process, [...distinct.values()])
  if (read === undefined) return undefined
  const found = new Set(read.entries.map(([key]) => terms.print(key)))
  const lacking = meant.filter(({ keys }) => !keys.some((key) => found.has(terms.print(key))))
  // What stands for a key that cannot be typed, or is not shown whole, is known by the list of all keys alone.
  const isSought = ({ isWhole }: { readonly isWhole: boolean }) => isWhole || dictionary?.keys !== undefined
  const missing = lacking.filter(isSought).map(({ text }) => text)
  const asShown = lacking.filter((it) => !isSought(it)).map(({ text }) => text)
  const isRead = read.unread.length === 0
  return {
    values: read.entries,
    missing: isRead ? missing : [],
    asShown,
    unread: read.unread,
    isEnough: isRead && lacking.length === 0
  }
})

/** No atom has a longer name. */
const maxAtomCharacters = 255

const bareAtom = (text: string): ReadonlyArray<Term> => ([...text].length > maxAtomCharacters ? [] : [atom(text)])

/** Which lists are cut at the limit. */
const cutNotes = ({ dictionary, meta, signals }: ProcessInfo, limit: number): ReadonlyArray<string> => {
  const lists = { ...meta, ...signals, keys: dictionary?.keys }
  const cut = Object.entries({
    links: lists.links,
    monitors: lists.monitors,
    monitored_by: lists.monitoredBy,
    suspending: lists.suspending,
    ancestors: lists.ancestors,
    callers: lists.callers,
    keys: lists.keys
  }).filter(([, items]) => (items?.length ?? 0) > limit)
  return cut.length === 0
    ? []
    : [
        `Only the first ${limit} ${agree(limit, "is", "are")} listed of ${cut.map(([name]) => name).join(", ")} (limit).`
      ]
}

const showGroups = (
  { binaries, dictionary, gc, location, memory, meta, signals }: ProcessInfo,
  limit: number,
  terms: Terms,
  characters: number,
  values: ReadonlyArray<readonly [Term, Term]>
) => {
  const print = (term: Term) => terms.print(term, characters)
  const one = (term: Term | undefined) => (term === undefined ? undefined : print(term))
  const some = (all: ReadonlyArray<Term>) => all.slice(0, limit).map(print)
  return {
    meta: meta && {
      priority: visible(meta.priority),
      trap_exit: meta.trapExit,
      group_leader: print(meta.groupLeader),
      application: nameText(meta.application, terms),
      parent: one(meta.parent),
      ancestors: some(meta.ancestors),
      callers: some(meta.callers),
      async_dist: meta.asyncDist,
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
      monitored_by: some(signals.monitoredBy),
      suspending: some(signals.suspending)
    },
    binaries: binaries && { count: binaries.count, total_bytes: binaries.total, largest_bytes: binaries.largest },
    dictionary:
      dictionary === undefined && values.length === 0
        ? undefined
        : {
            key_count: dictionary?.count,
            keys: some(dictionary?.keys ?? []),
            values: values.map(([key, value]) => ({ key: print(key), value: terms.value(key, value, characters) }))
          }
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
    "Where a process stands: its calls, innermost first, with file and line; where it waits for the answer to a call, whose, and for whom those wait: a cycle is a deadlock.",
  input: { pid },
  output: {
    pid: Schema.String,
    name: Text,
    status: Schema.String,
    message_queue_length: Schema.Int,
    waiting_for: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          pid: Schema.String,
          name: Text,
          status: Text,
          message_queue_length: Schema.optionalKey(Schema.Int),
          function: Text
        })
      )
    ),
    frames: Schema.optionalKey(Schema.Array(Schema.Struct({ function: Schema.String, source: Text })))
  },
  run: Effect.fnUntraced(function* ({ pid: text }, node) {
    const terms = yield* termsOf(node)
    const process = yield* resolveProcess(node, text, terms)
    const trace = yield* stackTrace(node, process)
    if (trace === undefined) return yield* ended(node, process, terms)
    const waits = yield* waiting(node, process, trace)
    const pidText = terms.print(process)
    const self = called(trace.registeredName, pidText, terms)
    const frames = trace.frames.map((frame) => ({ function: functionOf(frame, terms), source: sourceOf(frame) }))
    const [first] = frames
    return {
      summary: `${self} is ${visible(trace.status)}${first === undefined ? ", with an empty stack" : ` in ${first.function}`}.${waits === undefined ? "" : ` ${saysWaiting(waits, self, terms)}`}`,
      data: {
        pid: pidText,
        name: nameText(trace.registeredName, terms),
        status: visible(trace.status),
        message_queue_length: trace.messageQueueLength,
        waiting_for: waits?.steps.map((step) => ({
          pid: terms.print(step.pid),
          name: nameText(step.process?.registeredName, terms),
          status: step.process && visible(step.process.status),
          message_queue_length: step.process?.messageQueueLength,
          function: step.process && standsIn(step.process, terms)
        })),
        frames
      },
      page: { rows: "frames" } as const,
      hints: waits === undefined ? [] : nextOf(waits, terms)
    }
  })
})

const standsIn = ({ frames: [first] }: StackTrace, terms: Terms): string | undefined =>
  first && functionOf(first, terms)

/** The end of a chain of waiting processes, in words. */
const saysWaiting = ({ end, steps }: Waiting, self: string, terms: Terms): string => {
  const names = [
    self,
    ...steps.map(({ pid: process, process: trace }) => called(trace?.registeredName, terms.print(process), terms))
  ]
  const last = steps.at(-1)
  const chain = names.length === 1 ? "It waits" : `It waits for ${names.slice(1).join(", which waits for ")}`
  switch (end._tag) {
    case "Culprit": {
      const place = last?.process && standsIn(last.process, terms)
      return `${chain}, which is ${visible(last?.process?.status ?? "busy")}${place === undefined ? "" : ` in ${place}`}.`
    }
    case "Cycle":
      return `DEADLOCK: ${names.slice(end.to).join(" waits for ")} waits for ${names[end.to]}.`
    case "Elsewhere":
      return `${chain}, which is on another node.`
    case "Ended":
      return `${chain}, which has ended.`
    case "OneOf":
      return `${chain === "It waits" ? chain : `${chain}, which waits`} for the answer to a call from one of ${end.count} that it monitors: ${end.candidates.map((it) => terms.print(it)).join(", ")}${end.count > end.candidates.length ? ", …" : ""}.`
    case "Further":
      return `${chain}, which waits for somebody else, too.`
  }
}

/** Where to look next: at the process that all others wait for. */
const nextOf = ({ end, steps }: Waiting, terms: Terms): ReadonlyArray<string> => {
  const last: Term | undefined = end._tag === "OneOf" ? end.candidates[0] : steps.at(-1)?.pid
  if (!(last instanceof Pid) || end._tag === "Cycle" || end._tag === "Ended" || end._tag === "Elsewhere") return []
  return [`get_process_stacktrace ${JSON.stringify({ pid: terms.print(last) })}`]
}

/** The tools of the processes toolset that look at one. */
export const processInfoTools: ReadonlyArray<Tool.Tool> = [getProcessInfo, getProcessStacktrace]
