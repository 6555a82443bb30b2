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
  // A word alone, in place of an entry, may well stand for one.
  const all = nodes.map((node) => (typeof node !== "string" ? node : node.includes("@") ? { name: node } : undefined))
  return all.flatMap((entry, at): ReadonlyArray<TakenName> => {
    if (entry === undefined) return []
    const { alias, group, name } = entry as NodeEntry
    const whose = (is: (other: NodeEntry, otherAt: number) => boolean) =>
      all.find((other, otherAt) => other !== undefined && otherAt !== at && is(other, otherAt))?.name
    const byAlias =
      alias === undefined
        ? undefined
        : whose(
            (other, otherAt) =>
              other.name === alias ||
              (other.alias === alias && otherAt < at) ||
              (shortName(other.name) === alias && shortName(name) !== alias)
          )
    const byGroup = group === undefined ? undefined : whose((other) => other.name === group || other.alias === group)
    return [
      ...(byAlias === undefined ? [] : [{ at, as: "alias", by: byAlias } as const]),
      ...(byGroup === undefined ? [] : [{ at, as: "group", by: byGroup } as const])
    ]
  })
}
