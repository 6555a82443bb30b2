import { Console, Effect } from "effect"
import * as Beamscope from "../Beamscope.ts"
import { Catalogue } from "../tools/Catalogue.ts"
import { failingAs, usageError } from "./CommandError.ts"
import { readConfig } from "./ReadConfig.ts"
import type { ServerFlags } from "./ServerFlags.ts"

/**
 * `beamscope tools`: what can be called under the same settings, by a client too, and what of it a client is shown
 * (`listed`).
 */
export const toolsCommand = Effect.fnUntraced(
  function* (options: { readonly json: boolean; readonly given: ServerFlags }) {
    const config = yield* readConfig(options.given)
    const catalogue = yield* Effect.provide(Catalogue, Beamscope.fromConfig(config))
    const listed = new Set(catalogue.listed.map(({ name }) => name))
    const tools = yield* catalogue.listings(catalogue.tools)
    if (tools.length === 0) {
      const said = (["tools", "toolsets", "excludeTools", "inspectOnly", "readOnly"] as const).filter(
        (name) => config.policy[name] !== undefined
      )
      yield* Console.error(`beamscope: the settings leave no tool: see ${said.map(config.nameOf).join(", ")}`)
    }
    if (options.json) {
      const told = Array.from(tools, (tool) => ({ ...tool, listed: listed.has(tool.name) }))
      return yield* Console.log(JSON.stringify(told, null, 2))
    }
    const width = Math.max(0, ...tools.map(({ name }) => name.length))
    const toolsets = Map.groupBy(tools, ({ toolset }) => toolset)
    for (const [toolset, members] of toolsets) {
      const isListed = members.some(({ name }) => listed.has(name))
      yield* Console.log(isListed ? `${toolset}:` : `${toolset} (clients are shown it with --toolsets all):`)
      for (const { access, name, title } of members) {
        yield* Console.log(`  ${name.padEnd(width)}  ${access.padEnd("inspect".length)}  ${title}`)
      }
    }
  },
  Effect.catchTags({
    ConfigError: ({ message }) => Effect.fail(usageError(message)),
    CatalogueError: ({ message }) => Effect.fail(usageError(message))
  }),
  (command, { json }) => failingAs(json)(command)
)
