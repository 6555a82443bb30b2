import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Buffer } from "node:buffer"
import * as Flags from "../../../src/dist/Flags.ts"
import { Nodes } from "../../../src/node/Nodes.ts"
import { packet, serve, serveEpmd } from "../../support/FakePeer.ts"
import { node, oneTarget } from "../../support/oneTarget.ts"

const registryOf = (epmdPort: number) => Nodes.layer.pipe(Layer.provide(oneTarget(epmdPort)))

/** Goes along with a handshake up to the digest, and then shows that it does not know the cookie. */
const rogue = (): { readonly port: ReturnType<typeof serve>; readonly digests: () => number } => {
  let digests = 0
  const status = Buffer.concat([Buffer.from("snamed:\u0000\u0004a@bc"), Buffer.alloc(4, 1)])
  const challenge = Buffer.alloc(19)
  challenge.write("N")
  challenge.writeBigUInt64BE(Flags.offered, 1)
  challenge.writeUInt16BE(node.length, 17)
  const port = serve((socket) => {
    socket.once("data", () => {
      socket.write(Buffer.concat([packet(status), packet(Buffer.concat([challenge, Buffer.from(node)]))]))
      socket.once("data", () => {
        digests++
        socket.write(packet(Buffer.concat([Buffer.from("a"), Buffer.alloc(16)])))
      })
    })
  })
  return { port, digests: () => digests }
}

describe("a stranger that answers as a node", () => {
  it.live("sees one digest of the cookie, unless somebody asks for another try", () =>
    Effect.gen(function* () {
      const { digests, port } = rogue()
      const epmd = yield* serveEpmd({ app: yield* port })
      yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        for (let call = 0; call < 3; call++)
          expect(yield* Effect.flip(nodes.get(node))).toMatchObject({ reason: { _tag: "PeerCookieWrong" } })
        expect(digests()).toBe(1)
        expect(yield* Effect.flip(nodes.connect(node))).toMatchObject({ reason: { _tag: "PeerCookieWrong" } })
        expect(digests()).toBe(2)
      }).pipe(Effect.provide(registryOf(epmd)))
    }).pipe(Effect.scoped)
  )
})
