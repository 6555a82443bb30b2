import { Effect } from "effect"
import { Resolver } from "../dist/Resolver.ts"
import type { NodeStatus } from "../node/NodeState.ts"
import type { KnownNode } from "../node/Targets.ts"
import { isSameHere } from "../policy/ThisMachine.ts"
import { isAtOnePlace } from "./SameNode.ts"

/** Milliseconds for the name service to say whether two hosts are one. */
const patience = 1_000

const parts = (node: string): readonly [string, string] => {
  const at = node.indexOf("@")
  return [node.slice(0, at), node.slice(at + 1)]
}

const isUp = ({ state }: NodeStatus): boolean => state._tag === "Up"

/** Whether a connection to a node is to be made by nobody who has not heard of its trouble. */
const isInTrouble = ({ breaker, lack }: NodeStatus): boolean => lack !== undefined || breaker.state._tag !== "Closed"

/** Whether two hosts have an address in common; not where the name service does not say so. */
const isOneHost = Effect.fnUntraced(function* (one: string, other: string) {
  const { addresses } = yield* Resolver
  const [first, second] = yield* Effect.forEach(
    [one, other],
    (host) => Effect.orElseSucceed(addresses(host, patience), (): ReadonlyArray<string> => []),
    { concurrency: 2 }
  )
  return first!.some((address) => second!.includes(address))
})

/**
 * The name under which a node is connected, or known to be in trouble, where it is asked for by another name of its host: a
 * connection of its own would pass by what is known of it, and may end a node that is left alone. Where an entry leads the
 * one name elsewhere than the other, these are two nodes; but for a name without an entry, which may be that of a node that is
 * left alone, and then is as well.
 */
export const knownName = Effect.fnUntraced(function* (
  asked: string,
  {
    entries,
    hostNames,
    tried
  }: {
    readonly entries: ReadonlyArray<KnownNode>
    readonly hostNames: ReadonlyArray<string>
    readonly tried: ReadonlyArray<NodeStatus>
  }
): Effect.fn.Return<string> {
  const [name, host] = parts(asked)
  if (tried.some((status) => status.name === asked && isUp(status))) return asked
  const hasEntry = entries.some((entry) => entry.name === asked)
  for (const status of tried) {
    const [knownAs, itsHost] = parts(status.name)
    if (status.name === asked || knownAs !== name) continue
    const isLeftAlone = status.lack !== undefined && !isUp(status)
    if (!isAtOnePlace(entries, status.name, asked) && (hasEntry || !isLeftAlone)) continue
    if (!isUp(status) && !isInTrouble(status)) continue
    if (isSameHere(status.name, asked, hostNames)) return status.name
    if (isInTrouble(status) && (yield* isOneHost(host, itsHost))) return status.name
  }
  return asked
})
