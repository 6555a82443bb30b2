import { Effect, Layer } from "effect"
import { Discovery } from "./cluster/Discovery.ts"
import { type Config, fromSettings } from "./config/Config.ts"
import type { ConfigError } from "./config/ConfigError.ts"
import * as ConfiguredTargets from "./config/ConfiguredTargets.ts"
import type { Settings } from "./config/Settings.ts"
import { Nodes } from "./node/Nodes.ts"
import type { Targets } from "./node/Targets.ts"
import { Policy } from "./policy/Policy.ts"
import { Catalogue, CatalogueError } from "./tools/Catalogue.ts"
import { CharacterBudget } from "./tools/CharacterBudget.ts"
import * as CleanLog from "./tools/CleanLog.ts"
import { Reveal } from "./tools/Reveal.ts"

/** What {@link layer} gives: the tools, below them the nodes that they look into, and which others there are. */
export type Services = Catalogue | Discovery | Nodes | Policy | Targets

/** All of Beamscope, as a checked configuration asks for. */
export const fromConfig = (config: Config): Layer.Layer<Services, CatalogueError> =>
  Catalogue.layer.pipe(
    Layer.catchTag("CatalogueError", (error) =>
      Layer.effectContext(Effect.fail(new CatalogueError({ ...error, nameOf: config.nameOf })))
    ),
    Layer.provideMerge(Discovery.layer),
    Layer.provideMerge(Nodes.layer),
    // Below all that logs, and above what knows the cookies.
    Layer.provideMerge(CleanLog.layer),
    Layer.provideMerge(ConfiguredTargets.layer(config)),
    Layer.provideMerge(Policy.layer(config.policy)),
    Layer.provide(Layer.succeed(Reveal, config.reveal)),
    // Told to clients as well.
    Layer.provideMerge(config.maxChars === undefined ? Layer.empty : Layer.succeed(CharacterBudget, config.maxChars))
  )

/**
 * All of Beamscope: the catalogue of tools, and the registry of nodes below it. Building it touches no node; a node is
 * connected by the first call that needs it, and every link ends with the layer. A tool wants a `Session` beside it.
 *
 * Cookies: a node's own entry in `nodes`, `cookieFile`, the variable `RELEASE_COOKIE`, and the files where OTP keeps
 * its own, in this order. EPMD's port: a node's own entry, `epmdPort`, the variable `ERL_EPMD_PORT`, 4369.
 */
export const layer = (given: Settings = {}): Layer.Layer<Services, CatalogueError | ConfigError> =>
  Layer.unwrap(Effect.map(fromSettings(given), fromConfig))
