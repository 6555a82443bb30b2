import type { Effect } from "effect"
import { Atom, MapTerm, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent, type Listed, type ListQuery, questionOf, readListed } from "./Listing.ts"
import type { Carriers } from "./Memory.ts"
import { readCount } from "./ProcessRow.ts"

/** Carriers of one kind. */
export interface CarrierCounts extends Carriers {
  readonly carriers: number
}

/** One of the emulator's allocators, summed over its instances (`erts_alloc(3)`). */
export interface Allocator {
  /** `binary_alloc`, `eheap_alloc`, … */
  readonly name: string
  /** One a scheduler and one for the other threads, or a single one that threads share. */
  readonly instances: number
  /** Of many blocks each. */
  readonly multi: CarrierCounts
  /** Those among them that no thread uses, for whoever needs one next; not counted in `multi`. */
  readonly pool: CarrierCounts
  /** Of a single large block each. */
  readonly single: CarrierCounts
}

/** The most unused, the largest, the most used bytes first; or by name. */
export const allocatorSorts = ["unused", "carriers", "used", "name"] as const

/** Those of a page, and what all of them hold. */
export interface Allocators extends Listed<Allocator>, Carriers {}

/** `erlang:system_info({allocator, Name})` of each, summed on the node: some milliseconds, and nothing is stopped. */
export const allocators = (
  node: ErlangNode,
  {
    name,
    ...query
  }: Pick<ListQuery, "after" | "deadlineMillis" | "limit"> & {
    readonly sort: (typeof allocatorSorts)[number]
    /** Part of the name, in any case. */
    readonly name: string | undefined
  }
): Effect.Effect<Allocators, CallError> =>
  askAgent(
    node,
    "beamscope_memory:allocators",
    questionOf({ ...query, order: query.sort === "name" ? "ascending" : "descending", filters: { name } }),
    (answer) => {
      const listed = readListed(answer, readAllocator)
      const held = readCarriers(answer)
      return listed && held && { ...listed, carriersBytes: held.carriersBytes, blocksBytes: held.blocksBytes }
    }
  )

const readAllocator = (term: MapTerm): Allocator | undefined => {
  const name = term.atomKey("name")
  const instances = readCount(term.atomKey("instances"))
  const [multi, pool, single] = ["multi", "pool", "single"].map((kind) => readCarriers(term.atomKey(kind)))
  if (!(name instanceof Atom) || instances === undefined) return undefined
  if (multi === undefined || pool === undefined || single === undefined) return undefined
  return { name: name.text, instances, multi, pool, single }
}

const readCarriers = (term: Term | undefined): CarrierCounts | undefined => {
  if (!(term instanceof MapTerm)) return undefined
  const carriersBytes = readCount(term.atomKey("carriers_bytes"))
  const blocksBytes = readCount(term.atomKey("blocks_bytes"))
  if (carriersBytes === undefined || blocksBytes === undefined) return undefined
  return { carriersBytes, blocksBytes, carriers: readCount(term.atomKey("carriers")) ?? 0 }
}
