import type { Discovered } from "./Merge.ts"

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
