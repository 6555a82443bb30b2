import { type Context, Effect, Option, Random, Stream } from "effect"
import { steadyMillis } from "../node/Moment.ts"
import { Nodes } from "../node/Nodes.ts"
import { Targets } from "../node/Targets.ts"
import type { ChangesOptions, Discoveries, DiscoveryChange, OnceOptions } from "./Discoveries.ts"
import { lookAtDns, lookAtServices } from "./Dns.ts"
import { lookAtEpmd } from "./Epmd.ts"
import { lookAlong } from "./Follow.ts"
import { lookAtHosts } from "./HostsFile.ts"
import { failed, graceMillis, type Look, lookAtEach, type LookFailure, type Patience } from "./Look.ts"
import { localHosts, Machine } from "./Machine.ts"
import { type Discovered, type FullName, fullNames, maxDiscovered, merge, type SightingOf } from "./Merge.ts"
import { lookAtReleases } from "./Releases.ts"
import { defaultSources, discoverySource, type Source, type SourceProblem, sourceTexts } from "./Source.ts"

/** Milliseconds for all sources where nobody says. */
const defaultMillis = 5_000

/** Milliseconds between two looks where nobody says; each pause is up to a fifth shorter or longer. */
const everyMillis = 5_000
const jitter = 0.2

/** Sightings that are remembered from one look to the next, at most: a node may be seen by many. */
const maxRemembered = 100_000

interface FailureOf extends LookFailure {
  readonly source: string
}

/** What all sources told. */
export interface Looks {
  readonly sightings: ReadonlyArray<SightingOf>
  readonly failures: ReadonlyArray<FailureOf>
}

const lookAt = (
  source: Source,
  { from = "", mayConnect = () => false }: OnceOptions,
  patience: Patience,
  epmdPort: number
): Effect.Effect<Look, never, Nodes> => {
  switch (source.kind) {
    case "epmd": {
      const { host, port = epmdPort } = source
      return lookAtEach([{ host, port }], patience, () => source.text, lookAtEpmd)
    }
    case "dns":
      return lookAtDns(source, patience)
    case "srv":
      return lookAtServices(source, patience)
    case "hosts":
      return lookAtHosts(source, patience, epmdPort)
    case "releases":
      return lookAtReleases(patience)
    case "follow":
      return lookAlong(mayConnect, patience, source.isDefault !== true || from !== "")
  }
}

/** A source as its text says, or what is wrong with that. */
const sourceOf = (text: string): Source | (SourceProblem & { readonly text: string }) => {
  const source = discoverySource(text)
  return "problem" in source ? { text, problem: source.problem } : source
}

/** Asks all sources side by side. */
const look = Effect.fnUntraced(function* (options: OnceOptions): Effect.fn.Return<Looks, never, Nodes | Targets> {
  const { discovery, epmdPort } = yield* Targets
  const { from = "", timeoutMillis = defaultMillis } = options
  const until = (yield* steadyMillis) + timeoutMillis
  const sources = discovery.length === 0 ? defaultSources : sourceTexts(discovery).map(sourceOf)
  const looks = yield* Effect.forEach(
    sources.filter(({ text }) => text.startsWith(from)),
    (source) => {
      const { text } = source
      const looking =
        "problem" in source
          ? Effect.succeed(failed(`${source.problem}.`))
          : lookAt(source, options, { until }, epmdPort)
      return looking.pipe(
        Effect.timeoutOrElse({
          duration: timeoutMillis + graceMillis,
          orElse: () => Effect.succeed(failed(`it had told nothing after ${timeoutMillis} ms.`))
        }),
        Effect.map(({ failures, sightings }) => ({
          sightings: sightings.map((sighting) => ({ ...sighting, source: text })),
          failures: failures.map((failure) => ({ ...failure, source: text }))
        }))
      )
    },
    { concurrency: "unbounded" }
  )
  return { sightings: looks.flatMap((each) => each.sightings), failures: looks.flatMap((each) => each.failures) }
})

/** The nodes that sightings are of, by name, and how a node of this machine without its host is called in full. */
const nodesOf = Effect.fnUntraced(function* (sightings: ReadonlyArray<SightingOf>) {
  const configured = yield* (yield* Targets).nodes
  const listed = yield* (yield* Nodes).list
  const known = [...configured, ...listed.filter(({ state }) => state._tag === "Up")].map(({ name }) => name)
  const isLocal = localHosts(yield* Machine)
  const fullName = fullNames(sightings, known, isLocal)
  return { found: merge(sightings, fullName, isLocal), fullName }
})

/** See `Discovery.once`. */
export const once = Effect.fnUntraced(function* (
  options: OnceOptions = {}
): Effect.fn.Return<Discoveries, never, Nodes | Targets> {
  const { failures, sightings } = yield* look(options)
  const { found } = yield* nodesOf(sightings)
  const told = failures.flatMap(({ isExpected, message, source }) => (isExpected === true ? [] : [{ source, message }]))
  if (found.length <= maxDiscovered) return { found, failures: told }
  const cut = [...new Set(found.slice(maxDiscovered).flatMap(({ sources }) => sources))]
  const message = `${found.length} nodes were found altogether, of which the first ${maxDiscovered} by name are taken.`
  return { found: found.slice(0, maxDiscovered), failures: [...told, ...cut.map((source) => ({ source, message }))] }
})

/** Whether a failure leaves open what a sighting of before says. */
const leavesOpen =
  ({ part, source }: SightingOf) =>
  (failure: FailureOf): boolean =>
    failure.source === source && failure.isAnswer !== true && (failure.part === undefined || failure.part === part)

const idOf = ({ node, part, source }: SightingOf): string => JSON.stringify([source, part, node])

/** What is known after a look: what it saw, and what was seen before of places that did not answer this time. */
export const remembering = (
  before: ReadonlyArray<SightingOf>,
  { failures, sightings }: Looks
): ReadonlyArray<SightingOf> => {
  const seen = new Set(sightings.map(idOf))
  const kept = before.filter((sighting) => !seen.has(idOf(sighting)) && failures.some(leavesOpen(sighting)))
  return [...sightings, ...kept].slice(0, maxRemembered)
}

/** What came and went between two looks. */
const changesBetween = (
  before: ReadonlyMap<string, Discovered>,
  now: ReadonlyMap<string, Discovered>,
  fullName: FullName
): ReadonlyArray<DiscoveryChange> => {
  const named = new Set<string>()
  const joined = [...now.values()].flatMap((node): ReadonlyArray<DiscoveryChange> => {
    if (before.has(node.node)) return []
    const [short] = node.node.split("@") as [string]
    // Not any node that is called so: another machine may have one, too.
    const formerly = before.has(short) && fullName(short) === node.node
    if (formerly) named.add(short)
    return [{ _tag: "Joined", node, ...(formerly && { formerly: short }) }]
  })
  const left = [...before.values()].filter(({ node }) => !now.has(node) && !named.has(node))
  return [...left.map((node): DiscoveryChange => ({ _tag: "Left", node })), ...joined]
}

interface Known {
  readonly sightings: ReadonlyArray<SightingOf>
  readonly nodes: ReadonlyMap<string, Discovered>
}

/** See `Discovery.changes`; over the nodes and targets of `services`. */
export const changes = (
  services: Context.Context<Nodes | Targets>,
  options: ChangesOptions = {}
): Stream.Stream<DiscoveryChange> =>
  Stream.paginate(
    undefined as Known | undefined,
    Effect.fnUntraced(function* (known) {
      const { everyMillis: pause = everyMillis } = options
      if (known !== undefined) yield* Effect.sleep(pause * (1 - jitter + 2 * jitter * (yield* Random.next)))
      const { nodes: before, sightings: seen } = known ?? { nodes: new Map<string, Discovered>(), sightings: [] }
      const sightings = remembering(seen, yield* look(options))
      const { found, fullName } = yield* nodesOf(sightings)
      const nodes = new Map(found.slice(0, maxDiscovered).map((node) => [node.node, node]))
      return [changesBetween(before, nodes, fullName), Option.some<Known>({ sightings, nodes })] as const
    })
  ).pipe(Stream.provideContext(services))
