import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { listeners } from "../../../src/launch/Listeners.ts"

const head =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     "
const line = (local: string, state: string, user: number) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 ${String(user).padStart(5)}        0 3045254 1 00000000adfd6f74 100 0 0 10 0                   `

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "beamscope-listeners-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

describe("who takes connections at a port of this machine", () => {
  it.live("is told by the user's id, at that port and address, and only where he listens", () =>
    Effect.gen(function* () {
      const tables = yield* folder
      const tcp = [
        line("0100007F:B13D", "0A", 1000),
        line("00000000:B13D", "0A", 1001),
        line("0100007F:B13D", "01", 1002),
        line("0100007F:B13E", "0A", 1003),
        line("0200000A:B13D", "0A", 1004)
      ]
      writeFileSync(join(tables, "tcp"), `${[head, ...tcp].join("\n")}\n`)
      expect(yield* listeners(0xb13d, tables)).toEqual([1000, 1001])
      const tcp6 = [
        line(`${"0".repeat(32)}:B13D`, "0A", 1005),
        line("0000000000000000FFFF00000100007F:B13D", "0A", 1000),
        line("00000000000000000000000001000000:B13D", "0A", 1006)
      ]
      writeFileSync(join(tables, "tcp6"), `${[head, ...tcp6].join("\n")}\n`)
      expect(yield* listeners(0xb13d, tables)).toEqual([1000, 1001, 1005])
    }).pipe(Effect.scoped)
  )

  it.live("is not known where the system has no such tables", () =>
    Effect.gen(function* () {
      expect(yield* listeners(1, join(yield* folder, "none"))).toEqual([])
    }).pipe(Effect.scoped)
  )
})
