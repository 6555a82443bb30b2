import { type KnownNode, nodeCalled } from "../node/Targets.ts"
import { isSameHere } from "../policy/ThisMachine.ts"

/** Where an entry has its node, if not where its name says. */
const placeOf = ({ address, epmdHost, epmdPort, tunnel }: Partial<KnownNode> = {}): string =>
  JSON.stringify([address, epmdHost, epmdPort, tunnel])

/** Whether nothing in the configuration leads one name elsewhere than another. */
export const isAtOnePlace = (entries: ReadonlyArray<KnownNode>, one: string, other: string): boolean =>
  placeOf(nodeCalled(entries, one)) === placeOf(nodeCalled(entries, other))

/**
 * A test for whether two full names stand for one node: they are the same, or a name of this machine is behind the `@` of
 * both, and the entries have them at one place. An EPMD gives each name before the `@` to one node alone.
 */
export const sameNode =
  (entries: ReadonlyArray<KnownNode>, hostNames: ReadonlyArray<string>) =>
  (one: string, other: string): boolean =>
    one === other || (isSameHere(one, other, hostNames) && isAtOnePlace(entries, one, other))

/** The nodes of entries, by their full names: of those that are one node, the first. */
export const distinctNodes = (
  entries: ReadonlyArray<KnownNode>,
  hostNames: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const isSame = sameNode(entries, hostNames)
  const names = entries.map(({ name }) => name)
  return names.filter((name, at) => names.findIndex((other) => isSame(other, name)) === at)
}
