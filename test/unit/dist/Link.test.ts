import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import { Buffer } from "node:buffer"
import type { Socket } from "node:net"
import type { DistError } from "../../../src/dist/DistError.ts"
import { connect, type Link } from "../../../src/dist/Link.ts"
import { binary } from "../../../src/etf/Term.ts"
import { serve, serveEpmd } from "../../support/FakePeer.ts"
import { acceptHandshake } from "../../support/StandInNode.ts"

interface Linked {
  readonly link: Link
  /** The other end, which answers nothing. */
  readonly socket: Socket
  /** What came there. */
  readonly received: () => Buffer
}

/** A link to a node that is none. */
const linked: Effect.Effect<Linked, DistError, Scope.Scope> = Effect.gen(function* () {
  const chunks: Array<Buffer> = []
  let socket: Socket | undefined
  const port = yield* serve((accepted) => {
    socket = accepted
    acceptHandshake(
      accepted,
      { name: "app@127.0.0.1", cookie: "c" },
      { isUp: () => {}, onData: (chunk) => void chunks.push(chunk) }
    )
  })
  const link = yield* connect({
    node: "app@127.0.0.1",
    cookie: Redacted.make("c"),
    epmdPort: yield* serveEpmd({ app: port })
  })
  return { link, socket: socket!, received: () => Buffer.concat(chunks) }
})

describe("a link", () => {
  it.live("ticks by itself, also where the node sends none that would ask for an answer", () =>
    Effect.gen(function* () {
      const { link, received } = yield* linked
      link.setTickTime(4)
      yield* Effect.promise(() => expect.poll(() => received().length).toBeGreaterThanOrEqual(8))
      expect(received().every((byte) => byte === 0)).toBe(true)
    })
  )

  it.live("is given up when a node does not read what is sent to it", () =>
    Effect.gen(function* () {
      const { link, socket } = yield* linked
      socket.pause()
      const payload = binary("x".repeat(1024 * 1024))
      for (let megabytes = 0; megabytes < 80 && link.failure() === undefined; megabytes++) {
        link.send([6, 1, 2, 3], payload)
        yield* Effect.yieldNow
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      expect(link.failure()?.reason).toMatchObject({ _tag: "LinkClosed", detail: expect.stringContaining("not read") })
    })
  )
})
