import { afterEach, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import dns from "node:dns"
import { getDefaultAutoSelectFamilyAttemptTimeout, setDefaultAutoSelectFamilyAttemptTimeout } from "node:net"
import { nextTick } from "node:process"
import { vi } from "vitest"
import { Transport } from "../../../src/dist/Transport.ts"
import { serve } from "../../support/FakePeer.ts"

const patience = getDefaultAutoSelectFamilyAttemptTimeout()

afterEach(() => {
  vi.restoreAllMocks()
  setDefaultAutoSelectFamilyAttemptTimeout(patience)
})

/** Keeps this process from seeing anything for so long, as if it were on its way. */
const hold = (millis: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis)

it.live("an address of several that is far away is not given up after a moment", () =>
  Effect.gen(function* () {
    const port = yield* serve(() => {})
    const addresses = [
      { address: "127.0.0.1", family: 4 },
      { address: "::1", family: 6 }
    ]
    vi.spyOn(dns, "lookup").mockImplementation(((_host: string, _options: unknown, found: Function) => {
      nextTick(() => {
        found(null, addresses)
        // Once the first connection is under way.
        nextTick(() => nextTick(() => hold(100)))
      })
    }) as typeof dns.lookup)
    setDefaultAutoSelectFamilyAttemptTimeout(10)
    const { dial } = yield* Transport
    const stream = yield* dial({ host: "far.example", port }, 30_000)
    expect(stream).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: port })
  })
)
