import { Effect, Layer, Redacted } from "effect"
import { type NodeTarget, TargetError, Targets } from "../node/Targets.ts"
import type { Config } from "./Config.ts"
import { type CookieSource, findCookie } from "./Cookies.ts"
import type { NodeEntry } from "./Settings.ts"

/** What a node's own entry has of a cookie. */
const ownSources = (name: string, entry: NodeEntry | undefined): ReadonlyArray<CookieSource> => {
  const said = "its entry in the configuration"
  if (entry?.cookie !== undefined) return [{ _tag: "Value", said, cookie: entry.cookie }]
  if (entry?.cookieFile !== undefined) return [{ _tag: "File", said, path: entry.cookieFile, optional: false }]
  return [{ _tag: "Unset", said: `a cookie of its own for ${name} in the configuration` }]
}

/** How to reach a node, from the configuration. Cookies are read when a node is connected, never kept from the start. */
export const layer = (config: Config): Layer.Layer<Targets> =>
  Layer.sync(Targets, () => {
    const givenOut = new Map<string, Redacted.Redacted>()
    return Targets.of({
      configured: config.nodes.map(({ name }) => name),
      nameOf: (called) => config.nodes.find(({ alias, name }) => name === called || alias === called)?.name,
      epmdPort: config.epmdPort,
      cookies: Effect.sync(() => [...givenOut.values()]),
      resolve: Effect.fnUntraced(function* (name, options) {
        const entry = config.nodes.find((each) => each.name === name)
        const sources: ReadonlyArray<CookieSource> =
          options?.cookie === undefined
            ? [...ownSources(name, entry), ...config.cookies]
            : [{ _tag: "Value", said: "the cookie given for this connection", cookie: options.cookie }]
        const cookie = yield* Effect.mapError(
          findCookie(sources),
          (seen) =>
            new TargetError({
              node: name,
              message: `there is no cookie to connect to ${name} with. Looked at, in this order: ${seen.join("; ")}.`
            })
        )
        givenOut.set(Redacted.value(cookie), cookie)
        return {
          name,
          cookie,
          agent: entry?.agent ?? config.agent,
          epmdPort: entry?.epmdPort ?? config.epmdPort
        } satisfies NodeTarget
      })
    })
  })
