import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { EventEmitter } from "node:events"
import type { ChildProcess } from "node:child_process"
import { vi } from "vitest"
import { fromSettings } from "../../../src/config/Config.ts"
import * as ConfiguredTargets from "../../../src/config/ConfiguredTargets.ts"
import { isHopeless, isTrouble } from "../../../src/node/NodeError.ts"
import { Targets } from "../../../src/node/Targets.ts"

/** How starting a command ends: thrown, or told by an event, as the operating system's codes are. */
const failing = vi.hoisted(() => ({ code: "", isThrown: false }))

vi.mock("node:child_process", () => ({
  spawn: (): ChildProcess => {
    const error = Object.assign(new Error(`spawn ${failing.code}`), { code: failing.code })
    if (failing.isThrown) throw error
    const child = new EventEmitter() as ChildProcess
    setImmediate(() => child.emit("error", error))
    return child
  }
}))

const whyNot = Effect.gen(function* () {
  const config = yield* fromSettings(
    { nodes: [{ name: "a@x", tunnel: ["ssh", "-L", "{port}:x:9100"] }] },
    {
      RELEASE_COOKIE: "c"
    }
  )
  const { resolve } = yield* Effect.provide(Targets, ConfiguredTargets.layer(config))
  return yield* Effect.flip(resolve("a@x", { timeoutMillis: 5_000 }))
}).pipe(Effect.scoped)

describe("a tunnel whose command cannot be started", () => {
  it.live.each([
    ["EMFILE", true],
    ["ENFILE", true],
    ["EAGAIN", false]
  ] as const)(
    "for want of something here is a matter of this machine, passes, and is no trouble: %s",
    ([code, isThrown]) =>
      Effect.gen(function* () {
        Object.assign(failing, { code, isThrown })
        const why = yield* whyNot
        expect([isTrouble(why), isHopeless(why)]).toEqual([false, false])
        expect(why.message).toContain(`could not be started (${code})`)
        expect(why.message).toContain("a matter of this machine")
      })
  )

  it.live("for another reason is a matter of its entry", () =>
    Effect.gen(function* () {
      Object.assign(failing, { code: "ENOENT", isThrown: false })
      const why = yield* whyNot
      expect([isTrouble(why), isHopeless(why)]).toEqual([false, true])
      expect(why.message).not.toContain("this machine")
    })
  )
})
