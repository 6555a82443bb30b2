import { Effect } from "effect"
import { Atom, atom, Binary, isAtom, isTuple, listItems, map, type MapTerm, nil, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { withoutAgent } from "../node/WithoutAgent.ts"
import { askAgent } from "./Listing.ts"
import { type OsMemory, readOsMemory } from "./OsProcess.ts"
import { readCount } from "./ProcessRow.ts"
import { mapOver, readReply, unreadable } from "./Reply.ts"

/**
 * Bytes that the emulator has allocated, by what for: one consistent snapshot. `total` is `processes`, `processTable`
 * and `system`; `atom`, `binary`, `code` and `ets` are parts of `system`. The `…Used` ones are parts of theirs.
 */
export interface Memory {
  readonly total: number
  /** What the processes that there are take, without the table that they stand in. */
  readonly processes: number
  readonly processesUsed: number
  /** Room for as many processes as there can be; OTP counts it as memory of processes. */
  readonly processTable: number
  /** Processes that there can be, what `+P` asks for rounded up. */
  readonly processLimit: number
  readonly system: number
  readonly atom: number
  readonly atomUsed: number
  readonly binary: number
  readonly code: number
  readonly ets: number
}

/** What the allocators have taken from the operating system, in carriers, and how much of it is in use, in blocks. */
export interface Carriers {
  readonly carriersBytes: number
  readonly blocksBytes: number
}

/** All counts of a node's memory, as close to one moment as can be. */
export interface MemorySnapshot {
  /** `undefined` where the emulator does not count, since an allocator is switched off (`+Mea min`). */
  readonly memory: Memory | undefined
  /** `undefined` where there is no agent to ask. */
  readonly carriers: Carriers | undefined
  /** `undefined` where there is no agent to ask, or no `/proc`. */
  readonly os: OsMemory | undefined
}

type Areas = Omit<Memory, "processTable" | "processLimit">

/**
 * `erlang:memory/0`, the allocators and the operating system. Constant in cost: 0.14 ms on a node with 100,000
 * processes for the first alone, some milliseconds in all.
 */
export const memorySnapshot = Effect.fnUntraced(function* (
  node: ErlangNode
): Effect.fn.Return<MemorySnapshot, CallError> {
  const [{ areas, ...rest }, [limit]] = yield* Effect.all(
    [
      askAgent(node, "beamscope_memory:snapshot", map([]), readSnapshot).pipe(withoutAgent(() => plainSnapshot(node))),
      mapOver(node, "system_info", [atom("process_limit")])
    ],
    { concurrency: "unbounded" }
  )
  const processLimit = readCount(limit)
  if (processLimit === undefined) return yield* unreadable(node, "erlang:system_info(process_limit)")
  if (areas === undefined) return { ...rest, memory: undefined }
  const processTable = Math.min(processLimit * slotBytes(node.capabilities.wordBytes), areas.processesUsed)
  return {
    ...rest,
    memory: {
      ...areas,
      processes: areas.processes - processTable,
      processesUsed: areas.processesUsed - processTable,
      processTable,
      processLimit
    }
  }
})

interface Snapshot extends Omit<MemorySnapshot, "memory"> {
  readonly areas: Areas | undefined
}

const plainSnapshot = (node: ErlangNode): Effect.Effect<Snapshot, CallError> =>
  Effect.map(
    Effect.flatMap(node.call("erlang", "memory", []), readReply(node, "erlang:memory/0", readMemory)),
    (areas): Snapshot => ({ areas, carriers: undefined, os: undefined })
  ).pipe(
    Effect.catchReason("CallError", "Raised", ({ reason }, error) =>
      isAtom(reason, "notsup")
        ? Effect.succeed<Snapshot>({ areas: undefined, carriers: undefined, os: undefined })
        : Effect.fail(error)
    )
  )

const readSnapshot = (answer: MapTerm): Snapshot | undefined => {
  const told = answer.atomKey("memory") ?? nil
  const isCounted = !isAtom(told, "undefined")
  const areas = isCounted ? readMemory(told) : undefined
  const carriersBytes = readCount(answer.atomKey("carriers_bytes"))
  const blocksBytes = readCount(answer.atomKey("blocks_bytes"))
  if ((isCounted && areas === undefined) || carriersBytes === undefined || blocksBytes === undefined) return undefined
  const status = answer.atomKey("status")
  return {
    areas,
    carriers: { carriersBytes, blocksBytes },
    os: status instanceof Binary ? readOsMemory(status.text()) : undefined
  }
}

/**
 * A pointer and a free pid, made at the start for each process that there can be: `erts_ptab_mem_size` in
 * `erl_ptab.c`. Measured on OTP 23 to 29: 50 MB with `+P 4000000`. (`+P legacy` has no free pids, a third less.)
 */
const slotBytes = (wordBytes: number): number => wordBytes + 4

const readMemory = (reply: Term): Areas | undefined => {
  const areas = new Map<string, number>()
  for (const pair of listItems(reply) ?? []) {
    if (!isTuple(pair) || !(pair[0] instanceof Atom)) continue
    const [{ text }, size] = pair
    // OTP 23 may be 2^64 too high: seen of `system` with 95,000 processes.
    if (typeof size === "bigint") areas.set(text, Number(BigInt.asUintN(64, size)))
    else if (typeof size === "number") areas.set(text, size)
  }
  const read = {
    total: areas.get("total"),
    processes: areas.get("processes"),
    processesUsed: areas.get("processes_used"),
    system: areas.get("system"),
    atom: areas.get("atom"),
    atomUsed: areas.get("atom_used"),
    binary: areas.get("binary"),
    code: areas.get("code"),
    ets: areas.get("ets")
  }
  return Object.values(read).includes(undefined) ? undefined : (read as { [Area in keyof typeof read]: number })
}
