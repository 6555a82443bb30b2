import { Effect } from "effect"
import { encode } from "../etf/Encode.ts"
import { Atom, atom, Binary, isAtom, isTuple, list, listItems, map, MapTerm, nil, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { StackFrame } from "../node/StackFrame.ts"
import type { CallOptions } from "../node/Call.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { readStack } from "../node/StackFrame.ts"
import type { Mfa } from "../syntax/Mfa.ts"
import { copiedHeapWords } from "./CopiedHeap.ts"
import { askAgent } from "./Listing.ts"
import { atomText, callbackItem, type Facts, readFacts } from "./ProcessFacts.ts"
import { longQueue } from "./ProcessQuery.ts"
import { readCount, readMfa } from "./ProcessRow.ts"
import { readReply } from "./Reply.ts"

/** What can be asked of one process, beside its messages. */
export const infoGroups = ["meta", "location", "memory", "gc", "signals", "binaries", "dictionary"] as const
export type InfoGroup = (typeof infoGroups)[number]

/** A group, or `entries`: what stands under keys of the dictionary that are named, without the others where that can be. */
export type AskedGroup = InfoGroup | "entries"

/** What was not read, and why. */
export type Unread =
  /** Reading memory walks the message queue; and how large a heap is, too. */
  | { readonly what: "memory" | "label" | "dictionary"; readonly why: "LongQueue"; readonly messages: number }
  /** Reading it copies it, and only the heap bounds how large it is: see {@link copiedHeapWords}. */
  | { readonly what: "label" | "dictionary"; readonly why: "LargeHeap"; readonly bytes: number }
  | {
      readonly what: "ancestors" | "initial call" | "label" | "signals" | "binaries" | "dictionary"
      readonly why: "LargeReply"
      readonly bytes: number
    }

/** Of a dictionary. */
export type Entries = ReadonlyArray<readonly [key: Term, value: Term]>

/** One process. Sizes are bytes. A group that was not asked for, or could not be read, is absent. */
export interface ProcessInfo {
  readonly registeredName: string | undefined
  readonly status: string
  readonly messageQueueLength: number
  readonly reductions: number
  /** Whether `proc_lib` has started it, which leaves something in its dictionary. */
  readonly isOtp: boolean
  /** Whether `proc_lib` has started it, and nothing of that is seen in its dictionary: the node hides that of a sensitive one. */
  readonly hidesDictionary: boolean
  readonly meta?: {
    readonly priority: string
    readonly trapExit: boolean
    readonly groupLeader: Term
    /** OTP 25 on. */
    readonly parent: Term | undefined
    /** OTP 27 on. */
    readonly label: Term | undefined
    /** The application that its group leader belongs to. */
    readonly application: string | undefined
    /** Whether what it sends to other nodes waits for nobody; OTP 26 on. */
    readonly asyncDist: boolean | undefined
    /** Pids and names, the parent first; where the release can read one entry of a dictionary, or all were read. */
    readonly ancestors: ReadonlyArray<Term>
    /** For whom an Elixir task works, the nearest first; where ancestors are known. */
    readonly callers: ReadonlyArray<Term>
  }
  readonly location?: {
    /**
     * The callback of an OTP process where it can be seen, else the function that it was spawned with; not where the callback
     * is unread.
     */
    readonly initialCall: Mfa | undefined
    readonly current: StackFrame | undefined
  }
  readonly memory?: {
    readonly total: number
    readonly totalHeap: number
    readonly heap: number
    readonly stack: number
    readonly messageQueueData: string
  }
  readonly gc?: {
    readonly minorCollections: number
    readonly fullSweepAfter: number
    readonly minHeap: number
    /** `undefined` where there is none. */
    readonly maxHeap: number | undefined
  }
  readonly signals?: {
    readonly links: ReadonlyArray<Term>
    readonly monitors: ReadonlyArray<Term>
    readonly monitoredBy: ReadonlyArray<Term>
    /** Processes that it keeps suspended. */
    readonly suspending: ReadonlyArray<Term>
  }
  /** Large binaries that it refers to, each counted once. */
  readonly binaries?: { readonly count: number; readonly total: number; readonly largest: number }
  readonly dictionary?: {
    readonly count: number
    /** The first of them; those that are large are cut. */
    readonly keys: ReadonlyArray<Term>
    /** Where the node does not tell keys alone, or the value of one key. */
    readonly entries: Entries | undefined
  }
  readonly unread: ReadonlyArray<Unread>
}

/** Bytes of a reply whose size the process decides. */
const maxReplyBytes = 4 * 1024 * 1024

/** Items of a process by name, `undefined` when it has ended. */
const ask = (node: ErlangNode, pid: Pid, items: ReadonlyArray<Term>, options?: CallOptions) =>
  Effect.flatMap(
    node.call("erlang", "process_info", [pid, list(items)], options),
    readReply(node, "erlang:process_info/2", (reply) =>
      isAtom(reply, "undefined") || listItems(reply)?.length === items.length ? { facts: readFacts(reply) } : undefined
    )
  ).pipe(Effect.map(({ facts }) => facts))

/** Asks for what only the process bounds; a reply that is too large for the link, or for a heap, is told as unread. */
const askBounded = (
  node: ErlangNode,
  pid: Pid,
  what: Extract<Unread, { why: "LargeReply" }>["what"],
  items: ReadonlyArray<Term>
) =>
  ask(node, pid, items, { maxReplyBytes }).pipe(
    Effect.map((facts) => ({ facts, unread: [] as ReadonlyArray<Unread> })),
    Effect.catchReasons("CallError", {
      ReplyTooLarge: ({ limitBytes }) => Effect.succeed(tooLarge(what, limitBytes)),
      HeapLimit: ({ limitWords }) => Effect.succeed(tooLarge(what, limitWords * node.capabilities.wordBytes))
    })
  )

const tooLarge = (what: Extract<Unread, { why: "LargeReply" }>["what"], bytes: number) => ({
  facts: new Map() as Facts,
  unread: [{ what, why: "LargeReply", bytes }] as ReadonlyArray<Unread>
})

const cheapItems = [
  "registered_name",
  "status",
  "message_queue_len",
  "reductions",
  "priority",
  "trap_exit",
  "group_leader",
  "current_location",
  "initial_call",
  "heap_size",
  "stack_size",
  "message_queue_data",
  "garbage_collection"
] as const

const signalItems = ["links", "monitors", "monitored_by", "suspending"].map(atom)

/** Entries of a dictionary, without the rest of it. */
const familyItems: ReadonlyArray<Term> = ["$ancestors", "$callers"].map((key) => [atom("dictionary"), atom(key)])

/**
 * What is known of a process, by group; `undefined` when there is no such process (any more). The length of its queue
 * is read first, and decides whether its memory is; its heap decides whether its label and its dictionary are copied: up
 * to `maxHeap`, in bytes, {@link copiedHeapWords} by default. Of `entries` it tells what keeps them from being read, with
 * {@link dictionaryValues}, and the whole dictionary where one key of it cannot be.
 */
export const processInfo = Effect.fnUntraced(function* (
  node: ErlangNode,
  pid: Pid,
  groups: ReadonlySet<AskedGroup>,
  maxHeap: number = copiedHeapWords * node.capabilities.wordBytes
): Effect.fn.Return<ProcessInfo | undefined, CallError> {
  const { dictionaryKey, processInfoItems, wordBytes } = node.capabilities
  const facts = yield* ask(node, pid, [
    ...cheapItems.map(atom),
    ...["parent", "async_dist"].filter((item) => processInfoItems.has(item)).map(atom),
    ...(dictionaryKey ? [callbackItem] : [])
  ])
  if (facts === undefined) return undefined
  const messages = readCount(facts.get("message_queue_len")) ?? 0
  const isShort = messages <= longQueue
  const words = (item: string, from: Facts | undefined = facts) => (readCount(from?.get(item)) ?? 0) * wordBytes

  const hasLabel = groups.has("meta") && processInfoItems.has("label")
  const copiesDictionary = groups.has("dictionary") || (groups.has("entries") && !dictionaryKey)
  const copies = [
    ...(hasLabel ? (["label"] as const) : []),
    ...(copiesDictionary || groups.has("entries") ? (["dictionary"] as const) : [])
  ]
  const walks = isShort && (groups.has("memory") || groups.has("location") || copies.length > 0)
  const walked = walks ? yield* ask(node, pid, [atom("memory"), atom("total_heap_size")]) : undefined
  if (walks && walked === undefined) return undefined
  const totalHeap = words("total_heap_size", walked)
  const mayCopy = walked !== undefined && totalHeap <= maxHeap

  // The node's own way to see a callback takes the whole dictionary, and says `proc_lib` of what has none.
  const isOtp = readMfa(facts.get("initial_call"))?.module === "proc_lib"
  const isCallbackless = dictionaryKey && isAtom(facts.get("$initial_call"), "undefined")
  const nothing: DictionaryPart = { facts: new Map(), unread: [] }
  const [application, family, label, signals, binaries, dictionary, callback] = yield* Effect.all(
    [
      groups.has("meta") ? node.call("application", "get_application", [pid]) : Effect.succeed(nil),
      groups.has("meta") && dictionaryKey ? askBounded(node, pid, "ancestors", familyItems) : Effect.succeed(nothing),
      hasLabel && mayCopy ? askBounded(node, pid, "label", [atom("label")]) : Effect.succeed(nothing),
      groups.has("signals") ? askBounded(node, pid, "signals", signalItems) : Effect.succeed(nothing),
      groups.has("binaries") ? askBounded(node, pid, "binaries", [atom("binary")]) : Effect.succeed(nothing),
      copiesDictionary && mayCopy ? readDictionary(node, pid) : Effect.succeed(nothing),
      groups.has("location") && isOtp && !dictionaryKey && mayCopy
        ? translatedCall(node, pid)
        : Effect.succeed({ mfa: readMfa(facts.get("$initial_call")), unread: [] })
    ],
    { concurrency: "unbounded" }
  )
  const parts = [family, label, signals, binaries, dictionary]
  if (parts.some((part) => part.facts === undefined)) return undefined

  const linked = signals.facts!
  const sizes = readBinaries(binaries.facts!.get("binary"))
  const entries = readEntries(dictionary.facts!.get("dictionary"))
  const keys = dictionary.keys ?? (entries && { count: entries.length, first: entries.map(([it]) => it) })
  const related = (key: string) =>
    listItems(family.facts!.get(key) ?? entries?.find(([it]) => isAtom(it, key))?.[1])?.filter(isProcess) ?? []
  return {
    registeredName: nameIn(facts.get("registered_name")),
    status: atomText(facts.get("status")),
    messageQueueLength: messages,
    reductions: readCount(facts.get("reductions")) ?? 0,
    isOtp,
    hidesDictionary: isOtp && (isCallbackless || keys?.count === 0),
    ...(groups.has("meta") && {
      meta: {
        priority: atomText(facts.get("priority")),
        trapExit: isAtom(facts.get("trap_exit"), "true"),
        groupLeader: facts.get("group_leader")!,
        parent: known(facts.get("parent")),
        label: known(label.facts!.get("label")),
        application: isTuple(application, "ok") ? nameIn(application[1]) : undefined,
        asyncDist: facts.has("async_dist") ? isAtom(facts.get("async_dist"), "true") : undefined,
        ancestors: related("$ancestors"),
        callers: related("$callers")
      }
    }),
    ...(groups.has("location") && {
      location: {
        initialCall: callback.unread.length > 0 ? undefined : (callback.mfa ?? readMfa(facts.get("initial_call"))),
        current: readStack(list([facts.get("current_location")!]))?.[0]
      }
    }),
    ...(groups.has("memory") &&
      walked !== undefined && {
        memory: {
          total: readCount(walked.get("memory")) ?? 0,
          totalHeap,
          heap: words("heap_size"),
          stack: words("stack_size"),
          messageQueueData: atomText(facts.get("message_queue_data"))
        }
      }),
    ...(groups.has("gc") && { gc: readGc(facts.get("garbage_collection"), wordBytes) }),
    ...(linked.has("links") && {
      signals: {
        links: listItems(linked.get("links")) ?? [],
        monitors: (listItems(linked.get("monitors")) ?? []).map((it) => (isTuple(it) ? it[1]! : it)),
        monitoredBy: listItems(linked.get("monitored_by")) ?? [],
        suspending: (listItems(linked.get("suspending")) ?? []).map((it) => (isTuple(it) ? it[0]! : it))
      }
    }),
    ...(sizes !== undefined && { binaries: sizes }),
    ...(keys !== undefined && { dictionary: { count: keys.count, keys: keys.first, entries } }),
    unread: [
      ...(!isShort && groups.has("memory") ? [{ what: "memory", why: "LongQueue", messages } as const] : []),
      ...(mayCopy ? [] : copies).map((what): Unread =>
        isShort ? { what, why: "LargeHeap", bytes: totalHeap } : { what, why: "LongQueue", messages }
      ),
      ...[...parts, callback].flatMap(({ unread }) => unread)
    ]
  }
})

/** The callback as the node sees it, which copies all of the dictionary. */
const translatedCall = (node: ErlangNode, pid: Pid) =>
  node.call("proc_lib", "translate_initial_call", [pid]).pipe(
    Effect.map((call) => ({ mfa: readMfa(call), unread: [] as ReadonlyArray<Unread> })),
    Effect.catchReasons("CallError", {
      ReplyTooLarge: ({ limitBytes }) => Effect.succeed({ mfa: undefined, ...tooLarge("initial call", limitBytes) }),
      HeapLimit: ({ limitWords }) =>
        Effect.succeed({ mfa: undefined, ...tooLarge("initial call", limitWords * node.capabilities.wordBytes) })
    })
  )

/** The facts hold all of the dictionary, if not the keys alone were told. */
interface DictionaryPart {
  readonly facts: Facts | undefined
  readonly unread: ReadonlyArray<Unread>
  readonly keys?: { readonly count: number; readonly first: ReadonlyArray<Term> }
}

/** Keys of a dictionary that are told without its values. */
const maxKeys = 1_000

/** The keys alone, where the value of one can be had afterwards and the agent may run; else all of the dictionary. */
const readDictionary = (node: ErlangNode, pid: Pid): Effect.Effect<DictionaryPart, CallError> => {
  const whole = askBounded(node, pid, "dictionary", [atom("dictionary")])
  if (!node.capabilities.dictionaryKey) return whole
  return askAgent(
    node,
    "beamscope_process:keys",
    map([
      [atom("pid"), pid],
      [atom("limit"), maxKeys]
    ]),
    (answer) => {
      const [count, first] = [readCount(answer.atomKey("count")), listItems(answer.atomKey("keys"))]
      if (isAtom(answer.atomKey("gone"), "true")) return { facts: undefined, unread: [] }
      return count === undefined || first === undefined
        ? undefined
        : { facts: new Map() as Facts, unread: [], keys: { count, first } }
    },
    { maxReplyBytes }
  ).pipe(
    Effect.catchReasons("CallError", {
      Unsupported: () => whole,
      AtomsScarce: () => whole,
      ReplyTooLarge: ({ limitBytes }) => Effect.succeed(tooLarge("dictionary", limitBytes)),
      HeapLimit: ({ limitWords }) => Effect.succeed(tooLarge("dictionary", limitWords * node.capabilities.wordBytes))
    })
  )
}

/**
 * What a process keeps under these keys of its dictionary, without the rest of that: from OTP 26.2 on. Whoever asks knows
 * that its heap is not large ({@link copiedHeapWords}). `undefined` when there is no such process (any more). A key that holds an atom which the node does
 * not have is under nothing there, and is not sent as one; an entry that is `undefined` is as none.
 */
export const dictionaryValues = Effect.fnUntraced(function* (
  node: ErlangNode,
  pid: Pid,
  keys: ReadonlyArray<Term>
): Effect.fn.Return<{ readonly entries: Entries; readonly unread: ReadonlyArray<Unread> } | undefined, CallError> {
  const known = yield* knownThere(node, keys)
  if (known.length === 0) return { entries: [], unread: [] }
  const items = known.map((key): Term => [atom("dictionary"), key])
  const read = yield* node.call("erlang", "process_info", [pid, list(items)], { maxReplyBytes }).pipe(
    Effect.flatMap(
      readReply(node, "erlang:process_info/2", (reply) =>
        isAtom(reply, "undefined") ? { gone: true } : { gone: false, values: readEntries(reply) ?? [] }
      )
    ),
    Effect.map((answer) => ({ ...answer, unread: [] as ReadonlyArray<Unread> })),
    Effect.catchReasons("CallError", {
      ReplyTooLarge: ({ limitBytes }) => Effect.succeed({ gone: false, ...tooLarge("dictionary", limitBytes) }),
      HeapLimit: ({ limitWords }) =>
        Effect.succeed({ gone: false, ...tooLarge("dictionary", limitWords * node.capabilities.wordBytes) })
    })
  )
  if (read.gone) return undefined
  const values = "values" in read ? (read.values ?? []) : []
  return {
    entries: values.flatMap(([, value], at) => (isAtom(value, "undefined") ? [] : [[known[at]!, value] as const])),
    unread: read.unread
  }
})

/** Those of some terms that hold no atom which the node does not have: they travel packed, so that none is made there. */
const knownThere = (node: ErlangNode, terms: ReadonlyArray<Term>): Effect.Effect<ReadonlyArray<Term>, CallError> => {
  const unpack = (term: Term) =>
    node.call("erlang", "binary_to_term", [new Binary(encode(term)), list([atom("safe")])]).pipe(
      Effect.as(true),
      Effect.catchReason("CallError", "Raised", () => Effect.succeed(false))
    )
  return Effect.flatMap(unpack(list(terms)), (all) => (all ? Effect.succeed(terms) : Effect.filter(terms, unpack)))
}

/** `[{Key, Value}]`. */
const readEntries = (term: Term | undefined): Entries | undefined =>
  listItems(term)?.flatMap((entry) => (isTuple(entry) ? [[entry[0]!, entry[1]!] as const] : []))

const isProcess = (term: Term): boolean => term instanceof Pid || term instanceof Atom

/** `[]` where there is none; `''` is a name. */
const nameIn = (term: Term | undefined): string | undefined => (term instanceof Atom ? term.text : undefined)

/** `undefined` and `[]` are what `process_info/2` says where there is nothing. */
const known = (term: Term | undefined): Term | undefined =>
  term === undefined || isAtom(term, "undefined") || listItems(term)?.length === 0 ? undefined : term

/** `[{Id, Size, ReferenceCount}]`, a binary as often as the process refers to it. */
const readBinaries = (term: Term | undefined): ProcessInfo["binaries"] => {
  const entries = listItems(term)
  if (entries === undefined) return undefined
  const sizes = new Map(entries.flatMap((it) => (isTuple(it) ? [[String(it[0]), readCount(it[1]) ?? 0] as const] : [])))
  let total = 0
  let largest = 0
  for (const size of sizes.values()) {
    total += size
    largest = Math.max(largest, size)
  }
  return { count: sizes.size, total, largest }
}

const readGc = (term: Term | undefined, wordBytes: number) => {
  const settings = readFacts(term ?? nil)
  const maxHeap = settings?.get("max_heap_size")
  const maxWords = readCount(maxHeap instanceof MapTerm ? maxHeap.atomKey("size") : maxHeap) ?? 0
  return {
    minorCollections: readCount(settings?.get("minor_gcs")) ?? 0,
    fullSweepAfter: readCount(settings?.get("fullsweep_after")) ?? 0,
    minHeap: (readCount(settings?.get("min_heap_size")) ?? 0) * wordBytes,
    maxHeap: maxWords === 0 ? undefined : maxWords * wordBytes
  }
}
