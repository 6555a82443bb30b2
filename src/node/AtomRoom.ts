import { Effect } from "effect"
import { atom, ExternalFun, list, listItems, type Term } from "../etf/Term.ts"
import type { Call, CallOptions } from "./Call.ts"
import { CallError, type MakerOfAtoms } from "./CallError.ts"

/**
 * A node whose atom table is full crashes, and no atom is ever taken back: what may make atoms there is not sent where
 * the room that is left is not many times what it may take.
 *
 * Measured on fresh nodes of OTP 23, 25, 27 and 29 (`system_info(atom_count)` before and after): the handshake 417 to
 * 588 (930 where nothing but the boot has run), of the modules that OTP loads for it, and before anything can be asked;
 * then the first question 1 to 13 (`erpc` on OTP 23), what is asked when joining 1 to 4, {@link plainAtoms} 10; joining
 * again none. The first function of the agent 165 to 260, all of them 840 to 950 interpreted and 1,700 loaded, of these
 * 300 to 350 the names of allocators, which `erlang:memory/0` makes too.
 */
const atomsOf: Readonly<Record<MakerOfAtoms, number>> = {
  /** What is asked and told of a node when it is joined: four times what that takes. */
  joining: 64,
  /** A link beside the one that there is. */
  second_link: 64,
  /** `erlang:memory/0`. */
  memory: 1_024,
  /** A function of the agent, with all others that may run at the same time. */
  agent: 4_096,
  /** One that reads what modules keep packed: the atoms of their attributes are made each time that is new. */
  modules: 16_384
}

/** How many atoms a node has and can have. OTP rounds what `+t` asks for up: there may be more than it says. */
export interface AtomRoom {
  readonly count: number
  readonly limit: number
}

/** The items that a node tells its {@link AtomRoom} by. */
export const roomItems: ReadonlyArray<Term> = [atom("atom_count"), atom("atom_limit")]

/** `undefined` where these are no numbers. */
export const readRoom = (count: Term | undefined, limit: Term | undefined): AtomRoom | undefined =>
  typeof count === "number" && typeof limit === "number" ? { count, limit } : undefined

/** Fails where there is too little room for it. Where the room is not known, that is no reason. */
export const ensureRoom = (
  node: string,
  target: string,
  room: AtomRoom | undefined,
  maker: MakerOfAtoms
): Effect.Effect<void, CallError> => {
  if (room === undefined || room.limit - room.count >= atomsOf[maker]) return Effect.void
  const { count, limit } = room
  const reason = {
    _tag: "AtomsScarce",
    left: Math.max(0, limit - count),
    limit,
    needed: atomsOf[maker],
    maker
  } as const
  return Effect.fail(new CallError({ node, target, reason }))
}

const systemInfo = new ExternalFun(atom("erlang"), atom("system_info"), 1)

/** A node's limits: one call, constant in cost. */
export const askRoom = (
  call: Call,
  options?: CallOptions
): Effect.Effect<{ readonly atoms: AtomRoom | undefined; readonly processLimit: number | undefined }, CallError> =>
  Effect.map(call("lists", "map", [systemInfo, list([...roomItems, atom("process_limit")])], options), (answer) => {
    const [count, limit, processLimit] = listItems(answer) ?? []
    return {
      atoms: readRoom(count, limit),
      processLimit: typeof processLimit === "number" ? processLimit : undefined
    }
  })

/**
 * The names that plain calls ask by and that a node need not have: told to it when it is joined, so that none of them
 * makes an atom later, however little room there is then.
 */
const plainAtoms = [
  ["run_queue_lengths", "total_run_queue_lengths_all", "schedulers_online", "process_count", "process_limit"],
  ["port_count", "port_limit", "ets_count", "schedulers", "dirty_cpu_schedulers", "dirty_cpu_schedulers_online"],
  ["dirty_io_schedulers", "start_time", "system_architecture", "logical_processors_available"],
  ["emu_args", "scheduler_bind_type", "multi_scheduling", "dist_buf_busy_limit", "label", "parent", "async_dist"],
  ["priority_messages", "$initial_call", "$ancestors", "$callers"],
  // What they answer by.
  ["emu_flavor", "jit", "emu", "minor_gcs"]
].flat()

/** Tells a node the names that it will be asked by. */
export const tellNames = (call: Call, options?: CallOptions): Effect.Effect<void, CallError> =>
  Effect.asVoid(call("erlang", "length", [list(plainAtoms.map(atom))], options))
