import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { Buffer } from "node:buffer"
import { diagnose } from "../../../src/node/Diagnosis.ts"
import { epmdAnswer, packet, serve } from "../../support/FakePeer.ts"

/** An EPMD that tells the port of a node at once, and never comes to the end of its list of names. */
const endlessEpmd = (name: string, port: number) =>
  serve((socket) =>
    socket.once("data", (request) => {
      if (request[2] === 110) return void socket.write(Buffer.alloc(4))
      return void socket.end(epmdAnswer(name, port))
    })
  )

describe("an EPMD that is slow to list its names", () => {
  it.live("is not waited for, once it has told where the node is", () =>
    Effect.gen(function* () {
      const name = "app@127.0.0.1"
      const port = yield* serve((socket) => socket.once("data", () => socket.write(packet("snok"))))
      const target = { name, cookie: Redacted.make("c"), epmdPort: yield* endlessEpmd("app", port) }
      // A list that is waited for takes all the time that there is.
      const { steps } = yield* diagnose(name, Exit.succeed(target), { timeoutMillis: 600_000, known: [] })
      const epmd = steps.find(({ step }) => step === "epmd")
      expect(epmd).toMatchObject({ outcome: "passed", found: expect.stringMatching(/ knows 'app' at port \d+\.$/u) })
      expect(epmd).not.toHaveProperty("millis")
      expect(steps.find(({ outcome }) => outcome === "failed")?.step).toBe("handshake")
    }).pipe(Effect.scoped)
  )
})
