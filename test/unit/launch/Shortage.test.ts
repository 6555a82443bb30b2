import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { vi } from "vitest"
import { isShortage, type LaunchReason } from "../../../src/launch/LaunchError.ts"
import { open } from "../../../src/launch/Tunnel.ts"

vi.mock("../../../src/launch/Enclave.ts", () => ({
  freePort: () => Promise.reject(Object.assign(new Error("listen EMFILE"), { code: "EMFILE" }))
}))

describe("what a machine is short of", () => {
  it.live("is why a tunnel cannot be opened, and no bug", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.scoped(open({ to: "a node", commandOf: () => ["true"], timeoutMillis: 1_000 }))
      )
      expect(error).toMatchObject({ reason: { _tag: "NoPort", code: "EMFILE" } })
      expect(isShortage(error.reason)).toBe(true)
      expect(error.message).toContain("(EMFILE). Close what is open here")
    })
  )

  it.each([
    ["EAGAIN", true],
    ["ENOENT", false],
    ["EACCES", false]
  ])("is what kept a command from starting: %s, %s", (code, isOne) => {
    const reason: LaunchReason = { _tag: "TunnelMissing", program: "ssh", code }
    expect(isShortage(reason)).toBe(isOne)
  })
})
