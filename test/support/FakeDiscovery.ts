import { Effect, Layer } from "effect"
import { Machine, type MachineService } from "../../src/cluster/Machine.ts"
import { ResolveError, Resolver, type Service } from "../../src/dist/Resolver.ts"
import { TargetError, type Targets } from "../../src/node/Targets.ts"
import { type World, worldLayer } from "./FakeNodes.ts"
import { targetsOf } from "./targetsOf.ts"

/** A folder that cannot be there. */
export const nowhere = "/dev/null/none"

/** A machine on which nothing runs and no file lies, as far as a test does not say so. */
export const bareMachine: MachineService = {
  platform: "linux",
  environment: {},
  processes: nowhere,
  userId: process.getuid?.(),
  hostName: "box.example",
  addresses: () => ["10.0.0.1"],
  workingFolder: () => nowhere,
  homeFolder: nowhere
}

/** A name service with these answers: addresses, services, or the code that it fails with. A test may change them. */
export interface Zone {
  readonly addresses?: Record<string, ReadonlyArray<string> | string>
  readonly services?: Record<string, ReadonlyArray<Service> | string>
  /** Told of each host that is asked for. */
  readonly onAsked?: (host: string) => void
}

const answerOf = <A>(answers: Record<string, ReadonlyArray<A> | string> = {}, name: string) =>
  Effect.suspend(() => {
    const answer = answers[name] ?? "ENOTFOUND"
    return typeof answer === "string" ? Effect.fail(new ResolveError({ name, code: answer })) : Effect.succeed(answer)
  })

export interface DiscoveryWorld extends World {
  readonly discovery?: ReadonlyArray<string>
  readonly machine?: Partial<MachineService>
  readonly zone?: Zone
}

/** The services around discovery, as a test wants them. */
export const discoveryLayer = ({ discovery = [], machine, zone = {}, ...world }: DiscoveryWorld) => {
  const targets: Layer.Layer<Targets> = targetsOf({
    discovery,
    epmdPort: world.epmdPort ?? 1,
    nodes: Effect.succeed((world.configured ?? []).map((node) => (typeof node === "string" ? { name: node } : node))),
    resolve: (name) => Effect.fail(new TargetError({ node: name, message: "there is no cookie." }))
  })
  return Layer.mergeAll(
    worldLayer(world),
    targets,
    Layer.succeed(Machine, { ...bareMachine, ...machine }),
    Layer.succeed(Resolver, {
      addresses: (name) =>
        Effect.suspend(() => {
          zone.onAsked?.(name)
          return answerOf(zone.addresses, name)
        }).pipe(Effect.map((found) => found as readonly [string, ...ReadonlyArray<string>])),
      services: (name) => answerOf(zone.services, name)
    })
  )
}
