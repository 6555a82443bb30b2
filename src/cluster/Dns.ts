import { Effect } from "effect"
import { parseNodeName } from "../dist/NodeName.ts"
import { type ResolveError, Resolver } from "../dist/Resolver.ts"
import { type Look, type LookAt, lookAtEach, told } from "./Look.ts"

/** What the name service says when there is no such name, which is what a service without a pod looks like. */
const absent: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA"])

const unresolved = (error: ResolveError): Look => ({
  sightings: [],
  failures: [{ part: error.name, message: error.message, isAnswer: absent.has(error.code) }]
})

/** The nodes of one name on hosts that the name service told of. */
const nodesOn = (part: string, name: string, hosts: ReadonlyArray<string>): Look => {
  const unique = [...new Set(hosts)]
  const sightings = unique.flatMap((host) => {
    const parsed = parseNodeName(`${name}@${host}`)
    return "problem" in parsed ? [] : [{ node: parsed.full, isGuess: true as const, part, host }]
  })
  return told(part, sightings, unique.length - sightings.length)
}

/** A node at each address of a host, as libcluster's Kubernetes.DNS and DNSPoll and Elixir's dns_cluster name them. */
export const lookAtDns: LookAt<"dns"> = ({ host, name }, patience) =>
  lookAtEach([host], patience, String, (asked, millis) =>
    Effect.gen(function* () {
      const { addresses } = yield* Resolver
      return nodesOn(host, name, yield* addresses(asked, millis))
    }).pipe(Effect.catch((error) => Effect.succeed(unresolved(error))))
  )

/**
 * A node on each target of the SRV records of a service, as libcluster's Kubernetes.DNSSRV names them. The port in a
 * record is that of the service, which need not be where the node listens.
 */
export const lookAtServices: LookAt<"srv"> = ({ name, service }, patience) =>
  lookAtEach([service], patience, String, (asked, millis) =>
    Effect.gen(function* () {
      const { services } = yield* Resolver
      const found = yield* services(asked, millis)
      const hosts = found.map(({ host }) => host.replace(/\.$/u, ""))
      return nodesOn(service, name, hosts)
    }).pipe(Effect.catch((error) => Effect.succeed(unresolved(error))))
  )
