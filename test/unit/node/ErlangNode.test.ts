import { expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Buffer } from "node:buffer"
import type { Socket } from "node:net"
import { Op } from "../../../src/dist/Control.ts"
import { Frames } from "../../../src/dist/Frames.ts"
import { type Cursor, decodeNext } from "../../../src/etf/Decode.ts"
import { encode } from "../../../src/etf/Encode.ts"
import {
  Atom,
  atom,
  charlist,
  isTuple,
  list,
  listItems,
  MapTerm,
  type Term,
  type Tuple
} from "../../../src/etf/Term.ts"
import { joinNode } from "../../../src/node/ErlangNode.ts"
import { serve } from "../../support/FakePeer.ts"
import { worker } from "../../support/loneLink.ts"
import { acceptHandshake } from "../../support/StandInNode.ts"

const bare = (term: Term) => encode(term).subarray(1)

/** What stands before the terms of a message. */
const header = Uint8Array.of(131, 68, 0)

/** Takes calls over a socket, and answers each with what `answer` has for its function. */
const answerCalls = (socket: Socket, answer: (func: string, options: Term) => Term) => {
  const frames = new Frames({
    tick: () => {},
    frame: (message) => {
      const cursor: Cursor = { offset: header.length }
      const control = decodeNext(message, cursor) as Tuple
      if (control[0] !== Op.SPAWN_REQUEST) return
      const [tag, , func] = listItems(decodeNext(message, cursor))!
      const reason: Term = [tag!, atom("return"), answer((func as Atom).text, control[5]!)]
      const body = Buffer.concat([header, bare([Op.PAYLOAD_EXIT, worker, control[2]!]), bare(reason)])
      const length = Buffer.alloc(4)
      length.writeUInt32BE(body.length)
      socket.write(Buffer.concat([length, body]))
    },
    headBytes: 0,
    begin: () => false,
    piece: () => {}
  })
  return (chunk: Buffer) => void frames.push(chunk)
}

/** What nodes say when they are asked what they can do. */
const answers: Readonly<Record<string, (release: number) => Term>> = {
  map: (release) => list([charlist(String(release)), charlist("1.2.3"), 8]),
  whereis: () => worker,
  get_key: () => atom("undefined"),
  get_net_ticktime: () => 60
}

/** The bound of the heap in the options of a worker. */
const boundOf = (options: Term): MapTerm => {
  const bound = listItems(options)!.find((option) => isTuple(option, "max_heap_size")) as Tuple
  return bound[1] as MapTerm
}

it.live.each([
  [26, false],
  [27, true]
] as const)("a node of release %d is told of large binaries once it is known: %s", ([release, isTold]) =>
  Effect.gen(function* () {
    const bounds: Array<MapTerm> = []
    const port = yield* serve((socket) => {
      const onData = answerCalls(socket, (func, options) => {
        if (func === "self") bounds.push(boundOf(options))
        return answers[func]?.(release) ?? atom("ok")
      })
      acceptHandshake(socket, { name: "app@127.0.0.1", cookie: "c" }, { isUp: () => {}, onData })
    })
    const node = yield* joinNode({
      name: "app@127.0.0.1",
      cookie: Redacted.make("c"),
      address: { host: "127.0.0.1", port }
    })
    expect(node.capabilities.otpRelease).toBe(release)
    yield* node.roundTrip()
    expect(bounds.map((bound) => bound.atomKey("include_shared_binaries") !== undefined)).toEqual([isTold])
  })
)

it.live("a node that closes at once is asked once where it is to be joined as before", () =>
  Effect.gen(function* () {
    let connections = 0
    const port = yield* serve((socket) => {
      connections++
      socket.end()
    })
    const target = { name: "app@127.0.0.1", cookie: Redacted.make("c"), address: { host: "127.0.0.1", port } }
    const why = yield* Effect.flip(joinNode(target, { joinedAs: "us@beamscope" }))
    expect(why.reason._tag).toBe("ClosedInHandshake")
    expect(connections).toBe(1)
  })
)
