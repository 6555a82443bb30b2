import { Effect, Layer, Redacted, Result, type Scope } from "effect"
import { parseCookie } from "../node/Cookie.ts"
import { type NodeTarget, TargetError, Targets, type Way } from "../node/Targets.ts"
import { parseAddress } from "./Address.ts"
import type { Config, ConfiguredNode } from "./Config.ts"
import { current } from "./CurrentNodes.ts"
import { type CookieSource, findCookie, type FoundCookie } from "./Cookies.ts"
import { type NodeEntry, portPlaceholder } from "./Settings.ts"
import { readTls, tlsOf } from "./TlsFiles.ts"

/** What a node's own entry has of a cookie. */
const ownSources = (name: string, entry: NodeEntry | undefined): ReadonlyArray<CookieSource> => {
  const said = "its entry in the configuration"
  if (entry?.cookie !== undefined) return [{ _tag: "Value", said, cookie: entry.cookie }]
  if (entry?.cookieFile !== undefined) return [{ _tag: "File", said, path: entry.cookieFile, optional: false }]
  return [{ _tag: "Unset", said: `a cookie of its own for ${name} in the configuration` }]
}

/** Cookies in use at once that were given with a connection: each is looked for in every text that is shown. */
const maxGiven = 32

const asGiven = (cookie: Redacted.Redacted): Result.Result<FoundCookie, string> =>
  Result.map(parseCookie(Redacted.value(cookie)), (cookie) => ({
    cookie,
    source: "the cookie given for this connection"
  }))

const unfitCookie = (node: string) => (problem: string) =>
  new TargetError({
    node,
    message: `the cookie that was given to connect to ${node} with ${problem}. Give the right one, or none, so that the configured one is used.`
  })

const noCookie = (node: string) => (seen: ReadonlyArray<string>) =>
  new TargetError({
    node,
    message: `there is no cookie to connect to ${node} with. Looked at, in this order: ${seen.join("; ")}. Write what erlang:get_cookie() tells on the node into a file that only you can access, and name that: --cookie-file, BEAMSCOPE_COOKIE_FILE, or cookie_file of the node's entry.`,
    lacksCookie: true
  })

const tooMany = (node: string) =>
  new TargetError({
    node,
    message: `there are ${maxGiven} connections already that use a cookie of their own, as many as there can be.`
  })

/** What of an entry is no matter of how its node is reached: what it is called, what may be done to it. */
const wayOf = ({
  access: _access,
  agent: _agent,
  alias: _alias,
  group: _group,
  near: _near,
  tags: _tags,
  ...way
}: ConfiguredNode): Way => way

/** Milliseconds that a tunnel has where nobody says: `kubectl` and `ssh` look things up and log in before they listen. */
const tunnelMillis = 15_000

/** Where a node is, if not where its name says: as it is written, or at our end of a tunnel, which is opened. */
const placeOf = Effect.fnUntraced(function* (
  name: string,
  { address, tunnel }: Pick<NodeEntry, "address" | "tunnel">,
  timeoutMillis: number,
  cookies: Effect.Effect<() => ReadonlyArray<Redacted.Redacted>>
): Effect.fn.Return<Pick<NodeTarget, "address" | "tunnel">, TargetError, Scope.Scope> {
  if (tunnel === undefined) {
    const parsed = address === undefined ? undefined : Result.getOrUndefined(parseAddress(address))
    return parsed === undefined ? {} : { address: parsed }
  }
  // Loaded with the first tunnel: most have none, and nobody waits for it at the start.
  const { open } = yield* Effect.promise(() => import("../launch/Tunnel.ts"))
  const { isShortage } = yield* Effect.promise(() => import("../launch/LaunchError.ts"))
  const { rawCleaner } = yield* Effect.promise(() => import("../tools/Cleaning.ts"))
  const known = yield* cookies
  const { host, port, ...command } = yield* Effect.mapError(
    open({
      to: name,
      commandOf: (port) => tunnel.map((word) => word.replaceAll(portPlaceholder, String(port))),
      timeoutMillis,
      clean: (text) => rawCleaner(known())(text)
    }),
    ({ message, reason }) =>
      new TargetError({
        node: name,
        message: `the way to ${name} is not open: ${message}${isShortage(reason) ? " That is a matter of this machine: the node was not asked." : ""}`,
        isPassing: reason._tag !== "TunnelMissing" || isShortage(reason),
        isShortage: isShortage(reason)
      })
  )
  return { address: { host, port }, tunnel: command }
})

/**
 * How to reach a node, from the configuration. Cookies, certificates and keys are read when a node is connected, never
 * kept from the start. Cookies of the operator's count as secrets from then on; one that is given with a connection only
 * for as long as that lasts, since anybody can give any word.
 */
export const layer = (config: Config): Layer.Layer<Targets> =>
  Layer.effect(
    Targets,
    Effect.gen(function* () {
      const { entries, nodes, problem } = yield* current(config)
      const configured = new Map<string, Redacted.Redacted>()
      const given = new Set<Redacted.Redacted>()
      const use = (node: string, cookie: Redacted.Redacted) =>
        Effect.acquireRelease(
          Effect.suspend(() =>
            given.size < maxGiven ? Effect.succeed(given.add(cookie)) : Effect.fail(tooMany(node))
          ),
          () => Effect.sync(() => given.delete(cookie))
        )
      const inUse = () => [...configured.values(), ...given]
      /**
       * All cookies that whoever answers for a tunnel's command may know: beside those in use, those that the configuration
       * has for other connections. They are not kept from sight elsewhere: whoever shows text would look for each.
       */
      const known = Effect.gen(function* () {
        const own = (yield* entries).flatMap((entry) => ownSources(entry.name, entry))
        const found = yield* Effect.forEach(
          [...own, ...config.cookies],
          (source) => Effect.option(findCookie([source])),
          {
            concurrency: 8
          }
        )
        const others = found.flatMap((each) => (each._tag === "Some" ? [each.value.cookie] : []))
        return () => [...inUse(), ...others]
      })
      const entryOf = (name: string) => Effect.map(entries, (all) => all.find((each) => each.name === name))
      return Targets.of({
        nodes,
        entries,
        way: (name) => Effect.map(entryOf(name), (entry) => wayOf(entry ?? { name })),
        problem,
        discovery: config.discover,
        epmdPort: config.epmdPort,
        cookies: Effect.sync(inUse),
        resolve: Effect.fnUntraced(function* (name, options) {
          const entry = yield* entryOf(name)
          const { cookie, source } =
            options?.cookie === undefined
              ? yield* Effect.mapError(findCookie([...ownSources(name, entry), ...config.cookies]), noCookie(name))
              : yield* Effect.mapError(Effect.fromResult(asGiven(options.cookie)), unfitCookie(name))
          if (options?.cookie !== undefined) yield* use(name, cookie)
          else if (!configured.has(Redacted.value(cookie))) configured.set(Redacted.value(cookie), cookie)
          const settings = tlsOf(entry, config.tls, config.overTls)
          const tls =
            settings &&
            (yield* Effect.mapError(
              readTls(settings),
              (why) => new TargetError({ node: name, message: `${name} cannot be reached over TLS: ${why}.` })
            ))
          const place = yield* placeOf(name, entry ?? {}, options?.timeoutMillis ?? tunnelMillis, known)
          const ourName = entry?.ourName ?? config.ourName
          const epmdHost = entry?.epmdHost ?? config.epmdHost
          return {
            name,
            cookie,
            cookieSource: source,
            agent: entry?.agent ?? config.agent,
            epmdPort: entry?.epmdPort ?? config.epmdPort,
            ...(epmdHost !== undefined && { epmdHost }),
            ...place,
            ...(tls !== undefined && { tls }),
            ...(ourName !== undefined && { ourName })
          } satisfies NodeTarget
        })
      })
    })
  )
