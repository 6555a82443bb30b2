import { describe, expect, it } from "@effect/vitest"
import { vi } from "vitest"
import { Effect, Fiber, Redacted, type Scope } from "effect"
import { Buffer } from "node:buffer"
import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import type { DistError } from "../../../src/dist/DistError.ts"
import { connect, type Link } from "../../../src/dist/Link.ts"
import { Transport } from "../../../src/dist/Transport.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, binary, type Tuple } from "../../../src/etf/Term.ts"
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

/** A message without a payload, as it is on the wire. */
const frameOf = (control: Tuple): Buffer => {
  const message = Buffer.concat([Uint8Array.of(131, 68, 0), encode(control).subarray(1)])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(message.length)
  return Buffer.concat([length, message])
}

/** Ends with the next message that the link gets. */
const nextMessage = (link: Link): Effect.Effect<Tuple> =>
  Effect.callback((resume) =>
    link.attach(
      { payloadLimit: () => 0, message: (control) => resume(Effect.succeed(control)), oversized: () => {} },
      () => {}
    )
  )

/** Keeps this process from whatever it has to do. */
const hold = (millis: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis)

describe("a link", () => {
  it.live("ticks by itself, also where the node sends none that would ask for an answer", () =>
    Effect.gen(function* () {
      const { link, received } = yield* linked
      link.setTickTime(4)
      yield* Effect.promise(() => expect.poll(() => received().length).toBeGreaterThanOrEqual(8))
      expect(received().every((byte) => byte === 0)).toBe(true)
    })
  )

  it.live("rests when a node ticks: it has an answer to them all, not one to each", () =>
    Effect.gen(function* () {
      const { link, socket } = yield* linked
      const ticks = 100
      const answered = yield* Effect.forkChild(nextMessage(link), { startImmediately: true })
      socket.write(Buffer.concat([Buffer.alloc(4 * ticks), frameOf([2, atom(""), 1])]))
      yield* Fiber.join(answered)
      expect(link.traffic().bytesOut).toBeLessThan(4 * ticks)
    })
  )

  it.live("is not given up for the silence of a node that has spoken while this process was busy", () =>
    Effect.gen(function* () {
      const { link, socket } = yield* linked
      const heard = yield* Effect.forkChild(nextMessage(link), { startImmediately: true })
      link.setTickTime(0.2)
      socket.write(frameOf([2, atom(""), 1]))
      // Its ticks are due, and so is the end of the patience with the node.
      hold(400)
      const outcome = yield* Effect.raceFirst(
        Fiber.join(heard),
        Effect.map(link.lost, ({ reason }) => reason)
      )
      expect(outcome).toEqual([2, atom(""), 1])
    })
  )

  // As OTP does it: between three quarters and five quarters of the tick time, whenever the silence begins.
  it.live.each([60, 8])("is given up for a silence within the bounds of OTP, with a tick time of %i s", (seconds) =>
    Effect.gen(function* () {
      const quarter = seconds * 250
      const { setImmediate: turn } = globalThis
      for (const begin of [1, quarter / 2, quarter - 1]) {
        const { link, socket } = yield* linked
        yield* Effect.addFinalizer(() => Effect.sync(() => vi.useRealTimers()))
        vi.useFakeTimers({
          toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "performance"]
        })
        link.setTickTime(seconds)
        vi.advanceTimersByTime(begin)
        const before = link.traffic().bytesIn
        socket.write(Buffer.alloc(4))
        while (link.traffic().bytesIn === before) yield* Effect.promise(() => new Promise((resolve) => turn(resolve)))
        vi.advanceTimersByTime(3 * quarter)
        expect(link.failure()).toBeUndefined()
        // What it takes to look again, lest this process was busy.
        vi.advanceTimersByTime(2 * quarter + 20)
        expect(link.failure()?.reason, `begun ${begin} ms after a look`).toMatchObject({ _tag: "TickTimeout" })
        vi.useRealTimers()
      }
    })
  )

  const soon: Tuple = [2, atom(""), 1]
  const atOnce: Tuple = [2, atom(""), 2]
  /** Once all that this turn of the event loop was to send has been sent. */
  const endOfTurn = Effect.promise(() => Promise.resolve())

  it.live("keeps messages that may wait for others, in their order, and no longer than it may", () =>
    Effect.gen(function* () {
      const { link, received } = yield* linked
      const before = link.traffic()
      link.sendSoon(soon)
      yield* endOfTurn
      expect(link.traffic()).toEqual({ ...before, messagesOut: before.messagesOut + 1 })
      link.send(atOnce)
      yield* endOfTurn
      const both = Buffer.concat([frameOf(soon), frameOf(atOnce)])
      expect(link.traffic().bytesOut - before.bytesOut).toBe(both.length)
      link.sendSoon(soon)
      const all = Buffer.concat([both, frameOf(soon)])
      yield* Effect.promise(() => expect.poll(received).toEqual(all))
    })
  )

  it.live("sends what may wait as soon as it is enough for a write, or the link is closed", () =>
    Effect.gen(function* () {
      const { link, received } = yield* linked
      const enough = binary("x".repeat(8 * 1024))
      const before = link.traffic().bytesOut
      link.sendSoon(soon, enough)
      expect(link.traffic().bytesOut - before).toBeGreaterThan(8 * 1024)
      link.sendSoon(atOnce)
      yield* link.close
      yield* Effect.promise(() =>
        expect.poll(() => received().subarray(-frameOf(atOnce).length)).toEqual(frameOf(atOnce))
      )
      link.sendSoon(soon)
      yield* endOfTurn
      expect(link.traffic().messagesOut).toBe(2)
    })
  )

  it.live("closes, whether or not the node reads what is still to be sent", () =>
    Effect.gen(function* () {
      const { link, socket } = yield* linked
      socket.pause()
      link.send([6, 1, 2, 3], binary("x".repeat(16 * 1024 * 1024)))
      yield* link.close
      expect(link.failure()?.reason).toEqual({ _tag: "Disconnected" })
    })
  )

  it.live("is closed by a fault of whoever handles its messages, which is not blamed on the node", () =>
    Effect.gen(function* () {
      const { link, socket } = yield* linked
      const fault = new TypeError("a fault of the handler")
      const fail = () => {
        throw fault
      }
      link.attach({ payloadLimit: () => 0, message: fail, oversized: fail }, () => {})
      socket.write(frameOf([2, atom(""), 1]))
      const lost = yield* link.lost
      expect(lost.reason).toEqual({ _tag: "Fault", cause: fault })
      expect(lost.message).not.toContain("fault of the handler")
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

const target = { node: "app@127.0.0.1", cookie: Redacted.make("c"), address: { host: "127.0.0.1", port: 1 } }

/** Whether it is the node's answer to our challenge. */
const isAnswer = (packet: Buffer) => packet.toString("latin1", 2, 3) === "a"

/** Why there is no link to a node that does this in place of its answer to our challenge. */
const whyNotWith = (answer: (socket: Socket) => void) =>
  Effect.gen(function* () {
    const port = yield* serve((socket) => {
      acceptHandshake(
        {
          on: (event, listener) => socket.on(event, listener),
          write: (bytes) => (isAnswer(bytes) ? answer(socket) : socket.write(bytes))
        },
        { name: target.node, cookie: "c" },
        { isUp: () => {}, onData: () => {} }
      )
    })
    const { reason } = yield* Effect.flip(connect({ ...target, address: { host: "127.0.0.1", port } }))
    return reason
  })

describe("what ends when our answer to the challenge is there", () => {
  it.live("is told as a refused cookie where the node closes, as nodes do", () =>
    Effect.gen(function* () {
      expect(yield* whyNotWith((socket) => socket.end())).toEqual({ _tag: "CookieRejected" })
    })
  )

  it.live("is told as a loss, which says nothing of the cookie, where the connection is reset", () =>
    Effect.gen(function* () {
      expect(yield* whyNotWith((socket) => socket.resetAndDestroy())).toEqual({
        _tag: "ClosedInHandshake",
        stage: "acknowledgement"
      })
    })
  )
})

/** A stream to a stand-in node, in this process, that is gone once it is paused, and says so to nobody. */
const passing = (): Duplex => {
  const upward = new EventEmitter<{ data: [Buffer] }>()
  const stream = new Duplex({
    emitClose: false,
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      upward.emit("data", chunk)
      done()
    }
  })
  stream.pause = () => stream.destroy()
  acceptHandshake(
    { on: (event, listener) => upward.on(event, listener), write: (bytes) => stream.push(bytes) },
    { name: target.node, cookie: "c" },
    { isUp: () => {}, onData: () => {} }
  )
  return stream
}

const over = (stream: Duplex) =>
  Effect.provideService(connect(target), Transport, {
    dial: (_to, _timeoutMillis, tls) =>
      tls === undefined ? Effect.succeed(stream) : Effect.fail({ _tag: "DialError", code: "ECONNREFUSED" })
  })

describe("a connection that ends while nobody listens", () => {
  it.live("is told of before the handshake, without waiting for an answer", () =>
    Effect.gen(function* () {
      const stream = passing().destroy()
      expect((yield* Effect.flip(over(stream))).reason).toEqual({ _tag: "ClosedInHandshake", stage: "status" })
    })
  )

  it.live("is a lost link after the handshake, without waiting for the tick time", () =>
    Effect.gen(function* () {
      const link = yield* over(passing())
      expect(link.failure()?.reason).toMatchObject({ _tag: "LinkClosed" })
      expect((yield* link.lost).reason._tag).toBe("LinkClosed")
    })
  )
})
