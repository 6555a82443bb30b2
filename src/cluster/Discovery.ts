import { Context, Effect, Layer, type Stream } from "effect"
import { Nodes } from "../node/Nodes.ts"
import { Targets } from "../node/Targets.ts"
import type { Discovered } from "./Merge.ts"
import { sourceTexts } from "./Source.ts"

/** What a source could not tell, and why. */
export interface DiscoveryFailure {
  /** As the operator writes it. */
  readonly source: string
  readonly message: string
}

/** What was found, by name, and what could not be seen. */
export interface Discoveries {
  readonly found: ReadonlyArray<Discovered>
  readonly failures: ReadonlyArray<DiscoveryFailure>
}

export interface LookOptions {
  /** Milliseconds for all sources, which are asked side by side. Default 5,000. */
  readonly timeoutMillis?: number
  /**
   * Which nodes may be connected to ask them too which nodes they are connected to. Default: none; those that are
   * connected are asked.
   */
  readonly mayConnect?: (node: string) => boolean
}

export interface OnceOptions extends LookOptions {
  /** Asks only the sources whose texts begin so: `epmd`, `dns:app@db`. */
  readonly from?: string
}

export interface ChangesOptions extends LookOptions {
  /** Milliseconds from one look to the next, give or take a fifth. Default 5,000. */
  readonly everyMillis?: number
}

/** A node that came, or went. */
export type DiscoveryChange =
  | {
      readonly _tag: "Joined"
      readonly node: Discovered
      /** What it was called as long as nobody told its host. */
      readonly formerly?: string
    }
  | { readonly _tag: "Left"; readonly node: Discovered }

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
