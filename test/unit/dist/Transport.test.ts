import { afterEach, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import dns from "node:dns/promises"
import { syncBuiltinESMExports } from "node:module"
import { getDefaultAutoSelectFamilyAttemptTimeout, setDefaultAutoSelectFamilyAttemptTimeout, Socket } from "node:net"
import { vi } from "vitest"
import { DistError } from "../../../src/dist/DistError.ts"
import { HeldUp, Resolver } from "../../../src/dist/Resolver.ts"
import { dialReason, Transport } from "../../../src/dist/Transport.ts"
import { closedPort, serve } from "../../support/FakePeer.ts"

const patience = getDefaultAutoSelectFamilyAttemptTimeout()

afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
  setDefaultAutoSelectFamilyAttemptTimeout(patience)
})

/** Keeps this process from seeing anything for so long, as if it were on its way. */
const hold = (millis: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis)

/** Does something when whoever waits for a promise has gone on, and the network has not been looked at since. */
const afterPromises = async (then: () => void) => {
  for (let turns = 0; turns < 100; turns++) await Promise.resolve()
  then()
}

it.live("an address of several that is far away is not given up after a moment", () =>
  Effect.gen(function* () {
    const port = yield* serve(() => {})
    const addresses = [
      { address: "127.0.0.1", family: 4 },
      { address: "::1", family: 6 }
    ]
    vi.spyOn(dns, "lookup").mockImplementation((() => {
      // For longer than Node.js itself waits for one of several.
      void afterPromises(() => hold(300))
      return Promise.resolve(addresses)
    }) as unknown as typeof dns.lookup)
    syncBuiltinESMExports()
    setDefaultAutoSelectFamilyAttemptTimeout(10)
    const { dial } = yield* Transport
    const stream = yield* dial({ host: "far.example", port }, 30_000)
    expect(stream).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: port })
  })
)

it.live("a host of several addresses that are refused, or cannot be tried from here, is one that refuses", () =>
  Effect.gen(function* () {
    const port = yield* closedPort
    vi.spyOn(dns, "lookup").mockImplementation((() =>
      Promise.resolve([
        // Of a network that is for documents alone: nobody has an address, or a way, to reach it from.
        { address: "2001:db8::1", family: 6 },
        { address: "127.0.0.1", family: 4 }
      ])) as unknown as typeof dns.lookup)
    syncBuiltinESMExports()
    const { dial } = yield* Transport
    expect(yield* Effect.flip(dial({ host: "two.example", port }, 3_000))).toEqual({
      _tag: "DialError",
      code: "ECONNREFUSED",
      address: "127.0.0.1"
    })
  })
)

it.live(
  "a host whose name server is silent is looked up once, however often it is dialled, and whoever else asks",
  () =>
    Effect.gen(function* () {
      const asked = vi.spyOn(dns, "lookup").mockImplementation((() => new Promise(() => {})) as typeof dns.lookup)
      syncBuiltinESMExports()
      const { dial } = yield* Transport
      for (const _ of [1, 2, 3]) {
        const error = yield* Effect.flip(dial({ host: "silent.example", port: 4369 }, 10))
        expect(error.code).toBe("ETIMEOUT")
        const { addresses } = yield* Resolver
        expect((yield* Effect.flip(addresses("silent.example", 10))).code).toBe("TIMEOUT")
      }
      expect(asked).toHaveBeenCalledTimes(1)
      yield* Effect.flip(dial({ host: "other.example", port: 4369 }, 10))
      expect(asked).toHaveBeenCalledTimes(2)
    })
)

it.live("a host that others keep from being looked up is told so, and this machine's own name needs no look-up", () =>
  Effect.gen(function* () {
    const asked = vi.spyOn(dns, "lookup").mockRejectedValue(new HeldUp(["silent.example"]))
    syncBuiltinESMExports()
    const { dial } = yield* Transport
    const to = { host: "held.example", port: 4369 }
    const error = yield* Effect.flip(dial(to, 3_000))
    expect(error).toEqual({ _tag: "DialError", code: "EHELDUP", heldUpBy: ["silent.example"] })
    const refused = { _tag: "EpmdRefused", ...to } as const
    const reason = dialReason(to, error, { phase: "epmd", millis: 3_000, what: "EPMD", refused, cut: refused })
    expect(new DistError({ node: "a@held.example", reason }).message).toBe(
      "the host 'held.example', through which the way to a@held.example leads, was not looked up: the name service gives no answer for silent.example, and no more hosts are asked for at a time. Try again; if it stays so, look at the name servers of this machine."
    )
    const { addresses } = yield* Resolver
    expect(yield* addresses("LocalHost", 3_000)).toEqual(["127.0.0.1", "::1"])
    const port = yield* serve(() => {})
    expect(yield* dial({ host: "localhost", port }, 3_000)).toMatchObject({ remotePort: port })
    expect(asked).toHaveBeenCalledTimes(1)
  })
)

it.live("a connection that takes too long is told from a name service that does", () =>
  Effect.gen(function* () {
    const port = yield* serve(() => {})
    vi.spyOn(dns, "lookup").mockImplementation(
      (() =>
        new Promise((resolve) => {
          // Timers are next to be looked at then, and the network is after them.
          setImmediate(() => {
            resolve([{ address: "127.0.0.1", family: 4 }])
            void afterPromises(() => hold(100))
          })
        })) as unknown as typeof dns.lookup
    )
    syncBuiltinESMExports()
    const { dial } = yield* Transport
    expect((yield* Effect.flip(dial({ host: "slow.example", port }, 50))).code).toBe("TIMEOUT")
  })
)

it.live.each([{ host: "127.0.0.1", port: 1 }, { host: "::1", port: 1 }, { path: "/nowhere" }])(
  "what needs no name service never waits for one: %j",
  (to) =>
    Effect.gen(function* () {
      vi.spyOn(Socket.prototype, "connect").mockReturnThis()
      const { dial } = yield* Transport
      expect((yield* Effect.flip(dial(to, 10))).code).toBe("TIMEOUT")
    })
)

it.live("what is written leaves at once, however small", () =>
  Effect.gen(function* () {
    const port = yield* serve(() => {})
    const setNoDelay = vi.spyOn(Socket.prototype, "setNoDelay")
    const { dial } = yield* Transport
    const stream = yield* dial({ host: "127.0.0.1", port }, 30_000)
    expect(setNoDelay.mock.contexts.at(-1)).toBe(stream)
    expect(setNoDelay).toHaveBeenLastCalledWith(true)
  })
)
