import { Effect, Layer } from "effect"
import { type Config, fromSettings } from "./config/Config.ts"
import type { ConfigError } from "./config/ConfigError.ts"
import * as ConfiguredTargets from "./config/ConfiguredTargets.ts"
import { type SettingName, type Settings, settings } from "./config/Settings.ts"
import { Nodes } from "./node/Nodes.ts"
import type { Targets } from "./node/Targets.ts"
import { Policy } from "./policy/Policy.ts"
import { Catalogue, CatalogueError } from "./tools/Catalogue.ts"
import { CharacterBudget } from "./tools/Result.ts"

const settingNames = Object.keys(settings) as ReadonlyArray<SettingName>

/** What {@link layer} gives: the tools, and below them the nodes that they look into. */
export type Services = Catalogue | Nodes | Policy | Targets

/** The catalogue calls a setting by its flag. The operator may have given it elsewhere, and looks for it there. */
const underItsName = ({ message }: CatalogueError, { nameOf }: Config): CatalogueError =>
  new CatalogueError({
    message: message.replace(
      /^--(tools|exclude-tools|toolsets)(?=: )/gmu,
      (flag) => settingNames.filter((name) => `--${settings[name].flag}` === flag).map(nameOf)[0] ?? flag
    )
  })

/** All of Beamscope, as a checked configuration asks for. */
export const fromConfig = (config: Config): Layer.Layer<Services, CatalogueError> =>
  Catalogue.layer.pipe(
    Layer.catchTag("CatalogueError", (error) => Layer.effectContext(Effect.fail(underItsName(error, config)))),
    Layer.provideMerge(Nodes.layer),
    Layer.provideMerge(ConfiguredTargets.layer(config)),
    Layer.provideMerge(Policy.layer(config.policy)),
    Layer.provide(config.maxChars === undefined ? Layer.empty : Layer.succeed(CharacterBudget, config.maxChars))
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
