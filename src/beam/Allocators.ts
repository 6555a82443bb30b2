import type { Effect } from "effect"
import { Atom, listItems, map, MapTerm, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent } from "./Listing.ts"
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

/** `erlang:system_info({allocator, Name})` of each, summed on the node: some milliseconds, and nothing is stopped. */
export const allocators = (node: ErlangNode): Effect.Effect<ReadonlyArray<Allocator>, CallError> =>
  askAgent(node, "beamscope_memory:allocators", map([]), (answer) => {
    const read = listItems(answer.atomKey("allocators"))?.map(readAllocator)
    return read?.every((it) => it !== undefined) ? read : undefined
  })

const readAllocator = (term: Term): Allocator | undefined => {
  if (!(term instanceof MapTerm)) return undefined
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
