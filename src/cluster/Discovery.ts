import { Context, Effect, Layer, type Stream } from "effect"
import { Nodes } from "../node/Nodes.ts"
import { Targets } from "../node/Targets.ts"
import type { ChangesOptions, Discoveries, DiscoveryChange, OnceOptions } from "./Discoveries.ts"
import { sourceTexts } from "./Source.ts"

/** Which nodes there are beside those that are configured, as far as the sources know that the operator has named. */
export class Discovery extends Context.Service<
  Discovery,
  {
    /** The sources, as the operator writes them. */
    readonly sources: ReadonlyArray<string>
    /** Asks the sources once. It never fails: what could not be seen is told beside what was found. */
    readonly once: (options?: OnceOptions) => Effect.Effect<Discoveries>
    /**
     * Asks the sources time and again: the nodes that are there at first, then those that come and go. A node has left
     * when no source tells of it any more that told of it before; a source that fails does not make its nodes leave,
     * nor, for an hour, does the end of our link to a node that told of them. `yield* discovery.changes()` is the stream.
     */
    readonly changes: (options?: ChangesOptions) => Effect.Effect<Stream.Stream<DiscoveryChange>>
  }
>()("beamscope/cluster/Discovery") {
  /** Discovery over the nodes and targets of the context. */
  static readonly make: Effect.Effect<Discovery["Service"], never, Nodes | Targets> = Effect.gen(function* () {
    const services = yield* Effect.context<Nodes | Targets>()
    // Loaded when it is first asked for: most who start a server never do.
    const looking = Effect.promise(() => import("./Looking.ts"))
    return {
      sources: sourceTexts((yield* Targets).discovery),
      once: (options) => Effect.flatMap(looking, ({ once }) => once(options)).pipe(Effect.provide(services)),
      changes: (options) => Effect.map(looking, ({ changes }) => changes(services, options))
    }
  })

  static readonly layer: Layer.Layer<Discovery, never, Nodes | Targets> = Layer.effect(Discovery, Discovery.make)
}
