import type { NodeEntry } from "./SettingTypes.ts"

/** A word that a node, or a group of nodes, cannot be called by: in which entry, as what, and whose it is already. */
export interface TakenName {
  readonly at: number
  readonly as: "alias" | "group"
  readonly by: string
}

const shortName = (name: string): string => name.split("@", 1)[0]!

/**
 * The aliases and groups by which another node would be meant, too, as names stand in the configuration. By its own part
 * before the @ a node may be called, and a group by that of nodes which have a host behind it.
 */
export const takenNames = (nodes: ReadonlyArray<string | NodeEntry>): ReadonlyArray<TakenName> => {
  const all = nodes.flatMap((node, at): ReadonlyArray<{ readonly at: number; readonly entry: NodeEntry }> => {
    if (typeof node !== "string") return [{ at, entry: node }]
    // A word alone, in place of an entry, may well stand for one.
    return node.includes("@") ? [{ at, entry: { name: node } }] : []
  })
  return all.flatMap(({ at, entry: { alias, group, name } }) => {
    const isAlias = (other: NodeEntry, otherAt: number) =>
      other.name === alias ||
      (other.alias === alias && otherAt < at) ||
      (shortName(other.name) === alias && shortName(name) !== alias)
    const isGroup = (other: NodeEntry) => other.name === group || other.alias === group
    const takenAs = (as: TakenName["as"], is: (other: NodeEntry, otherAt: number) => boolean) =>
      all
        .filter((other) => other.at !== at && is(other.entry, other.at))
        .map(({ entry }) => ({ at, as, by: entry.name }))
    return [
      alias === undefined ? [] : takenAs("alias", isAlias).slice(0, 1),
      group === undefined ? [] : takenAs("group", isGroup).slice(0, 1)
    ].flat()
  })
}
