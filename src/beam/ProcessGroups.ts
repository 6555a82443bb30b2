import type { Effect } from "effect"
import { Atom, binary, list, listItems, MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent, type Listed, type ListQuery, questionOf, readListed } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"
import { maxHeapWords } from "./Registries.ts"

/** By what groups can be ranked: names ascend, figures descend. */
export type GroupKey = "members" | "local" | "remote" | "name"

/** A group of `pg`. */
export interface ProcessGroup {
  readonly scope: string
  /** Its name; cut where it is large. */
  readonly group: Term
  /** Memberships: who joined twice counts twice. */
  readonly members: number
  readonly localMembers: number
  /** Nodes that members run on. */
  readonly nodes: number
  /** The first members. */
  readonly pids: ReadonlyArray<Pid>
}

/** A scope of `pg`, with its server. */
export interface GroupScope {
  readonly name: string
  readonly server: Pid | undefined
  readonly groups: number
}

export interface ProcessGroups extends Listed<ProcessGroup> {
  readonly _tag: "ProcessGroups"
  /** All scopes that run on the node. */
  readonly scopes: ReadonlyArray<GroupScope>
}

/** None of the names is that of a scope. */
export interface NoScope {
  readonly _tag: "NoScope"
  readonly scopes: ReadonlyArray<GroupScope>
}

export interface GroupQuery extends Pick<ListQuery, "after" | "deadlineMillis" | "limit"> {
  readonly sort: GroupKey
  /** Names that are tried one after the other. All scopes where absent. */
  readonly scope: ReadonlyArray<string> | undefined
  /** Finds something in the name of a group as text. */
  readonly pattern: string | undefined
}

/** Process groups, as the tables of `pg` have them: no process is asked. */
export const processGroups = (
  node: ErlangNode,
  { pattern, scope, ...query }: GroupQuery
): Effect.Effect<ProcessGroups | NoScope, CallError> =>
  askAgent(
    node,
    "beamscope_registries:groups",
    questionOf({
      ...query,
      order: query.sort === "name" ? "ascending" : "descending",
      filters: { pattern, scope: scope && list(scope.map(binary)) }
    }),
    (answer) => {
      const scopes = (listItems(answer.atomKey("scopes")) ?? []).flatMap(readScope)
      if (answer.atomKey("rows") === undefined) return { _tag: "NoScope", scopes } as const
      const listed = readListed(answer, readGroup)
      return listed && ({ _tag: "ProcessGroups", scopes, ...listed } as const)
    },
    { maxHeapWords }
  )

const readScope = (scope: Term): ReadonlyArray<GroupScope> => {
  if (!(scope instanceof MapTerm)) return []
  const [name, server] = [scope.atomKey("scope"), scope.atomKey("pid")]
  if (!(name instanceof Atom)) return []
  return [
    {
      name: name.text,
      server: server instanceof Pid ? server : undefined,
      groups: readCount(scope.atomKey("groups")) ?? 0
    }
  ]
}

const readGroup = (row: MapTerm): ProcessGroup | undefined => {
  const [scope, group] = [row.atomKey("scope"), row.atomKey("group")]
  const [members, localMembers, nodes] = ["members", "local", "nodes"].map((key) => readCount(row.atomKey(key)))
  if (!(scope instanceof Atom) || group === undefined) return undefined
  if (members === undefined || localMembers === undefined || nodes === undefined) return undefined
  const pids = (listItems(row.atomKey("pids")) ?? []).filter((pid) => pid instanceof Pid)
  return { scope: scope.text, group, members, localMembers, nodes, pids }
}
