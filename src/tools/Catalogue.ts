import { Clock, Context, Data, Effect, Layer, Redacted, Schema } from "effect"
import { Nodes } from "../node/Nodes.ts"
import { nodeCalled, Targets } from "../node/Targets.ts"
import type { AccessClass } from "../policy/Access.ts"
import { allToolsets, type GuardedTool, Policy, type PolicySettings } from "../policy/Policy.ts"
import { visible } from "../syntax/Escape.ts"
import { excerpt } from "../syntax/Excerpt.ts"
import type { Syntax } from "../syntax/Syntax.ts"
import { type CursorScope, decodeCursor, encodeCursor, isClean } from "./Cursor.ts"
import { Deadline, keepingDeadline, remainingMillis, whyLate } from "./Deadline.ts"
import { didYouMean } from "./DidYouMean.ts"
import { toToolError } from "./Failure.ts"
import { decodeInput, type Problems } from "./Input.ts"
import { type ObjectSchema, objectSchema, outline } from "./JsonSchema.ts"
import { connectedNode, resolveNode } from "./NodeArgument.ts"
import { takePlace } from "./NodeBudget.ts"
import { redactor } from "./Redaction.ts"
import { meetNode, refuseStale } from "./Restarted.ts"
import { CharacterBudget, resultOf, type ToolResult } from "./Result.ts"
import { RunningTool } from "./RunningTool.ts"
import { Reveal } from "./Secrets.ts"
import { withoutShapes } from "./SecretShapes.ts"
import { currentSyntax, Session } from "./Session.ts"
import { timeoutRange, type Cost, type Tool } from "./Tool.ts"
import { ToolError } from "./ToolError.ts"
import { furtherToolsets, guardedTools, loadTools } from "./Toolsets.ts"

export type { GuardedTool, ToolResult }

/** A tool as it is shown to a client. Schemas are JSON Schema 2020-12 with `type: "object"` at the root. */
export interface ToolListing {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly toolset: string
  readonly access: AccessClass
  readonly cost: Cost
  readonly inputSchema: ObjectSchema
  /** Of the data alone, and only its first storey: see {@link outline}. */
  readonly outputSchema: ObjectSchema
}

/** The settings that name tools or toolsets. */
type NamingSetting = keyof Pick<PolicySettings, "excludeTools" | "tools" | "toolsets">

const flags: Readonly<Record<NamingSetting, string>> = {
  tools: "--tools",
  excludeTools: "--exclude-tools",
  toolsets: "--toolsets"
}

/** The operator named tools or toolsets that do not exist; told at the start, before anything is served. */
export class CatalogueError extends Data.TaggedError("CatalogueError")<{
  readonly problems: ReadonlyArray<{ readonly setting: NamingSetting; readonly problem: string }>
  /** Under which name the operator knows a setting. Default: its flag. */
  readonly nameOf?: (setting: NamingSetting) => string
}> {
  override get message(): string {
    const { nameOf = (setting) => flags[setting] } = this
    return this.problems.map(({ problem, setting }) => `${nameOf(setting)}: ${problem}`).join("\n")
  }
}

/** All tools that the policy leaves standing, and the one way to call them. */
export class Catalogue extends Context.Service<
  Catalogue,
  {
    /** In a fixed order: by toolset, then as the toolset lists them. */
    readonly tools: ReadonlyArray<GuardedTool>
    /**
     * Those of them that a client is shown: the ones that the operator chose, else all but those of the
     * {@link furtherToolsets}. Shown or not, a tool can be called.
     */
    readonly listed: ReadonlyArray<GuardedTool>
    /** Tools as they are shown. The first time, and the first call of a tool, reads the code of all of them. */
    readonly listings: (of: ReadonlyArray<GuardedTool>) => Effect.Effect<ReadonlyArray<ToolListing>>
    /** Decodes the input, asks the policy, runs the tool, keeps the result contract. Interruption stops the work on the node. */
    readonly call: (name: string, input: unknown) => Effect.Effect<ToolResult, ToolError, Session>
  }
>()("beamscope/tools/Catalogue") {
  static readonly layerOf = (
    tools: ReadonlyArray<Tool>
  ): Layer.Layer<Catalogue, CatalogueError, Nodes | Targets | Policy> =>
    Layer.effect(Catalogue, makeCatalogue(tools, Effect.succeed(tools)))

  static readonly layer = Layer.effect(
    Catalogue,
    Effect.suspend(() => makeCatalogue(guardedTools, loadTools))
  )
}

const listingOf = ({ access, cost, description, input, name, output, title, toolset }: Tool): ToolListing => {
  // Worked out when they are first asked for: a host that waits for `initialize` does not wait for them.
  let inputSchema: ObjectSchema | undefined
  let outputSchema: ObjectSchema | undefined
  return {
    name,
    title,
    description,
    toolset,
    access,
    cost,
    get inputSchema() {
      return (inputSchema ??= objectSchema(input))
    },
    get outputSchema() {
      return (outputSchema ??= outline(output))
    }
  }
}

/** The tools themselves by their names, with how they are shown. */
type Entries = ReadonlyMap<string, { readonly tool: Tool; readonly listing: ToolListing }>

const makeCatalogue = Effect.fnUntraced(function* (
  tools: ReadonlyArray<GuardedTool>,
  load: Effect.Effect<ReadonlyArray<Tool>>
) {
  const services = yield* Effect.context<Nodes | Targets | Policy>()
  const policy = yield* Policy
  yield* checkNames(policy.settings, tools)
  const allowed = tools.filter((tool) => policy.toolRefusal(tool) === undefined)
  const loaded = yield* Effect.cached(
    Effect.map(load, (all): Entries => new Map(all.map((tool) => [tool.name, { tool, listing: listingOf(tool) }])))
  )

  const find = Effect.fnUntraced(function* (name: string) {
    const guarded = tools.find((tool) => tool.name === name)
    if (guarded === undefined) return yield* unknownTool(name, allowed)
    const refusal = policy.toolRefusal(guarded)
    if (refusal !== undefined) {
      return yield* new ToolError({ code: "not_allowed", message: refusal, retryable: false })
    }
    const entries = yield* loaded
    return { entries, ...entries.get(name)! }
  })

  const perform = Effect.fnUntraced(function* (name: string, input: unknown, syntax: Syntax) {
    const { entries, listing, tool } = yield* find(name)
    const decoded = decodeInput(tool.input, listing.inputSchema, input ?? {})
    if (decoded._tag === "Failure") return yield* invalidInput(tool, decoded.failure)
    const given = decoded.success
    const millis = (given["timeout_ms"] as number | undefined) ?? tool.timeoutMillis
    return yield* Effect.gen(function* () {
      const resolving = resolveNode(given["node"] as string | undefined)
      const name = tool.target === "none" ? undefined : yield* inTime(tool, undefined, resolving)
      return yield* inTime(tool, name, answerOf(tool, given, name, entries))
    }).pipe(
      Effect.provideService(RunningTool, tool),
      Effect.provideService(Deadline, { at: (yield* Clock.currentTimeMillis) + millis, millis }),
      // A secret that came with the call is one to nobody else unless it turns out to be right.
      Effect.mapError((failure) =>
        cleaned(toToolError(failure, syntax, tool.name), redactor(secretsIn(given)), Infinity)
      )
    )
  })

  const isChosen = policy.settings.tools !== undefined || policy.settings.toolsets !== undefined
  return Catalogue.of({
    tools: allowed,
    listed: isChosen ? allowed : allowed.filter(({ toolset }) => !furtherToolsets.has(toolset)),
    listings: (of) => Effect.map(loaded, (entries) => of.map(({ name }) => entries.get(name)!.listing)),
    call: (name, input) =>
      Effect.gen(function* () {
        return yield* perform(name, input, yield* currentSyntax).pipe(
          Effect.catchDefect((defect) =>
            Effect.logError(`${name} has a bug`, defect).pipe(Effect.andThen(Effect.fail(internal(name))))
          ),
          Effect.catch((error) =>
            Effect.gen(function* () {
              const clean = yield* cleaner
              const next =
                error.next === undefined ? undefined : yield* usefulCall(error.next, undefined, clean, yield* loaded)
              const { code, didYouMean: meant, message, retryable } = error
              const told = { code, message, retryable, ...(meant && { didYouMean: meant }), ...(next && { next }) }
              return yield* cleaned(new ToolError(told), clean, yield* CharacterBudget)
            })
          ),
          Effect.tapError(({ code, message }) => Effect.logDebug(`${excerpt(name)} failed: ${code}: ${message}`)),
          Effect.provide(services)
        )
      })
  })
})

/** Runs a tool with input that is decoded, and brings its answer into the form that all results have. */
const answerOf = Effect.fnUntraced(function* (
  tool: Tool,
  input: Readonly<Record<string, unknown>>,
  name: string | undefined,
  entries: Entries
) {
  const node = tool.target === "connected" ? yield* connectedNode(name!) : undefined
  const session = yield* Session
  if (node !== undefined) session.asked.add(node.name)
  const restarted = node === undefined ? [] : yield* meetNode(node)
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
  const answer = restarted.length === 0 ? answered : { ...answered, notes: [...restarted, ...(answered.notes ?? [])] }
  const secretless = yield* withoutSecrets
  const clean = yield* cleaner
  const hints = yield* Effect.forEach(answer.hints ?? [], (hint) =>
    usefulCall(hint, node?.name ?? name, clean, entries)
  )
  const result = resultOf(answer, {
    node: node?.name ?? name,
    asOf: new Date(yield* Clock.currentTimeMillis).toISOString(),
    budget: yield* CharacterBudget,
    cursor: (position) => (isClean(position, secretless) ? encodeCursor(scope, position) : undefined),
    clean,
    hints: hints.filter((hint) => hint !== undefined)
  })
  if (result === undefined) return yield* tooLarge(tool, yield* CharacterBudget)
  if (node !== undefined) session.incarnations.showed(node, result.text)
  return result
}, Effect.scoped)

/** A call as hints write it: the name of a tool, and its input where that says something. */
const call = /^([a-z_]+)(?: (\{[^]*\}))?$/u

/**
 * A call that is suggested, as it can be made: with the node where several come into question. `undefined` for one that
 * the policy does not allow, that holds what must not be shown and so would find nothing, or that is no call at all.
 */
const usefulCall = Effect.fnUntraced(function* (
  text: string,
  node: string | undefined,
  clean: (text: string) => string,
  entries: Entries
): Effect.fn.Return<string | undefined, never, Nodes | Policy | Targets> {
  const [, name, json] = call.exec(text) ?? []
  const tool = name === undefined ? undefined : entries.get(name)?.tool
  const { entryRefusal, toolRefusal } = yield* Policy
  if (tool === undefined || toolRefusal(tool) !== undefined || clean(text) !== text) return undefined
  const input = JSON.parse(json ?? "{}") as Readonly<Record<string, unknown>>
  const entry = nodeCalled(yield* (yield* Targets).nodes, String(input["node"] ?? node))
  if (tool.target !== "none" && entry !== undefined && entryRefusal(tool, entry) !== undefined) return undefined
  const up = (yield* (yield* Nodes).list).filter(({ state }) => state._tag === "Up")
  if (tool.target === "none" || node === undefined || up.length < 2 || input["node"] !== undefined) return text
  return `${tool.name} ${JSON.stringify({ node, ...input })}`
})

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

const unknownTool = (name: string, tools: ReadonlyArray<GuardedTool>) => {
  const names = tools.map((tool) => tool.name)
  return new ToolError({
    code: "unknown_tool",
    message: `There is no tool '${excerpt(name)}'.`,
    retryable: false,
    didYouMean: didYouMean(name, names)
  })
}

/** A part of a call that ends with the time of the call, at the latest; where it deals with a node, with its name. */
const inTime = <A, E, R>(tool: Tool, node: string | undefined, part: Effect.Effect<A, E, R>) =>
  // Unlike `timeoutOrElse`, looks before the part is interrupted: an attempt that nobody waits for is given up.
  Effect.flatMap(remainingMillis, (left) =>
    // @effect-diagnostics-next-line raceFirstWithSleepToTimeout:off
    Effect.raceFirst(part, Effect.andThen(Effect.sleep(left), timedOut(tool, node)))
  )

const timedOut = Effect.fnUntraced(function* (
  tool: Tool,
  node: string | undefined
): Effect.fn.Return<never, ToolError, Nodes> {
  const { millis } = yield* Deadline
  const state = (yield* (yield* Nodes).list).find(({ name }) => name === node)?.state._tag
  const told = (stand: string, next: string | undefined) =>
    new ToolError({
      code: "timeout",
      message: `${tool.name} did not finish within ${millis} ms${stand} (timeout_ms, up to ${timeoutRange.maximum}).`,
      retryable: true,
      ...(next !== undefined && { next })
    })
  if (state === "Connecting")
    return yield* told(`: it was still connecting to ${node}, and has asked nothing of it. Allow more`, "list_nodes")
  if (state === "Up" && tool.target === "connected")
    return yield* told(
      `; ${node} was told to stop its work on it. ${whyLate} Ask for less, or allow more`,
      "list_nodes"
    )
  return yield* told(state === "Up" ? `. ${whyLate} Allow more` : ". Allow more", undefined)
})

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

/** Takes out of a text the cookies in use, and what has the shape of a secret. */
const withoutSecrets = Effect.gen(function* () {
  const redact = redactor(yield* (yield* Targets).cookies)
  const reveal = yield* Reveal
  return (text: string) => redact(reveal ? text : withoutShapes(text))
})

/** The last look at every text that leaves: no secrets, and nothing that hides or reorders what is seen. */
const cleaner = Effect.map(
  withoutSecrets,
  (secretless) => (text: string) => secretless(text.split("\n").map(visible).join("\n"))
)

/** Characters of a name that is suggested, and of a call that is: a longer one is of no use. */
const maxSuggestion = 200

/** Characters that an error has beside its message and its suggestions: their labels, the code. */
const errorFrame = 100

/** The last look at an error, which has no more characters than a result may have. */
const cleaned = (error: ToolError, clean: (text: string) => string, budget: number) => {
  const { code, retryable } = error
  const useful = (texts: ReadonlyArray<string> = []) => texts.map(clean).filter((it) => it.length <= maxSuggestion)
  const [next] = useful(error.next === undefined ? [] : [error.next])
  const didYouMean = useful(error.didYouMean)
  const room = budget - errorFrame - [next ?? "", ...didYouMean].join(", ").length
  const message = clean(error.message)
  return new ToolError({
    code,
    message: message.length > room ? `${message.slice(0, room - 1)}…` : message,
    retryable,
    ...(next !== undefined && { next }),
    ...(didYouMean.length > 0 && { didYouMean })
  })
}

/** Names on the command line that no tool or toolset has are mistakes, and would else silently hide or show tools. */
const checkNames = (
  settings: PolicySettings,
  tools: ReadonlyArray<GuardedTool>
): Effect.Effect<void, CatalogueError> => {
  const names = tools.map(({ name }) => name)
  const toolsets = [...new Set(tools.map(({ toolset }) => toolset))]
  const problems = [
    ...unknownNames("tools", settings, names),
    ...unknownNames("excludeTools", settings, names),
    ...unknownNames("toolsets", settings, [...toolsets, allToolsets])
  ]
  return problems.length === 0 ? Effect.void : Effect.fail(new CatalogueError({ problems }))
}

const unknownNames = (setting: NamingSetting, settings: PolicySettings, known: ReadonlyArray<string>) =>
  (settings[setting] ?? [])
    .filter((name) => !known.includes(name))
    .map((name) => {
      const near = didYouMean(name, known)
      const help = near.length > 0 ? `did you mean ${near.join(" or ")}?` : `there are ${known.join(", ")}.`
      return { setting, problem: `there is no '${name}'; ${help}` }
    })
