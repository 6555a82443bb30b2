import { Context, Data, Effect } from "effect"
import { lookup, resolveSrv } from "node:dns/promises"

/** Why a name was not resolved: Node's own error code (`ENOTFOUND`, `ESERVFAIL`, …), or `TIMEOUT`. */
export class ResolveError extends Data.TaggedError("ResolveError")<{
  readonly name: string
  readonly code: string
}> {
  override get message(): string {
    switch (this.code) {
      case "ENOTFOUND":
      case "ENODATA":
      case "EAI_NONAME":
        return `there is no '${this.name}' in DNS or the hosts file.`
      case "TIMEOUT":
        return `the name service did not answer for '${this.name}' in time.`
      default:
        return `the name service failed for '${this.name}' (${this.code}).`
    }
  }
}

/** What an SRV record names: a host and a port of it. */
export interface Service {
  readonly host: string
  readonly port: number
}

/** How names become addresses. The one place of the link that asks the name service. */
export interface ResolverService {
  /** The addresses of a host, IPv4 and IPv6, as a connection would try them: hosts file, then DNS. Never empty. */
  readonly addresses: (
    host: string,
    timeoutMillis: number
  ) => Effect.Effect<readonly [string, ...ReadonlyArray<string>], ResolveError>
  /** What the SRV records of a name say, most preferred first (RFC 2782). */
  readonly services: (name: string, timeoutMillis: number) => Effect.Effect<ReadonlyArray<Service>, ResolveError>
}

const asked = <A>(name: string, timeoutMillis: number, ask: () => Promise<A>): Effect.Effect<A, ResolveError> =>
  Effect.tryPromise({
    try: ask,
    catch: (error) => new ResolveError({ name, code: (error as NodeJS.ErrnoException).code ?? String(error) })
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeoutMillis,
      orElse: () => Effect.fail(new ResolveError({ name, code: "TIMEOUT" }))
    })
  )

/** The name service of this machine by default. */
export const Resolver = Context.Reference<ResolverService>("beamscope/dist/Resolver", {
  defaultValue: () => ({
    addresses: (host, timeoutMillis) =>
      Effect.flatMap(
        asked(host, timeoutMillis, () => lookup(host, { all: true, order: "verbatim" })),
        (found) => {
          const [first, ...others] = [...new Set(found.map(({ address }) => address))]
          return first === undefined
            ? Effect.fail(new ResolveError({ name: host, code: "ENODATA" }))
            : Effect.succeed([first, ...others] as const)
        }
      ),
    services: (name, timeoutMillis) =>
      Effect.map(
        asked(name, timeoutMillis, () => resolveSrv(name)),
        (found) =>
          found
            .toSorted((a, b) => a.priority - b.priority || b.weight - a.weight)
            .map(({ name: host, port }) => ({ host, port }))
      )
  })
})
