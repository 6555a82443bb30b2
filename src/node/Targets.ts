import { Context, Data, type Effect, type Redacted, type Scope } from "effect"
import type { Reach } from "../dist/Link.ts"
import type { TunnelCommand } from "./Tunnelled.ts"

/** What it takes to reach one node. */
export interface NodeTarget extends Reach {
  /** The node's full name, `name@host`. */
  readonly name: string
  readonly cookie: Redacted.Redacted
  /** Where the cookie was taken from, as the operator knows it: a flag, a variable, a file. For the error if it is refused. */
  readonly cookieSource?: string
  /**
   * The full name to join under, for a node that allows only certain names (`net_kernel:allow/1`). Default: one that
   * the node gives. Each new name costs the node an atom for ever.
   */
  readonly ourName?: string
  /** The tunnel whose end here is the address. */
  readonly tunnel?: TunnelCommand
  /** How the agent runs on this node. Default `auto`. */
  readonly agent?: AgentMode
}

/**
 * How the agent runs: `eval` interprets it, `load` loads its module and removes it again, `auto` does what
 * spares the node, which is to interpret whatever runs once unless very much is waiting for its turn there, `none` does without it.
 */
export type AgentMode = "auto" | "eval" | "load" | "none"

/** A node that cannot even be tried: no cookie for it, a file that must not be used, a tunnel that does not open. */
export class TargetError extends Data.TaggedError("TargetError")<{
  readonly node: string
  readonly message: string
  /** Whether it may be otherwise the next time, without anybody mending anything. */
  readonly isPassing?: boolean
  /** Whether this machine alone lacks something for it, which says nothing of the node or the way there. */
  readonly isShortage?: boolean
  /** Whether all that is lacking, as far as was looked, is a cookie. */
  readonly lacksCookie?: boolean
}> {}

/** A node that the operator configured. */
export interface KnownNode {
  /** Its full name. */
  readonly name: string
  /** What else it is called. */
  readonly alias?: string
  /** The one group that it belongs to: the nodes of a system, say. */
  readonly group?: string
  readonly tags?: ReadonlyArray<string>
  /** What may have been meant, where the operator named a node that has no entry: aliases, groups and names of entries. */
  readonly near?: ReadonlyArray<string>
  /** Where it is, or its EPMD, if not where its name says. */
  readonly address?: string
  readonly tunnel?: ReadonlyArray<string>
  readonly epmdHost?: string
  readonly epmdPort?: number
  /** The most that may be done to it; never more than what is allowed altogether. */
  readonly access?: "inspect" | "observe" | "control" | "eval"
}

/** The node that is called so: by its alias, or by the name itself. */
export const nodeCalled = (nodes: ReadonlyArray<KnownNode>, called: string): KnownNode | undefined =>
  nodes.find(({ alias, name }) => name === called || alias === called)

/**
 * What the operator says of the way to a node: how and where it is reached, and as whom. Two that are equal
 * (`Equal.equals`) are the same; for another one nothing counts that was learned on the last.
 */
export type Way = Readonly<Record<string, unknown>>

/** Where the registry of nodes learns how to reach a node: from the operator's configuration. */
export class Targets extends Context.Service<
  Targets,
  {
    /**
     * For a connection that lasts as long as the scope; with `cookie`, one that uses this in place of the configured.
     * Where a tunnel leads to the node, it is opened, within `timeoutMillis`, and closed with the scope.
     */
    readonly resolve: (
      name: string,
      options?: { readonly cookie?: Redacted.Redacted; readonly timeoutMillis?: number }
    ) => Effect.Effect<NodeTarget, TargetError, Scope.Scope>
    /** The way to a node, as the configuration has it now. Asks nobody. */
    readonly way: (name: string) => Effect.Effect<Way>
    /** The nodes that are configured now, in the order of the configuration. */
    readonly nodes: Effect.Effect<ReadonlyArray<KnownNode>>
    /**
     * All that the operator has said of nodes: those, and behind them entries of the configuration that do not count
     * among them, since the operator named others. Whoever comes to such a node all the same is bound by its entry.
     */
    readonly entries: Effect.Effect<ReadonlyArray<KnownNode>>
    /** What is wrong with the configuration as it is now: why it does not count, but what it said before, say. */
    readonly problem: Effect.Effect<string | undefined>
    /** Where nodes are looked for beside those, each as the operator wrote it. */
    readonly discovery: ReadonlyArray<string>
    /** EPMD's port, on this machine and on every host whose node does not say otherwise. */
    readonly epmdPort: number
    /**
     * The cookies that are secret now, of those that `resolve` has given out, so that whoever shows text can blot them out.
     * Known at once, waiting for nobody: the log asks for each of its lines, and shows none without.
     */
    readonly cookies: Effect.Effect<ReadonlyArray<Redacted.Redacted>>
  }
>()("beamscope/node/Targets") {}
