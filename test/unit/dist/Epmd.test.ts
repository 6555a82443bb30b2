import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Buffer } from "node:buffer"
import type { Socket } from "node:net"
import { afterEach, beforeEach, vi } from "vitest"
import { names, portPlease } from "../../../src/dist/Epmd.ts"
import { serve, serveEpmd } from "../../support/FakePeer.ts"

const app = { full: "app@127.0.0.1", name: "app", host: "127.0.0.1" }
const at = (port: number) => ({ host: "127.0.0.1", port })

describe("a question to EPMD", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
  afterEach(() => void vi.useRealTimers())

  it.live("leaves no timer behind, which would keep a program from ending", () =>
    Effect.gen(function* () {
      const port = yield* serveEpmd({ app: 1234 })
      expect(yield* names(at(port), 5_000)).toEqual([{ name: "app", port: 1234 }])
      expect(yield* portPlease(app, at(port), 5_000)).toBe(1234)
      const talker = yield* serve((socket) => void socket.write(new Uint8Array(70 * 1024)))
      expect((yield* Effect.flip(names(at(talker), 5_000))).reason._tag).toBe("EpmdGarbage")
      expect(vi.getTimerCount()).toBe(0)
    })
  )
})

/** Why the names of an EPMD are not had that does this when it is asked. */
const whyNoNames = (answer: (socket: Socket) => void) =>
  Effect.gen(function* () {
    const port = yield* serve((socket) => socket.once("data", () => answer(socket)))
    return yield* Effect.flip(names(at(port), 5_000))
  })

describe("an answer of EPMD", () => {
  const line = Buffer.concat([Buffer.alloc(4), Buffer.from("name app at port 1234\n")])
  it.live("is not what came before a reset", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* whyNoNames((socket) => socket.write(line, () => socket.resetAndDestroy()))
      expect(reason).toMatchObject({ _tag: "EpmdGarbage", isCut: true })
      expect(message).toContain("without a whole answer")
    })
  )

  it.live.each<[string, (socket: Socket) => void]>([
    ["closed", (socket) => socket.end()],
    ["reset", (socket) => socket.resetAndDestroy()]
  ])("is missing where the connection is %s without a word, which says nothing against EPMD", ([, end]) =>
    Effect.gen(function* () {
      const { message, reason } = yield* whyNoNames(end)
      expect(reason).toMatchObject({ _tag: "EpmdGarbage", isCut: true, seen: "nothing" })
      expect(message).not.toContain("does not speak")
      expect(message).toContain("try again")
    })
  )
})

describe("a web server in EPMD's place", () => {
  const page = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
  it.live("is told by its first line", () =>
    Effect.gen(function* () {
      const { message } = yield* whyNoNames((socket) => socket.end(page))
      expect(message).toContain('does not speak the EPMD protocol (it sent the text "HTTP/1.1 400 Bad Request…")')
      const port = yield* serve((socket) => socket.once("data", () => socket.end(page)))
      expect((yield* Effect.flip(portPlease(app, at(port), 5_000))).message).toContain('"HTTP/1.1 400 Bad Request…"')
    })
  )
})

describe("the port of a node", () => {
  it.live.each([
    ["about another name", 1_234, "abc", "what it has of another name, 'abc'"],
    ["with no port", 0, "app", "the port 0, which is none"]
  ] as const)("is not taken from an answer %s, which is told as that", ([, told, name, detail]) =>
    Effect.gen(function* () {
      const answer = Buffer.from([119, 0, 0, 0, 77, 0, 0, 6, 0, 5, 0, 3, ...Buffer.from(name)])
      answer.writeUInt16BE(told, 2)
      const port = yield* serve((socket) => socket.once("data", () => socket.end(answer)))
      const error = yield* Effect.flip(portPlease(app, at(port), 5_000))
      expect(error.reason._tag).toBe("EpmdGarbage")
      expect(error.message).toContain(`answers for ${app.full} with ${detail}.`)
    })
  )
})
