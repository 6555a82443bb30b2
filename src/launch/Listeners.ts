import { Effect } from "effect"
import { readFile } from "node:fs/promises"

/**
 * Addresses at which somebody takes connections to 127.0.0.1, as Linux writes them in `/proc/net/tcp` and `tcp6`: that
 * one and any, in the order of the machine's bytes.
 */
const addresses: ReadonlySet<string> = new Set([
  "0100007F",
  "7F000001",
  "00000000",
  "0000000000000000FFFF00000100007F",
  "00000000000000000000FFFF7F000001",
  "0".repeat(32)
])

/** The state of a socket that listens. */
const listening = "0A"

/** Users who listen there, by a table of sockets. */
const usersIn = (table: string, port: number): ReadonlyArray<number> =>
  table.split("\n").flatMap((line) => {
    const [, local = "", , state, , , , user] = line.trim().split(/\s+/u)
    const [address = "", hex = ""] = local.split(":")
    return state === listening && Number.parseInt(hex, 16) === port && addresses.has(address) ? [Number(user)] : []
  })

/**
 * The ids of the users whose programs take connections at this port of 127.0.0.1; none where the system does not tell,
 * which only Linux does.
 */
export const listeners = (port: number, folder = "/proc/net"): Effect.Effect<ReadonlyArray<number>> =>
  Effect.promise(async () => {
    const tables = await Promise.all(
      ["tcp", "tcp6"].map((file) => readFile(`${folder}/${file}`, "utf8").catch(() => ""))
    )
    return [...new Set(tables.flatMap((table) => usersIn(table, port)))]
  })
