import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Machine } from "../../../src/cluster/Machine.ts"
import { stoppedEpmd } from "../../../src/cluster/StoppedEpmd.ts"
import { bareMachine } from "../../support/FakeDiscovery.ts"
import { addProcess, folder } from "../../support/FakeProcesses.ts"

const program = "/usr/lib/erlang/erts-15.0/bin/epmd"
const stopped = { state: "T" }

type Process = readonly [
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>>,
  how: Parameters<typeof addProcess>[4]
]

/** The process that is found, of these, the first of which has the number 11, for port 14369 or another. */
const found = Effect.fnUntraced(function* (given: ReadonlyArray<Process>, port = 14_369) {
  const processes = yield* folder
  addProcess(processes, "self", [])
  for (const [at, process] of given.entries()) addProcess(processes, 11 + at, ...process)
  return yield* Effect.provideService(stoppedEpmd(port), Machine, { ...bareMachine, processes })
}, Effect.scoped)

describe("an EPMD of this machine that is stopped", () => {
  it.effect("is found by the port of its flags, of its environment, or the usual one", () =>
    Effect.gen(function* () {
      const environment = { ERL_EPMD_PORT: "14369" }
      expect(yield* found([[[program, "-daemon"], environment, stopped]])).toBe(11)
      expect(yield* found([[["epmd", "-port", "14369"], { ERL_EPMD_PORT: "1" }, stopped]])).toBe(11)
      expect(yield* found([[[program, "-daemon"], {}, stopped]])).toBeUndefined()
      expect(yield* found([[[program, "-daemon"], {}, stopped]], 4_369)).toBe(11)
    })
  )

  it.effect("is none that runs, that is something else, or in another network, nor one of two", () =>
    Effect.gen(function* () {
      const environment = { ERL_EPMD_PORT: "14369" }
      expect(yield* found([[[program], environment, {}]])).toBeUndefined()
      expect(yield* found([[["/usr/bin/epmd-like"], environment, stopped]])).toBeUndefined()
      expect(yield* found([[[program], environment, { ...stopped, network: "net:[2]" }]])).toBeUndefined()
      const one: Process = [[program], environment, stopped]
      expect(yield* found([one, one])).toBeUndefined()
      expect(yield* found([[[program], environment, {}], one])).toBe(12)
    })
  )

  it.effect("is not looked for where no processes are shown", () =>
    Effect.gen(function* () {
      expect(yield* Effect.provideService(stoppedEpmd(4_369), Machine, bareMachine)).toBeUndefined()
    })
  )
})
