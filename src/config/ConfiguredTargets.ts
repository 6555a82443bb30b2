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

/** Cookies in use at once that were given with a connection: each is looked for in every text that is shown. */
const maxGiven = 32

const tooMany = (node: string) =>
  new TargetError({
    node,
    message: `there are ${maxGiven} connections already that use a cookie of their own, as many as there can be.`
  })

/**
 * How to reach a node, from the configuration. Cookies are read when a node is connected, never kept from the start.
 * Those of the operator's count as secrets from then on; one that is given with a connection only for as long as that
 * lasts, since anybody can give any word.
 */
export const layer = (config: Config): Layer.Layer<Targets> =>
  Layer.sync(Targets, () => {
    const configured = new Map<string, Redacted.Redacted>()
    const given = new Set<Redacted.Redacted>()
    const use = (node: string, cookie: Redacted.Redacted) =>
      Effect.acquireRelease(
        Effect.suspend(() => (given.size < maxGiven ? Effect.succeed(given.add(cookie)) : Effect.fail(tooMany(node)))),
        () => Effect.sync(() => given.delete(cookie))
      )
    return Targets.of({
      nodes: Effect.succeed(config.nodes),
      problem: Effect.undefined,
      discovery: [],
      epmdPort: config.epmdPort,
      cookies: Effect.sync(() => [...configured.values(), ...given]),
      resolve: Effect.fnUntraced(function* (name, options) {
        const entry = config.nodes.find((each) => each.name === name)
        const sources: ReadonlyArray<CookieSource> =
          options?.cookie === undefined
            ? [...ownSources(name, entry), ...config.cookies]
            : [{ _tag: "Value", said: "the cookie given for this connection", cookie: options.cookie }]
        const { cookie, source } = yield* Effect.mapError(
          findCookie(sources),
          (seen) =>
            new TargetError({
              node: name,
              message: `there is no cookie to connect to ${name} with. Looked at, in this order: ${seen.join("; ")}.`
            })
        )
        if (options?.cookie !== undefined) yield* use(name, cookie)
        else if (!configured.has(Redacted.value(cookie))) configured.set(Redacted.value(cookie), cookie)
        const ourName = entry?.ourName ?? config.ourName
        return {
          name,
          cookie,
          cookieSource: source,
          agent: entry?.agent ?? config.agent,
          epmdPort: entry?.epmdPort ?? config.epmdPort,
          ...(ourName !== undefined && { ourName })
        } satisfies NodeTarget
      })
    })
  })
