import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import { recording, type RecordingOptions } from "../../../src/dist/Recording.ts"
import type { TlsSeen } from "../../../src/dist/Tls.ts"

const at = { host: "h", port: 1 }

const pieces = 1_024

/** The other side of a stream, which says a megabyte as it is let, and notes what it is told. */
const makePeer = () => {
  const said: Array<string> = []
  let left = pieces
  const stream = new Duplex({
    read() {
      this.push(left-- > 0 ? Buffer.alloc(1_024, "x") : null)
    },
    write: (chunk: Buffer, _encoding, done) => {
      said.push(chunk.toString())
      done()
    }
  })
  return { said, stream }
}

const dialled = (stream: Duplex, options?: RecordingOptions) =>
  Effect.gen(function* () {
    const { dialer, dials } = recording({ dial: () => Effect.succeed(stream) }, options)
    return { recorded: yield* dialer.dial(at, 1_000), dial: dials[0]! }
  })

const until = (isSo: () => boolean) => Effect.promise(() => expect.poll(isSo).toBe(true))

describe("a stream that is recorded", () => {
  it.live("takes no more than whoever reads it does, and goes on when he does", () =>
    Effect.gen(function* () {
      const { stream } = makePeer()
      const { dial, recorded } = yield* dialled(stream)
      yield* until(() => stream.isPaused())
      const { receivedBytes } = dial
      expect(receivedBytes).toBeLessThanOrEqual(recorded.readableHighWaterMark)
      recorded.resume()
      yield* until(() => recorded.readableEnded)
      expect(dial.receivedBytes).toBe(pieces * 1_024)
      // The beginning of it is kept.
      expect(dial.head).toHaveLength(2_048)
    }).pipe(Effect.scoped)
  )

  it.live("passes on what is written and counts it, up to what is not to be sent", () =>
    Effect.gen(function* () {
      const { said, stream } = makePeer()
      const { dial, recorded } = yield* dialled(stream, { isKept: (bytes) => Buffer.from(bytes).includes("secret") })
      recorded.write("name")
      recorded.write("a secret")
      yield* until(() => stream.destroyed)
      expect(said).toEqual(["name"])
      expect(dial.sentBytes).toBe(4)
    }).pipe(Effect.scoped)
  )

  it.effect("tells what was seen of TLS to whoever wanted to know it, too", () =>
    Effect.gen(function* () {
      const { stream } = makePeer()
      const told = { alert: 40 }
      const { dialer, dials } = recording({
        dial: (_to, _millis, securing) => Effect.sync(() => (securing?.onSeen?.(told), stream))
      })
      let seen: TlsSeen | undefined
      yield* dialer.dial(at, 1_000, { options: {}, serverName: "h", onSeen: (each) => void (seen = each) })
      expect([seen, dials[0]?.tls]).toEqual([told, told])
    }).pipe(Effect.scoped)
  )
})
