import { Console, Effect } from "effect"
import * as Beamscope from "../Beamscope.ts"
import { load } from "../config/Config.ts"
import { Catalogue } from "../tools/Catalogue.ts"
import { usageError } from "./CommandError.ts"
import type { ServerFlags } from "./ServerFlags.ts"

/** `beamscope tools`: what a client would be offered under the same settings. */
export const toolsCommand = Effect.fnUntraced(
  function* (options: { readonly json: boolean; readonly given: ServerFlags }) {
    const config = yield* load({ ...options.given, environment: process.env })
    const { tools } = yield* Effect.provide(Catalogue, Beamscope.fromConfig(config))
    if (options.json) return yield* Console.log(JSON.stringify(tools, null, 2))
    const width = Math.max(0, ...tools.map(({ name }) => name.length))
    const toolsets = Map.groupBy(tools, ({ toolset }) => toolset)
    for (const [toolset, members] of toolsets) {
      yield* Console.log(`${toolset}:`)
      for (const { access, name, title } of members) {
        yield* Console.log(`  ${name.padEnd(width)}  ${access.padEnd("inspect".length)}  ${title}`)
      }
    }
  },
  Effect.catchTags({
    ConfigError: ({ message }) => Effect.fail(usageError(message)),
    CatalogueError: ({ message }) => Effect.fail(usageError(message))
  })
)
