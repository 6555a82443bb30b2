import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Buffer } from "node:buffer"
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

describe("the port of a node", () => {
  it.live("is not taken from an answer about another name", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) =>
        socket.once("data", () =>
          socket.end(Buffer.concat([Buffer.from([119, 0, 4, 210, 77, 0, 0, 6, 0, 5, 0, 3]), Buffer.from("abc")]))
        )
      )
      expect((yield* Effect.flip(portPlease(app, at(port), 5_000))).reason._tag).toBe("EpmdGarbage")
    })
  )
})
