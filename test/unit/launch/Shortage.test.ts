import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { vi } from "vitest"
import { isShortage, type LaunchReason } from "../../../src/launch/LaunchError.ts"
import { open } from "../../../src/launch/Tunnel.ts"

const short = (what: string, code = "EMFILE") => Object.assign(new Error(`${what} ${code}`), { code })

/** What is had of the system before it is short of something. */
const had = vi.hoisted(() => ({ ports: 0, connections: Infinity, code: "EMFILE" }))

vi.mock("../../../src/launch/Enclave.ts", () => ({
  freePort: () => (had.ports-- > 0 ? Promise.resolve(1) : Promise.reject(short("listen")))
}))

vi.mock("node:net", async (importOriginal) => {
  const net = await importOriginal<typeof import("node:net")>()
  const connect = (options: { readonly port: number; readonly host: string }) =>
    had.connections-- > 0 ? net.connect(options) : new net.Socket().destroy(short("connect", had.code))
  return { ...net, connect }
})

const tunnel = { to: "a node", commandOf: () => ["sleep", "60"], clean: (text: string) => text }

describe("what a machine is short of", () => {
  it.live("is why a tunnel cannot be opened, and no bug", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(open({ ...tunnel, timeoutMillis: 1_000 })))
      expect(error).toMatchObject({ reason: { _tag: "NoPort", code: "EMFILE" } })
      expect(isShortage(error.reason)).toBe(true)
      expect(error.message).toContain("(EMFILE). Close what is open here")
    })
  )

  it.live.each([
    ["EMFILE, before its command is started", 0, "EMFILE"],
    ["EMFILE, while its port is looked at", 1, "EMFILE"],
    ["no port left, while its port is looked at", 1, "EADDRNOTAVAIL"]
  ] as const)(
    "is why a tunnel cannot be opened, and not that its command does not listen: %s",
    ([, connections, code]) =>
      Effect.gen(function* () {
        Object.assign(had, { ports: 1, connections, code })
        const error = yield* Effect.flip(Effect.scoped(open({ ...tunnel, timeoutMillis: 2_000 })))
        expect(error).toMatchObject({ reason: { _tag: "NoPort", code } })
        expect(error.message).toContain(`no connection to it (${code})`)
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
