import type { Effect } from "effect"
import { Atom, atom, binary, isAtom, isTuple, list, listItems, MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent, askList, type Listed, type ListQuery, questionOf, readListed } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

/** `elixir`: a `Registry` of Elixir. `syn`: a scope of syn; before syn 3 there is one for all names. */
export const registryKinds = ["elixir", "global", "gproc", "syn"] as const
export type RegistryKind = (typeof registryKinds)[number]

export interface Registry {
  readonly kind: RegistryKind
  readonly name: string
  /** `unique`, `duplicate`, `{duplicate, key}`; `mixed` where a key says so itself. */
  readonly keys: Term
  readonly partitions: number | undefined
  /** Names of processes that are told who registers. */
  readonly listeners: ReadonlyArray<string>
  /** Its supervisor or server, where it has a name. */
  readonly pid: Pid | undefined
  /** Registrations. */
  readonly entries: number
  /** Of its tables. */
  readonly memoryBytes: number
}

/** By what registries can be ranked, and keys but for `memory`: names ascend, figures descend. */
export type RegistryKey = "entries" | "memory" | "name"

type Bounds = Pick<ListQuery, "after" | "deadlineMillis" | "limit">

/** The registries of a node, as their tables have them: no process is asked. */
export const registries = (
  node: ErlangNode,
  { name, ...query }: Bounds & { readonly sort: RegistryKey; readonly name: string | undefined }
): Effect.Effect<Listed<Registry>, CallError> =>
  askList(
    node,
    "beamscope_registries:registries",
    { ...query, order: query.sort === "name" ? "ascending" : "descending", filters: { name } },
    readRegistry
  )

/** A key under which processes are registered. */
export interface RegistryEntry {
  readonly registry: string
  /** Cut where it is large. */
  readonly key: Term
  /** Registrations: who registered twice counts twice. */
  readonly count: number
  /** The first of them. */
  readonly pids: ReadonlyArray<Pid>
  /** What stands beside the pid, cut where it is large: of an Elixir registry with unique keys. */
  readonly value: Term | undefined
  /** There is a value, which is too large to be copied, or may be where its table is that large. */
  readonly isUnread: boolean
}

export interface RegistryEntries extends Listed<RegistryEntry> {
  readonly _tag: "RegistryEntries"
  /** The registries that were read. */
  readonly sources: ReadonlyArray<RegistrySource>
}

/** A registry that was read, with its adapter where Phoenix.PubSub keeps its topics in it. */
export interface RegistrySource extends Registry {
  readonly adapter: string | undefined
}

/** There is no such registry. */
export interface NoRegistry {
  readonly _tag: "NoRegistry"
  /** Those that there are. */
  readonly names: ReadonlyArray<string>
}

export interface EntriesQuery extends Bounds {
  readonly sort: "entries" | "name"
  /** Of names, the first that there is; without names every one. `pubsub`: what Phoenix.PubSub keeps its topics in. */
  readonly from:
    | { readonly kind: RegistryKind; readonly names: ReadonlyArray<string> }
    | { readonly kind: "pubsub"; readonly names: ReadonlyArray<string> | undefined }
  /** Finds something in the key as text. */
  readonly pattern: string | undefined
}

const texts = (names: ReadonlyArray<string>): Term => list(names.map(binary))

/** Words of heap. The agent reads a hundred thousand entries at most, which take 16 Mi to count while they are sorted. */
export const maxHeapWords = 24 * 1024 * 1024

/** The keys of a registry with their processes, read from its tables. */
export const registryEntries = (
  node: ErlangNode,
  { from, pattern, ...query }: EntriesQuery
): Effect.Effect<RegistryEntries | NoRegistry, CallError> =>
  askAgent(
    node,
    "beamscope_registries:entries",
    questionOf({
      ...query,
      order: query.sort === "name" ? "ascending" : "descending",
      filters: {
        pattern,
        ...(from.kind === "pubsub"
          ? { from: atom("pubsub"), pubsub: from.names && texts(from.names) }
          : { from: [atom(from.kind), texts(from.names)] })
      }
    }),
    (answer) => {
      const absent = listItems(answer.atomKey("absent"))
      if (absent !== undefined) return { _tag: "NoRegistry", names: atomTexts(absent) } as const
      const listed = readListed(answer, readEntry)
      const sources = (listItems(answer.atomKey("sources")) ?? []).flatMap(readSource)
      return listed && ({ _tag: "RegistryEntries", sources, ...listed } as const)
    },
    { maxHeapWords }
  )

const atomTexts = (terms: ReadonlyArray<Term>): ReadonlyArray<string> =>
  terms.flatMap((term) => (term instanceof Atom ? [term.text] : []))

const readKind = (term: Term | undefined): RegistryKind | undefined =>
  term instanceof Atom ? registryKinds.find((kind) => kind === term.text) : undefined

const readRegistry = (row: MapTerm): Registry | undefined => {
  const [kind, name, keys, pid] = [
    readKind(row.atomKey("kind")),
    row.atomKey("name"),
    row.atomKey("keys"),
    row.atomKey("pid")
  ]
  const [entries, memoryBytes] = [readCount(row.atomKey("entries")), readCount(row.atomKey("memory"))]
  if (kind === undefined || !(name instanceof Atom) || keys === undefined) return undefined
  if (entries === undefined || memoryBytes === undefined) return undefined
  return {
    kind,
    name: name.text,
    keys,
    partitions: readCount(row.atomKey("partitions")),
    listeners: atomTexts(listItems(row.atomKey("listeners")) ?? []),
    pid: pid instanceof Pid ? pid : undefined,
    entries,
    memoryBytes
  }
}

const readSource = (source: Term): ReadonlyArray<RegistrySource> => {
  const registry = source instanceof MapTerm ? readRegistry(source) : undefined
  if (registry === undefined) return []
  const [meta] = listItems((source as MapTerm).atomKey("pubsub")) ?? []
  return [{ ...registry, adapter: isTuple(meta) && meta[0] instanceof Atom ? meta[0].text : undefined }]
}

const readEntry = (row: MapTerm): RegistryEntry | undefined => {
  const [registry, key, count] = [row.atomKey("registry"), row.atomKey("key"), readCount(row.atomKey("count"))]
  if (!(registry instanceof Atom) || key === undefined || count === undefined) return undefined
  const pids = (listItems(row.atomKey("pids")) ?? []).filter((pid) => pid instanceof Pid)
  return {
    registry: registry.text,
    key,
    count,
    pids,
    value: row.atomKey("value"),
    isUnread: isAtom(row.atomKey("unread"), "true")
  }
}
