import { Context, Data, Effect } from "effect"
import type { LookupAddress } from "node:dns"
import { lookup, Resolver as NameServers } from "node:dns/promises"
import { listed } from "../syntax/Excerpt.ts"

/** The addresses of a host. */
export type Lookup = (host: string) => Promise<Array<LookupAddress>>

/**
 * A look-up that all who ask for a host share while it is under way, whatever they want it for. Nothing can call off a
 * `getaddrinfo`, and Node runs a few at a time, two unless it is told otherwise: without this whoever asks time and
 * again for a host whose name server is silent makes all others wait, for whichever host.
 */
export const shared = (ask: Lookup): Lookup => {
  const underWay = new Map<string, Promise<Array<LookupAddress>>>()
  return (host) => {
    const before = underWay.get(host)
    if (before !== undefined) return before
    const answer = ask(host).finally(() => underWay.delete(host))
    underWay.set(host, answer)
    return answer
  }
}

/** A look-up that was not made, since others hold all the places that there are: `hosts` are those that they are of. */
export class HeldUp extends Error {
  readonly code = "EHELDUP"
  readonly hosts: ReadonlyArray<string>
  constructor(hosts: ReadonlyArray<string>) {
    super(`look-ups of other hosts have no answer: ${hosts.join(", ")}`)
    this.hosts = hosts
  }
}

/** Look-ups that are made at once. Node runs one more with the threads that it is started with here. */
const maxAtOnce = 7

/** Milliseconds in which no look-up comes to an end until those that wait for a place are told that there is none. */
const stalledMillis = 2_000

/**
 * A look-up that waits while as many are under way as may be. Where none of those comes to an end any more, since the
 * name servers are silent, it fails with {@link HeldUp}: it would be in the system's resolver, which is left when that
 * gives up, long after everybody has.
 */
export const bounded = (ask: Lookup): Lookup => {
  const underWay = new Set<string>()
  const waiting = new Set<{ readonly begin: () => void; readonly fail: (error: HeldUp) => void }>()
  let movedAt = 0
  let timer: NodeJS.Timeout | undefined
  const watch = () => {
    clearTimeout(timer)
    if (waiting.size === 0) return
    timer = setTimeout(
      () => {
        const error = new HeldUp([...underWay])
        for (const { fail } of waiting) fail(error)
        waiting.clear()
      },
      Math.max(0, movedAt + stalledMillis - performance.now())
    )
  }
  const run = (host: string) => {
    underWay.add(host)
    movedAt = performance.now()
    return ask(host).finally(() => {
      underWay.delete(host)
      movedAt = performance.now()
      const [next] = waiting
      if (next !== undefined) {
        waiting.delete(next)
        next.begin()
      }
      watch()
    })
  }
  return (host) => {
    if (underWay.size < maxAtOnce) return run(host)
    return new Promise((resolve, reject) => {
      waiting.add({ begin: () => resolve(run(host)), fail: reject })
      watch()
    })
  }
}

/** What each machine calls itself needs no name service. RFC 6761 §6.3. */
const ownAddresses: ReadonlyArray<LookupAddress> = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 }
]

const others = shared(bounded((host) => lookup(host, { all: true, order: "verbatim" })))

/** The system's own look-up, which knows the hosts file and search domains; the order is the system's. */
export const lookUp: Lookup = (host) =>
  host.toLowerCase() === "localhost" ? Promise.resolve([...ownAddresses]) : others(host)

/** Why a name was not resolved: Node's own error code (`ENOTFOUND`, `ESERVFAIL`, …), or `TIMEOUT`. */
export class ResolveError extends Data.TaggedError("ResolveError")<{
  readonly name: string
  readonly code: string
  /** What was asked for. Default: addresses. */
  readonly kind?: "addresses" | "services"
  /** The hosts whose look-ups are in the way, where that is why it was not asked for; see {@link HeldUp}. */
  readonly heldUpBy?: ReadonlyArray<string>
}> {
  override get message(): string {
    if (this.heldUpBy !== undefined) return `'${this.name}' was not looked up: ${heldUpText(this.heldUpBy)}`
    switch (this.code) {
      case "ENOTFOUND":
      case "ENODATA":
        return this.kind === "services"
          ? `DNS has no SRV records of '${this.name}', which must be its full name: search domains do not count here.`
          : `there is no '${this.name}' in DNS or the hosts file.`
      case "ETIMEOUT":
      case "TIMEOUT":
        return `the name service did not answer for '${this.name}' in time.`
      default:
        return `the name service failed for '${this.name}' (${this.code}).`
    }
  }

  /** Whether the name service gave no answer, or was not asked: that says nothing of the name. */
  get isPassing(): boolean {
    return ["EAI_AGAIN", "EAI_FAIL", "ETIMEOUT", "TIMEOUT", "EHELDUP"].includes(this.code)
  }
}

/** What keeps a host from being looked up; to follow that in a sentence. */
export const heldUpText = (hosts: ReadonlyArray<string>): string =>
  `the name service gives no answer for ${listed(hosts)}, and no more hosts are asked for at a time.`

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
  /**
   * What the SRV records of a name say, by priority, then by weight (RFC 2782). Empty where they say that there is no
   * such service.
   */
  readonly services: (name: string, timeoutMillis: number) => Effect.Effect<ReadonlyArray<Service>, ResolveError>
}

/** What a resolver asks. */
export interface NameService {
  readonly addressesOf: Lookup
  /** Name servers, as `ADDRESS:PORT`, in place of those that the system names at the time. */
  readonly servers?: ReadonlyArray<string>
}

const asked = <A>(
  { name, kind }: { readonly name: string; readonly kind: "addresses" | "services" },
  timeoutMillis: number,
  ask: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, ResolveError> =>
  Effect.tryPromise({
    try: ask,
    catch: (error) =>
      new ResolveError({
        name,
        kind,
        code: (error as NodeJS.ErrnoException).code ?? String(error),
        ...(error instanceof HeldUp && { heldUpBy: error.hosts })
      })
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeoutMillis,
      orElse: () => Effect.fail(new ResolveError({ name, kind, code: "TIMEOUT" }))
    })
  )

/** How often a name server is asked: UDP loses a question now and then. */
const tries = 3

/** Of the time for an answer, what the first try has: each one more has twice as long as the one before. */
const shareOfFirst = 1 / 2 ** tries

/** Asks a name server, and stops asking when nobody waits any more: a socket of its own would wait on. */
const servicesOf = async (
  name: string,
  timeoutMillis: number,
  signal: AbortSignal,
  servers: ReadonlyArray<string> | undefined
) => {
  // Made anew each time, since it reads but once which name servers the system has.
  const asking = new NameServers({ timeout: Math.max(1, Math.floor(timeoutMillis * shareOfFirst)), tries })
  if (servers !== undefined) asking.setServers(servers)
  signal.addEventListener("abort", () => asking.cancel(), { once: true })
  return asking.resolveSrv(name)
}

/** A resolver over a name service. */
export const resolverOf = ({ addressesOf, servers }: NameService): ResolverService => ({
  addresses: (name, timeoutMillis) =>
    Effect.flatMap(
      asked({ name, kind: "addresses" }, timeoutMillis, () => addressesOf(name)),
      (found) => {
        const [first, ...others] = [...new Set(found.map(({ address }) => address))]
        return first === undefined
          ? Effect.fail(new ResolveError({ name, kind: "addresses", code: "ENODATA" }))
          : Effect.succeed([first, ...others] as const)
      }
    ),
  services: (name, timeoutMillis) =>
    Effect.map(
      asked({ name, kind: "services" }, timeoutMillis, (signal) => servicesOf(name, timeoutMillis, signal, servers)),
      (found) =>
        found
          // The root as a target: the service is decidedly not available.
          .filter((record) => record.name !== "")
          .toSorted((a, b) => a.priority - b.priority || b.weight - a.weight)
          .map(({ name: host, port }) => ({ host, port }))
    )
})

/** The name service of this machine by default. */
export const Resolver = Context.Reference<ResolverService>("beamscope/dist/Resolver", {
  defaultValue: () => resolverOf({ addressesOf: lookUp })
})
