import { Effect, Schema } from "effect"
import { moduleOf } from "../../beam/Callback.ts"
import {
  copyAtWorst,
  type Doing,
  processState,
  readStatus,
  type StateAnswer,
  type StateFront,
  type StatePath,
  type StateStep
} from "../../beam/GenServer.ts"
import { Binary, binary, isAtom, isList, isTuple, listItems, type Pid, type Term } from "../../etf/Term.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import type { Mfa } from "../../syntax/Mfa.ts"
import { visible } from "../../syntax/Escape.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { parseTerm } from "../../syntax/ParseTerm.ts"
import { TermText } from "../ArgumentText.ts"
import { CharacterBudget } from "../CharacterBudget.ts"
import { countCut } from "../CutValues.ts"
import { remainingMillis, stepMillis, whyLate } from "../Deadline.ts"
import { allowing, maxHeap, normalHeapMegabytes } from "../MaxHeap.ts"
import { pid } from "../processes/OneProcess.ts"
import { laterCallback } from "../processes/ProcessFilter.ts"
import { ended, resolveProcess } from "../ProcessArgument.ts"
import { amount, bytes } from "../Quantity.ts"
import { redacted } from "../SecretShapes.ts"
import { currentSyntax } from "../CurrentSyntax.ts"
import { termOwner } from "../TermOwner.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"
import { keysOf, parsePath, pathText } from "./StatePath.ts"

const shared = { toolset: "otp", access: "inspect", cost: "heavy", target: "connected" } as const

const mebibyte = 1024 * 1024
/** Bytes of a state in external format that come from the node: about what a result has room for. */
const leastRoom = 8_000
const mostRoom = 1_000_000

/** Milliseconds for which a busy process is looked at, at most. */
const patience = 500

/** Of the time that is left, what the process gets to answer. */
const answerShare = 0.6

/** In the place of what is not known but for its kind: something with parts, a text, something with texts in it. */
const [anyParts, anyText, anyTexts] = [[1], binary("..."), [binary("...")]]

/**
 * Whether a path leads to a secret or into one, `last` being what it leads to: by what was asked for, or by what the node
 * says that stands in front of each step. What is inside of a secret is a part of it, the characters of a text too.
 */
const isSecretPath = (
  path: ReadonlyArray<StateStep>,
  fronts: ReadonlyArray<StateFront>,
  terms: Terms,
  last: Term
): boolean => {
  const isCharacter = typeof last === "number" && path.at(-1)?.position !== undefined
  const isOfText = isCharacter || last instanceof Binary || isList(last)
  return path.some((step, at) => {
    const further = path.length - 1 - at
    const around = isOfText ? anyTexts : anyParts
    const values = further === 0 ? [last] : further === 1 && isCharacter ? [around, anyText] : [around]
    return values.some(
      (value) => keysOf(step).some((key) => terms.isHidden(key, value)) || terms.isHiddenBehind(fronts[at], value)
    )
  })
}

const refused = (code: ToolError["code"], message: string, next: string, retryable = false): ToolError =>
  new ToolError({ code, message, retryable, next })

/** What it was doing, in words: `has 12 messages waiting and is waiting in gen:do_call/4`. */
const doingText = ({ current, messages, status }: Doing, terms: Terms): string =>
  `has ${amount(messages, "message")} waiting and is ${visible(status)}${current === undefined ? "" : ` in ${terms.mfa(current)}`}`

/** Asks, and tells why there is no answer. */
const askFor = Effect.fnUntraced(function* (
  node: ErlangNode,
  what: "state" | "status",
  input: { readonly pid: string; readonly max_heap_mb: number },
  path: StatePath
) {
  const terms = yield* termsOf(node)
  const process = yield* resolveProcess(node, input.pid, terms)
  if (input.max_heap_mb > normalHeapMegabytes)
    yield* Effect.logWarning(
      `${node.name}: the ${what} of ${terms.print(process)} is asked for with a heap of up to ${input.max_heap_mb} MB`
    )
  const left = yield* remainingMillis
  const timeoutMillis = Math.max(1, left * answerShare)
  const patienceMillis = Math.min(patience, left / 5)
  const asked = processState(node, {
    pid: process,
    what,
    path,
    room: Math.min(Math.max(leastRoom, yield* CharacterBudget), mostRoom),
    patienceMillis,
    timeoutMillis,
    withinMillis: yield* stepMillis,
    maxHeap: input.max_heap_mb * mebibyte
  })
  const text = terms.print(process)
  const answer = yield* asked.pipe(
    Effect.catchReasons("CallError", {
      HeapLimit: ({ limitWords }) => Effect.fail(tooLargeCopied(text, what, limitWords * node.capabilities.wordBytes)),
      DeadlineExceeded: ({ millis }) => Effect.fail(copyingLate(text, what, millis, input.max_heap_mb))
    })
  )
  if (answer._tag === "Told") return { terms, process, answer }
  return yield* whyNot(node, process, answer, { what, path, terms, timeoutMillis, patienceMillis })
})

/** Where our worker, which gets the copy, did not survive it: the process had made it by then. */
const tooLargeCopied = (process: string, what: string, limit: number): ToolError =>
  refused(
    "too_large",
    `${process} was asked, and its ${what} is larger when copied (parts of it are shared, and each reference gets a copy) than the ${bytes(limit)} that our worker may take, which was killed; or somebody on the node ended that. No argument makes the copy smaller, a path neither: the process copies the whole. Asking again costs it the same again.`,
    `get_process_info ${JSON.stringify({ pid: process })}`
  )

/** Where time ran out while a process was asked, or its answer taken in. */
const copyingLate = (process: string, what: string, millis: number, megabytes: number): ToolError =>
  refused(
    "timeout",
    `The ${what} of ${process} was not there within ${Math.round(millis)} ms, and our worker was told to stop. Either work of ours waits on that node, or the ${what} is larger when copied (parts of it are shared, and each reference gets a copy) than the ${bytes(megabytes * mebibyte)} of heap that were allowed, and the process is copying still, which nothing stops. Look at its memory before you ask again. ${whyLate}`,
    `get_process_info ${JSON.stringify({ pid: process })}`,
    true
  )

const whyNot = (
  node: ErlangNode,
  process: Pid,
  answer: Exclude<StateAnswer, { _tag: "Told" }>,
  asked: {
    readonly what: string
    readonly path: StatePath
    readonly terms: Terms
    readonly timeoutMillis: number
    readonly patienceMillis: number
  }
): ToolError => {
  const { path, patienceMillis, terms, timeoutMillis, what } = asked
  const text = terms.print(process)
  const argument = JSON.stringify({ pid: text })
  const look = `get_process_stacktrace ${argument}`
  switch (answer._tag) {
    case "Gone":
      return ended(node, process, terms)
    case "Secret":
      return refused(
        "unsupported",
        `${text} was not asked: its ${what} may hold cookies or the keys of connections${callbackOf(answer, node, terms) === undefined ? "" : `, since it is one of ${callbackOf(answer, node, terms)}`}.`,
        `get_process_info ${argument}`
      )
    case "NoSys":
      return refused(
        "unsupported",
        `${text} was not asked: it ${doingText(answer, terms)}, and neither its stack nor how it was started says that it serves system messages, as gen_server, gen_statem, gen_event and supervisors do. A request would stay in its mailbox for ever.`,
        look
      )
    case "Unread":
      return refused(
        "too_large",
        `${text} was not asked: it ${doingText(answer, terms)}, so that its dictionary alone can say whether it serves system messages. Before OTP 26.2 that is read as a whole, and is larger when copied (parts of it are shared, and each reference gets a copy) than is allowed for it.`,
        `get_process_info ${argument}`
      )
    case "Busy":
      return refused(
        "too_busy",
        answer.status === "suspended"
          ? `${text} was not asked: it is suspended (erlang:suspend_process), with ${amount(answer.messages, "message")} waiting, and does nothing before whoever suspended it resumes it or ends.`
          : `${text} was not asked: it ${doingText(answer, terms)}, and was never seen waiting in its loop in ${Math.round(patienceMillis)} ms. The request would wait behind that.`,
        look,
        true
      )
    case "LongQueue":
      return refused(
        "too_busy",
        `${text} was not asked: it ${doingText(answer, terms)}. The request would wait behind them all.`,
        look,
        true
      )
    case "Large": {
      const worst = copyAtWorst(answer.heap, node.capabilities.wordBytes)
      return refused(
        "too_large",
        `${text} was not asked: its heap is ${bytes(answer.heap)}, and it would copy its ${what} itself, before any limit of ours counts. That is most often about the size of the heap; but what is shared gets a copy for each reference to it, at worst up to ${bytes(worst)}, and more where sharing is nested. ${allowing(answer.heap)}`,
        `get_process_info ${argument}`
      )
    }
    case "Timeout":
      return refused(
        "timeout",
        `${text} did not answer within ${Math.round(timeoutMillis)} ms. Either it is busy, and one request is left in its mailbox until it gets there, whose answer goes nowhere; or its ${what} is larger when copied (parts of it are shared) than its heap of ${bytes(answer.heap)}, and it is copying still. Do not ask again before it is idle. ${whyLate}`,
        look,
        true
      )
    case "Failed":
      return refused("remote_error", `${text} failed to tell its ${what}: ${terms.print(answer.reason, 500)}`, look)
    case "NoPart": {
      const { ambiguous, fronts, kind, size, steps, there } = answer
      const where = `${what === "status" ? "What the status tells" : "The state"}${steps.length === 0 ? "" : ` at ${excerpt(pathText(steps))}`}`
      const next = path[steps.at(-1)?.next ?? 0]?.at(-1)?.text ?? ""
      if (isSecretPath(steps, fronts, terms, kind === "leaf" || kind === "list" ? anyText : anyParts)) {
        return refused(
          "not_found",
          `${where} is a secret, and has nothing at that path.`,
          `get_gen_server_${what} ${argument}`
        )
      }
      const sized =
        kind === "leaf"
          ? "a value without parts"
          : `a ${kind} of ${amount(size, kind === "map" ? "entry" : "item", kind === "map" ? "entries" : "items")}`
      if (ambiguous.length > 0) {
        return refused(
          "invalid_input",
          `${where} has more than one key that ${excerpt(next)} can stand for: ${ambiguous.map((key) => terms.print(key, 100)).join(", ")}. Write the one that is meant as it is shown here.`,
          `get_gen_server_${what} ${argument}`
        )
      }
      const named = there.map((key) => terms.print(key, 100)).join(", ")
      const positions = kind === "tuple" || (kind === "list" && (what === "status" || there.length === 0))
      return refused(
        "not_found",
        `${where} is ${sized}, with nothing at ${excerpt(next)}.${named === "" ? "" : ` There: ${named}${size > there.length ? ", …" : ""}.`}${positions ? " Positions count from 1." : ""}`,
        `get_gen_server_${what} ${argument}`
      )
    }
  }
}

/** What a process is by the loop that it was found in. */
const kindOf = (answer: Extract<StateAnswer, { _tag: "Told" }>): string | undefined => {
  if (answer.callback?.module === "supervisor") return "supervisor"
  return ["gen_server", "gen_statem", "gen_event"].includes(answer.loop) ? answer.loop : undefined
}

/** The module of the callbacks, where it is known: an Agent tells the function that it began with in its place. */
const callbackOf = (
  { callback, isRewritten = false }: { readonly callback: Mfa | undefined; readonly isRewritten?: boolean },
  node: ErlangNode,
  terms: Terms
): string | undefined => {
  if (callback === undefined || callback.module === "gen_event") return undefined
  if (isRewritten) return node.capabilities.elixirVersion === undefined ? undefined : terms.atom("Elixir.Agent.Server")
  return terms.atom(moduleOf(callback))
}

/** What is said of the module that is told, where a loop of another behaviour may have put another one in its place. */
const callbackNotes = ({
  callback,
  isCallbackUnread,
  loop
}: Extract<StateAnswer, { _tag: "Told" }>): ReadonlyArray<string> => {
  if (isCallbackUnread)
    return [
      "The module of its callbacks was not read: before OTP 26.2 it is with the whole dictionary, which is larger when copied than is allowed for it."
    ]
  return callback === undefined ||
    ["supervisor", "supervisor_bridge", "gen_event", loop].includes(callback.module) ||
    ["gen_server", "gen_statem", "gen_event"].includes(loop)
    ? []
    : [laterCallback]
}

const cutNote = (what: string, size: number): string =>
  `The ${what} has ${bytes(size)} in external format and is shown cut: ... stands for what is left out, and a number beside it for how many items that are. Select a part${what === "status" ? " of the state in it" : ""} with path.`

/** The steps to a part of a state, as they are written in this session's syntax. */
const readPath = Effect.fnUntraced(function* (tool: string, text: string | undefined, node: ErlangNode) {
  if (text === undefined) return []
  const { name: syntax } = yield* currentSyntax
  const path = parsePath(text, (step) => {
    const parsed = parseTerm(step, syntax, termOwner(node))
    return parsed._tag === "Term" ? parsed.term : undefined
  })
  if (path !== undefined) return path
  return yield* refused(
    "invalid_input",
    `${tool}: \`path\`: ${excerpt(text)} is not steps joined by dots, such as users.3.name; a key that is no word is a term of this session's syntax (${syntax}), as it is shown.`,
    tool
  )
})

const getState = Tool.make({
  ...shared,
  name: "get_gen_server_state",
  title: "State of an OTP process",
  description:
    "State of a gen_server, gen_statem or gen_event, which copies it. Busy ones, large heaps, other processes are refused. Large states are cut: ask for a part with path.",
  input: {
    pid,
    path: Schema.optionalKey(
      TermText.annotate({
        description: 'Keys and positions from 1: users.3.name, "a.b".{:eu, 3}'
      })
    ),
    max_heap_mb: maxHeap
  },
  output: {
    pid: Schema.String,
    kind: Schema.optionalKey(Schema.String),
    module: Schema.optionalKey(Schema.String),
    suspended: Schema.optionalKey(Schema.Boolean),
    external_bytes: Schema.optionalKey(Schema.Int),
    state_name: Schema.optionalKey(Schema.String),
    state: Schema.optionalKey(Schema.String),
    handlers: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({ handler: Schema.String, id: Schema.optionalKey(Schema.String), state: Schema.String })
      )
    )
  },
  run: Effect.fnUntraced(function* ({ path: text, ...input }, node) {
    const path = yield* readPath("get_gen_server_state", text, node)
    const { answer, process, terms } = yield* askFor(node, "state", input, path)
    const pidText = terms.print(process)
    const kind = kindOf(answer)
    const shown: Parts = path.length > 0 ? { state: answer.term } : partsOf(answer)
    const isSecret = isSecretPath(answer.steps, answer.fronts, terms, answer.term)
    return {
      summary: `${path.length > 0 ? "Part of the" : "The"} state of ${pidText}${kind === undefined ? "" : `, a ${kind}`}: ${isSecret ? "a secret" : bytes(answer.bytes)}${answer.isSuspended ? "; it is suspended (sys:suspend), and handles no messages" : ""}.`,
      complete: !answer.isCallbackUnread,
      notes: callbackNotes(answer),
      // Of a secret not even the length is told.
      cut: (characters: number) =>
        !isSecret && isShownCut(answer, termsOfParts(shown), terms, characters)
          ? cutNote("state", answer.bytes)
          : undefined,
      data: (characters: number) => ({
        pid: pidText,
        kind,
        module: callbackOf(answer, node, terms),
        suspended: answer.isSuspended ? true : undefined,
        external_bytes: isSecret ? undefined : answer.bytes,
        state_name: shown.name === undefined ? undefined : terms.print(shown.name, characters),
        state: shown.state === undefined ? undefined : isSecret ? redacted : terms.print(shown.state, characters),
        handlers: shown.handlers?.map(({ handler, id, state }) => ({
          handler: terms.print(handler, characters),
          id: id === undefined ? undefined : terms.print(id, characters),
          state: terms.print(state, characters)
        }))
      }),
      hints: [
        kind === "supervisor"
          ? `get_supervision_tree ${JSON.stringify({ root: pidText })}`
          : `get_gen_server_status ${JSON.stringify({ pid: pidText })}`
      ]
    }
  })
})

interface Parts {
  readonly name?: Term
  readonly state?: Term
  readonly handlers?: ReadonlyArray<{ readonly handler: Term; readonly id: Term | undefined; readonly state: Term }>
}

const termsOfParts = ({ handlers = [], name, state }: Parts): ReadonlyArray<Term | undefined> => [
  name,
  state,
  ...handlers.flatMap((it) => [it.handler, it.id, it.state])
]

/** Whether the node has left something out, or is left out of these terms where they take so many characters. */
const isShownCut = (
  answer: Extract<StateAnswer, { _tag: "Told" }>,
  shown: ReadonlyArray<Term | undefined>,
  terms: Terms,
  characters: number
): boolean =>
  answer.isCut ||
  countCut(
    shown.flatMap((term) => (term === undefined ? [] : [(most?: number) => terms.print(term, most)])),
    characters
  ) > 0

/** A whole state as its behaviour has it. A state that was cut where its form is stays as it is. */
const partsOf = ({ loop, term }: Extract<StateAnswer, { _tag: "Told" }>): Parts => {
  if (loop === "gen_statem" && isTuple(term) && term.length === 2) return { name: term[0]!, state: term[1]! }
  const handlers = loop === "gen_event" ? listItems(term) : undefined
  if (handlers?.every((it) => isTuple(it) && it.length === 3) !== true) return { state: term }
  return {
    handlers: (handlers as ReadonlyArray<ReadonlyArray<Term>>).map(([handler, id, state]) => ({
      handler: handler!,
      // `false` where the handler is the only one of its module.
      id: isAtom(id, "false") ? undefined : id,
      state: state!
    }))
  }
}

const getStatus = Tool.make({
  ...shared,
  name: "get_gen_server_status",
  title: "Status of an OTP process",
  description:
    "Status of an OTP process by its format_status: running or suspended, parent, debug options, dictionary, state (path: a part).",
  input: { pid, path: Schema.optionalKey(TermText), max_heap_mb: maxHeap },
  output: {
    pid: Schema.String,
    module: Schema.optionalKey(Schema.String),
    system_state: Schema.optionalKey(Schema.String),
    parent: Schema.optionalKey(Schema.String),
    debug: Schema.optionalKey(Schema.String),
    dictionary: Schema.optionalKey(Schema.String),
    external_bytes: Schema.optionalKey(Schema.Int),
    status: Schema.String
  },
  run: Effect.fnUntraced(function* ({ path: text, ...input }, node) {
    const path = yield* readPath("get_gen_server_status", text, node)
    const { answer, process, terms } = yield* askFor(node, "status", input, path)
    const pidText = terms.print(process)
    const status = path.length > 0 ? undefined : readStatus(answer.term)
    const isSecret = isSecretPath(answer.steps, answer.fronts, terms, answer.term)
    return {
      summary:
        path.length > 0
          ? `Part of the state in the status of ${pidText}: ${isSecret ? "a secret" : bytes(answer.bytes)}.`
          : `${pidText}${status === undefined ? "" : ` is ${visible(status.systemState)} in ${terms.atom(status.module)}`}${callbackOf(answer, node, terms) === undefined ? "" : `, with the callbacks of ${callbackOf(answer, node, terms)}`}; its status has ${bytes(answer.bytes)}.`,
      complete: !answer.isCallbackUnread,
      notes: callbackNotes(answer),
      cut: (characters: number) =>
        !isSecret &&
        isShownCut(
          answer,
          status === undefined ? [answer.term] : [status.own, status.dictionary, status.debug],
          terms,
          characters
        )
          ? cutNote("status", answer.bytes)
          : undefined,
      data: (characters: number) => ({
        pid: pidText,
        module: callbackOf(answer, node, terms),
        system_state: status && visible(status.systemState),
        parent: status && terms.print(status.parent),
        debug: status && noneWhenEmpty(status.debug, terms, characters),
        dictionary: status && noneWhenEmpty(status.dictionary, terms, characters),
        external_bytes: isSecret ? undefined : answer.bytes,
        status: isSecret ? redacted : terms.print(status?.own ?? answer.term, characters)
      }),
      hints: [`get_gen_server_state ${JSON.stringify({ pid: pidText })}`]
    }
  })
})

const noneWhenEmpty = (term: Term, terms: Terms, characters: number): string | undefined =>
  listItems(term)?.length === 0 ? undefined : terms.print(term, characters)

/** The tools of the otp toolset that ask a process for what it keeps. */
export const genServerTools: ReadonlyArray<Tool.Tool> = [getState, getStatus]
