import { Effect, Schema } from "effect"
import { type Allocator, allocators, allocatorSorts } from "../../beam/Allocators.ts"
import { type Memory, type MemorySnapshot, memorySnapshot } from "../../beam/Memory.ts"
import { visible } from "../../syntax/Escape.ts"
import { namePart } from "../AtomName.ts"
import {
  cursor,
  FilterText,
  isFiltering,
  ledBy,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  noneOf,
  ofItsMoment,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { amount, bytes, percent } from "../Quantity.ts"
import * as Tool from "../Tool.ts"

const shared = { toolset: "system", access: "inspect", target: "connected" } as const

const table = "process_table"

const Count = Schema.optionalKey(Schema.Int)

/** Bytes that lie unused in carriers from which on it is worth a look which allocator has them. */
const muchUnused = 100 * 1024 * 1024

/** Percent of the carriers that may be unused before it is called fragmented. */
const mayBeUnused = 50

const getMemoryInfo = Tool.make({
  ...shared,
  cost: "cheap",
  name: "get_memory_info",
  title: "Memory of a node",
  description:
    "What the node has allocated memory for, what its allocators hold of the operating system, and what is resident (Linux): one snapshot.",
  input: {},
  output: {
    total_bytes: Count,
    areas: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          area: Schema.String,
          bytes: Schema.Int,
          percent: Schema.Finite,
          used_bytes: Count
        })
      )
    ),
    carriers_bytes: Count,
    carriers_used_bytes: Count,
    resident_bytes: Count,
    peak_resident_bytes: Count,
    swapped_bytes: Count
  },
  run: Effect.fnUntraced(function* (_input, node) {
    const snapshot = yield* memorySnapshot(node)
    const { carriers, memory, os } = snapshot
    const ranked = memory && rankedAreas(memory)
    const [first, second] = ranked ?? []
    const unused = carriers === undefined ? 0 : carriers.carriersBytes - carriers.blocksBytes
    return {
      summary:
        memory === undefined
          ? `What is allocated is not known.${gap(snapshot)}`
          : `${bytes(memory.total)} allocated, most of it for ${first!.area} (${first!.percent} %) and ${second!.area} (${second!.percent} %).${gap(snapshot)}`,
      complete: os !== undefined && memory !== undefined,
      notes: [
        ...(memory === undefined
          ? [
              "The emulator was started with allocators switched off (+M flags, such as +Mea min), so that it does not count what is allocated, and what they hold is not among the carriers."
            ]
          : []),
        ...(memory !== undefined && first!.area === table
          ? [`${table} is room for ${amount(memory.processLimit, "process", "processes")}, as many as +P allows for.`]
          : []),
        ...(os !== undefined
          ? []
          : [
              carriers === undefined
                ? "What the allocators hold and what is resident is not read without the agent (--agent none, or too few atoms left)."
                : "What is resident is unknown: the node's system has no /proc/self/status."
            ])
      ],
      data: {
        total_bytes: memory?.total,
        areas: ranked,
        carriers_bytes: carriers?.carriersBytes,
        carriers_used_bytes: carriers?.blocksBytes,
        resident_bytes: os?.resident,
        peak_resident_bytes: os?.peakResident,
        swapped_bytes: os?.swapped
      },
      hints: [
        first?.area === "processes" ? 'top_processes {"sort_by": "memory"}' : "get_system_info",
        ...(unused > muchUnused ? ["get_allocator_info"] : [])
      ]
    }
  })
})

/** What memory is allocated for, the most first. */
const rankedAreas = (memory: Memory) => {
  const { atom, atomUsed, binary, code, ets, processes, processesUsed, processTable, system: whole, total } = memory
  const area = (name: string, size: number, used?: number) => ({
    area: name,
    bytes: size,
    percent: percent(size, total),
    used_bytes: used
  })
  return [
    area("processes", processes, processesUsed),
    area(table, processTable),
    area("binary", binary),
    area("ets", ets),
    area("code", code),
    area("atom", atom, atomUsed),
    area("other_system", Math.max(0, whole - atom - binary - code - ets))
  ].toSorted((a, b) => b.bytes - a.bytes)
}

/** What lies between what is allocated and what the operating system counts. */
const gap = ({ carriers, os }: MemorySnapshot): string => {
  if (carriers === undefined) return ""
  const { blocksBytes, carriersBytes } = carriers
  const held = `${bytes(carriersBytes)} in the allocators' carriers, of which ${bytes(carriersBytes - blocksBytes)} lie unused`
  if (os === undefined) return ` It holds ${held}.`
  const outside = os.resident - carriersBytes
  return outside >= 0
    ? ` ${bytes(os.resident)} are resident: ${held}, and ${bytes(outside)} outside of them (the program, libraries, machine code, stacks of threads, what NIFs allocate).`
    : ` ${bytes(os.resident)} are resident, less than the ${held}: pages that were never touched, or are swapped out.`
}

const Allocated = Schema.Struct({
  allocator: Schema.String,
  carriers_bytes: Schema.Int,
  used_bytes: Schema.Int,
  used_percent: Schema.optionalKey(Schema.Finite),
  carriers: Schema.Int,
  single_block_carriers: Schema.Int,
  single_block_bytes: Schema.Int,
  pool_bytes: Count,
  instances: Schema.Int
})

const sums = (it: Allocator) => {
  const all = [it.multi, it.pool, it.single]
  return {
    it,
    carriers: all.reduce((sum, part) => sum + part.carriersBytes, 0),
    used: all.reduce((sum, part) => sum + part.blocksBytes, 0),
    count: all.reduce((sum, part) => sum + part.carriers, 0)
  }
}

/** A part of a whole in percent; none of nothing. */
const share = (part: number, whole: number): number | undefined => (whole === 0 ? undefined : percent(part, whole))

const getAllocatorInfo = Tool.make({
  ...shared,
  cost: "moderate",
  name: "get_allocator_info",
  title: "Allocators of a node",
  description:
    "What each allocator of the emulator holds of the operating system (carriers), and how much of that is used: shows fragmentation.",
  input: {
    sort_by: sortBy(allocatorSorts, "unused"),
    filter: Schema.optionalKey(Schema.Struct({ name: Schema.optionalKey(FilterText) })),
    limit: limitUpTo(50, 20),
    cursor
  },
  output: {
    carriers_bytes: Schema.Int,
    used_bytes: Schema.Int,
    used_percent: Schema.optionalKey(Schema.Finite),
    ...listOutput,
    allocators: Schema.optionalKey(Schema.Array(Allocated))
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, sort_by: sort }, node, after) {
    const read = yield* allocators(node, {
      ...(yield* listBounds(limit, after)),
      sort,
      name: filter.name && namePart(filter.name)
    })
    const { blocksBytes: used, carriersBytes: held, matched, total } = read
    const rows = read.rows.map(({ row }) => sums(row))
    const [first] = rows
    const leading = ledBy(
      first &&
        `${visible(first.it.name)} with ${bytes(first.carriers - first.used)} unused of ${bytes(first.carriers)}`,
      after
    )
    const fragmented = rows.filter(
      (it) => it.carriers - it.used > muchUnused && percent(it.used, it.carriers) < 100 - mayBeUnused
    )
    return {
      summary: (shown: number) =>
        `${bytes(held)} in carriers, ${share(used, held) ?? 0} % of it used. ${
          first === undefined
            ? noneOf(read, isFiltering(filter), "allocator")
            : `${shownOf(shown, matched, "allocator")} by ${sort}${leading}.`
        }`,
      notes: [
        ...ofItsMoment(after, sort, "allocator", ["name"]),
        ...fragmented.map(
          ({ carriers, it, used: inUse }) =>
            `${visible(it.name)} is fragmented or has had much more to hold: only ${percent(inUse, carriers)} % of ${bytes(carriers)} are used. Carriers go back to the operating system when they are empty.`
        )
      ],
      data: {
        carriers_bytes: held,
        used_bytes: used,
        used_percent: share(used, held),
        total,
        matched,
        allocators: rows.map(({ carriers, count, it, used: inUse }) => ({
          allocator: visible(it.name),
          carriers_bytes: carriers,
          used_bytes: inUse,
          used_percent: share(inUse, carriers),
          carriers: count,
          single_block_carriers: it.single.carriers,
          single_block_bytes: it.single.carriersBytes,
          pool_bytes: it.pool.carriersBytes === 0 ? undefined : it.pool.carriersBytes,
          instances: it.instances
        }))
      },
      page: pageOf("allocators", read),
      hints: ["get_memory_info"]
    }
  })
})

export const systemMemoryTools: ReadonlyArray<Tool.Tool> = [getMemoryInfo, getAllocatorInfo]
