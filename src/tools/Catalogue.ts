import { Context, Data, Effect, Layer } from "effect"
import type { Nodes } from "../node/Nodes.ts"
import type { Targets } from "../node/Targets.ts"
import { allToolsets } from "../policy/AccessSettings.ts"
import { type GuardedTool, Policy, type PolicySettings } from "../policy/Policy.ts"
import { excerpt } from "../syntax/Excerpt.ts"
import { didYouMean } from "./DidYouMean.ts"
import type { ToolResult } from "./Result.ts"
import type { Session } from "./Session.ts"
import type { Tool } from "./Tool.ts"
import { ToolError } from "./ToolError.ts"
import { type Entries, listingOf, type ToolListing } from "./ToolListing.ts"
import { furtherToolsets, guardedTools, loadTools } from "./Toolsets.ts"

export type { GuardedTool, ToolListing, ToolResult }

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
    return (yield* loaded).get(name)!
  })

  const isChosen = policy.settings.tools !== undefined || policy.settings.toolsets !== undefined
  return Catalogue.of({
    tools: allowed,
    listed: isChosen ? allowed : allowed.filter(({ toolset }) => !furtherToolsets.has(toolset)),
    listings: (of) => Effect.map(loaded, (entries) => of.map(({ name }) => entries.get(name)!.listing)),
    call: (name, input) =>
      Effect.flatMap(
        Effect.promise(() => import("./Dispatch.ts")),
        ({ dispatch }) => dispatch(name, input, { find: find(name), entries: loaded })
      ).pipe(Effect.provide(services))
  })
})

const unknownTool = (name: string, tools: ReadonlyArray<GuardedTool>) => {
  const names = tools.map((tool) => tool.name)
  return new ToolError({
    code: "unknown_tool",
    message: `There is no tool '${excerpt(name)}'.`,
    retryable: false,
    didYouMean: didYouMean(name, names)
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
