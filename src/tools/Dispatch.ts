import { Clock, Effect, Redacted, Schema } from "effect"
import type { Term } from "../etf/Term.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { steadyMillis } from "../node/Moment.ts"
import { Nodes } from "../node/Nodes.ts"
import { excerpt } from "../syntax/Excerpt.ts"
import type { Syntax } from "../syntax/Syntax.ts"
import { CharacterBudget } from "./CharacterBudget.ts"
import { cleaned, cleaner, withoutSecrets } from "./Cleaning.ts"
import { currentSyntax } from "./CurrentSyntax.ts"
import { type CursorScope, decodeCursor, encodeCursor, isShowable, sealCursor } from "./Cursor.ts"
import { Deadline, keepingDeadline, remainingMillis, whyLate } from "./Deadline.ts"
import { type CalledTool, toToolError } from "./Failure.ts"
import { decodeInput, type Problems } from "./Input.ts"
import { connectedNode, resolveNode } from "./NodeArgument.ts"
import { takePlace } from "./NodeBudget.ts"
import { redactor } from "./Redaction.ts"
import { meetNode, refuseStale } from "./Restarted.ts"
import { resultOf } from "./Result.ts"
import { RunningTool } from "./RunningTool.ts"
import { Session } from "./Session.ts"
import { usefulCall } from "./Suggestion.ts"
import { timeoutRange, type Tool } from "./Tool.ts"
import { ToolError } from "./ToolError.ts"
import type { Entries, Entry } from "./ToolListing.ts"

/** Where the catalogue has its tools: the called one if it may be called, and all those that can be suggested. */
interface Source {
  readonly find: Effect.Effect<Entry, ToolError>
  readonly entries: Effect.Effect<Entries>
}

/**
 * Runs the tool of this name, from its undecoded input to a result or an error as a client may see it. See
 * `Catalogue.call`.
 */
export const dispatch = Effect.fnUntraced(function* (name: string, input: unknown, { entries, find }: Source) {
  const syntax = yield* currentSyntax
  // Which node it was for, so that what is to be called next is asked of the same.
  let node: string | undefined
  const resolved = (name: string | undefined) => void (node = name)
  return yield* Effect.flatMap(find, (entry) => perform(entry, input, syntax, entries, resolved)).pipe(
    Effect.catchDefect((defect) =>
      Effect.logError(`${name} has a bug`, defect).pipe(Effect.andThen(Effect.fail(internal(name))))
    ),
    Effect.catch((error) =>
      Effect.gen(function* () {
        const clean = yield* cleaner
        const next = error.next === undefined ? undefined : yield* usefulCall(error.next, node, clean, yield* entries)
        const { code, didYouMean, message, retryable } = error
        const told = { code, message, retryable, ...(didYouMean && { didYouMean }), ...(next && { next }) }
        return yield* cleaned(new ToolError(told), clean, yield* CharacterBudget)
      })
    ),
    Effect.tapError(({ code, message }) => Effect.logDebug(`${excerpt(name)} failed: ${code}: ${message}`))
  )
})

const notSpared = () => false

const perform = Effect.fnUntraced(function* (
  { listing, tool }: Entry,
  input: unknown,
  syntax: Syntax,
  entries: Effect.Effect<Entries>,
  resolved: (node: string | undefined) => void
) {
  const decoded = decodeInput(tool.input, listing.inputSchema, input ?? {})
  if (decoded._tag === "Failure") return yield* invalidInput(tool, decoded.failure)
  const given = decoded.success
  const millis = (given["timeout_ms"] as number | undefined) ?? tool.timeoutMillis
  // Of the node that is asked: whether it is being spared what would make this call fast.
  let isSpared = notSpared
  const meet = (node: ErlangNode) => {
    const before = node.sparedLoads()
    isSpared = () => node.sparedLoads() > before
    return isSpared
  }
  return yield* Effect.gen(function* () {
    const resolving = resolveNode(given["node"] as string | undefined)
    const name = tool.target === "none" ? undefined : yield* inTime(tool, undefined, resolving)
    resolved(name)
    return yield* inTime(tool, name, answerOf(tool, given, name, yield* entries, meet), () => isSpared())
  }).pipe(
    Effect.provideService(RunningTool, tool),
    Effect.provideService(Deadline, { at: (yield* steadyMillis) + millis, millis }),
    // A secret that came with the call is one to nobody else unless it turns out to be right.
    Effect.mapError((failure) =>
      cleaned(toToolError(failure, syntax, calledTool(tool, isSpared())), redactor(secretsIn(given)), Infinity)
    )
  )
})

/** Runs a tool with input that is decoded, and brings its answer into the form that all results have. */
const answerOf = Effect.fnUntraced(function* (
  tool: Tool,
  input: Readonly<Record<string, unknown>>,
  name: string | undefined,
  entries: Entries,
  meet: (node: ErlangNode) => () => boolean
) {
  const node = tool.target === "connected" ? yield* connectedNode(name!) : undefined
  const session = yield* Session
  if (node !== undefined) session.asked.add(node.name)
  const isSpared = node && meet(node)
  const called = input["node"] as string | undefined
  const restarted = node === undefined ? [] : yield* meetNode(node, called)
  const scope: CursorScope = {
    tool: tool.name,
    node: node?.name ?? "",
    creation: node?.creation ?? 0,
    arguments: input
  }
  const after = yield* positionOf(tool, scope, input.cursor as string | undefined)
  if (node !== undefined) {
    yield* refuseStale(node, input)
    yield* takePlace(node, tool)
  }
  const target = node === undefined ? name : keepingDeadline(node)
  const answered = yield* tool.run(input as never, target as never, after as never)
  const spared = answered.complete === false && isSpared?.() === true ? [ifSpared] : []
  const answer = { ...answered, notes: [...restarted, ...(answered.notes ?? []), ...spared] }
  const { print } = yield* currentSyntax
  const sight = { clean: yield* withoutSecrets, print: (term: Term) => print(term).text }
  const clean = yield* cleaner
  const about = node?.name ?? answer.node ?? name
  if (called !== undefined && answer.node !== undefined) session.incarnations.call(called, answer.node)
  const hints = yield* Effect.forEach(answer.hints ?? [], (hint) => usefulCall(hint, about, clean, entries))
  const result = resultOf(answer, {
    node: about,
    asOf: new Date(yield* Clock.currentTimeMillis).toISOString(),
    budget: yield* CharacterBudget,
    cursor: (position, isHiding) =>
      !isHiding && isShowable(position, sight)
        ? { text: encodeCursor(scope, position), isSealed: false }
        : { text: sealCursor(scope, position), isSealed: true },
    clean,
    hints: hints.filter((hint) => hint !== undefined)
  })
  if (result === undefined) return yield* tooLarge(tool, yield* CharacterBudget)
  if (node !== undefined) session.incarnations.showed(node, result.text)
  return result
}, Effect.scoped)

const positionOf = (tool: Tool, scope: CursorScope, cursor: string | undefined) => {
  const { position: schema = Schema.Never } = tool
  const position = cursor === undefined ? undefined : decodeCursor(scope, schema, cursor)
  return position !== undefined && "problem" in position
    ? invalidInput(tool, { count: 1, told: [`\`cursor\` ${position.problem}`] })
    : Effect.succeed(position)
}

const invalidInput = ({ name }: Tool, { count, told }: Problems) => {
  const more = count > told.length ? [`and ${count - told.length} more`] : []
  const message =
    count === 1
      ? `${name}: ${told[0]}`
      : `${name}: ${count} problems with the arguments.\n${[...told, ...more].map((problem) => `- ${problem}`).join("\n")}`
  return Effect.fail(new ToolError({ code: "invalid_input", message, retryable: false }))
}

/** A part of a call that ends with the time of the call, at the latest; where it deals with a node, with its name. */
const inTime = <A, E, R>(
  tool: Tool,
  node: string | undefined,
  part: Effect.Effect<A, E, R>,
  isSpared: () => boolean = notSpared
) =>
  // Unlike `timeoutOrElse`, looks before the part is interrupted: an attempt that nobody waits for is given up.
  Effect.flatMap(remainingMillis, (left) =>
    // @effect-diagnostics-next-line raceFirstWithSleepToTimeout:off
    Effect.raceFirst(
      part,
      Effect.andThen(
        Effect.sleep(left),
        Effect.suspend(() => timedOut(tool, node, isSpared()))
      )
    )
  )

const timedOut = Effect.fnUntraced(function* (
  tool: Tool,
  node: string | undefined,
  isSpared: boolean
): Effect.fn.Return<never, ToolError, Nodes> {
  const { millis } = yield* Deadline
  const state = (yield* (yield* Nodes).list).find(({ name }) => name === node)?.state._tag
  const told = (stand: string, next?: string) =>
    new ToolError({
      code: "timeout",
      message: `${tool.name} did not finish within ${millis} ms${stand}`,
      retryable: true,
      ...(next !== undefined && { next })
    })
  if (state === "Connecting")
    return yield* told(`: it was still connecting to ${node}, and has asked nothing of it. ${allowMore}`, "list_nodes")
  if (state === "Up" && tool.target === "connected")
    return yield* told(
      `; what ${node} has begun of it is told to stop. ${whyLate} ${ifLate(tool, isSpared)}`,
      "list_nodes"
    )
  return yield* told(`. ${state === "Up" ? `${whyLate} ` : ""}${allowMore}`)
})

const calledTool = (tool: Tool, isSpared: boolean): CalledTool => {
  const large = ifLarge(tool)
  return { name: tool.name, ifLate: ifLate(tool, isSpared), ...(large !== undefined && { ifLarge: large }) }
}

const moreTime = `(timeout_ms, up to ${timeoutRange.maximum})`
const allowMore = `Allow more ${moreTime}.`

/** Arguments by which nothing less is asked for. */
const askingAlike: ReadonlySet<string> = new Set(["node", "timeout_ms", "cursor"])

/** What to do where a node is too busy for what is interpreted, and has too many processes for it to be loaded unasked. */
const ifSpared =
  "So many wait for a scheduler there that what is interpreted is slow, and the node has too many processes for our code to be loaded unasked. This server started with --agent load (or `agent` of the node in its configuration file) does load it, and sees ten times as much in the same time; but to take it off again, later, keeps the node's code server from answering for up to a minute: no module can be loaded meanwhile."

/** What to do where a call took too long: a tool that is always asked the same has nothing less to be asked for. */
const ifLate = ({ ifLate: instead, input: { fields }, target }: Tool, isSpared: boolean): string => {
  const isBounded = target === "connected" && Object.keys(fields).some((name) => !askingAlike.has(name))
  const less = instead ?? (isBounded ? "Ask for less" : undefined)
  const more = less === undefined ? allowMore : `${less}, or allow more ${moreTime}.`
  return isSpared ? `${more} ${ifSpared}` : more
}

/** What is left to try where a list took more heap than it may have, which one thing in it is enough for. */
const ifLarge = ({ input: { fields } }: Tool): string | undefined => {
  const ways = [
    // Else it bounds what is shown, not what is asked for.
    ...("limit" in fields && "cursor" in fields ? ["a smaller limit"] : []),
    ...("sort_by" in fields ? ["another sort_by"] : []),
    ...("filter" in fields ? ["a filter that leaves it out"] : [])
  ]
  return ways.length === 0
    ? undefined
    : `Either that is too many, or one thing alone is larger when copied than we may take: try ${ways.join(", ")}.`
}

/** Of a tool without `limit` nothing less can be asked for. */
const tooLarge = ({ input, name }: Tool, budget: number) =>
  Effect.fail(
    new ToolError({
      code: "too_large",
      message: `The result of ${name} does not fit into the ${budget} characters that one result may have. ${"limit" in input.fields ? "Ask for less, or start" : "Start"} this server with more: --max-chars.`,
      retryable: false
    })
  )

const internal = (name: string) =>
  new ToolError({
    code: "internal",
    message: `${name} failed by a fault of its own; the log has the cause.`,
    retryable: false
  })

const secretsIn = (input: Readonly<Record<string, unknown>>): ReadonlyArray<Redacted.Redacted> =>
  Object.values(input).filter((value): value is Redacted.Redacted => Redacted.isRedacted(value))
