import { Buffer } from "node:buffer"
import { describe, expect, it } from "vitest"
import { Frames } from "../../../src/dist/Frames.ts"
import { type DropReason, Messages } from "../../../src/dist/Messages.ts"
import { ProtocolError } from "../../../src/dist/ProtocolError.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, binary, type Term, type Tuple } from "../../../src/etf/Term.ts"

/** A term as it stands behind a distribution header: without its version byte. */
const bare = (term: Term) => Buffer.from(encode(term)).subarray(1)

const control: Tuple = [2, atom(""), 7]
const payload = bare([atom("hello"), "0123456789".length])

const whole = Buffer.concat([Uint8Array.of(131, 68, 0), bare(control), payload])

const header = (tag: number, sequence: bigint, fragment: bigint) => {
  const bytes = Buffer.alloc(18)
  bytes.set([131, tag])
  bytes.writeBigUInt64BE(sequence, 2)
  bytes.writeBigUInt64BE(fragment, 10)
  return bytes
}

/** The frames of one fragmented message, its payload cut into these pieces. */
const fragments = (sequence: bigint, pieces: ReadonlyArray<Uint8Array>) =>
  pieces.map((piece, index) => {
    const number = BigInt(pieces.length - index)
    return index === 0
      ? Buffer.concat([header(69, sequence, number), Uint8Array.of(0), bare(control), piece])
      : Buffer.concat([header(70, sequence, number), piece])
  })

/** The first of so many fragments, without anything of the payload. */
const first = (sequence: bigint, fragment: bigint, term: Tuple = control) =>
  Buffer.concat([header(69, sequence, fragment), Uint8Array.of(0), bare(term)])

const collect = (limit: number | (() => number) = 1024) => {
  const seen: Array<{ readonly control: Tuple; readonly payload: string | undefined }> = []
  const dropped: Array<string> = []
  const reasons: Array<DropReason> = []
  const messages = new Messages({
    payloadLimit: typeof limit === "number" ? () => limit : limit,
    message: (control, bytes) =>
      seen.push({
        control,
        payload: bytes === undefined ? undefined : Buffer.from(bytes).toString("hex")
      }),
    oversized: (_control, head, why) => {
      dropped.push(Buffer.from(head).toString("hex"))
      reasons.push(why)
    }
  })
  return { messages, seen, dropped, reasons }
}
const message = { control, payload: payload.toString("hex") }

describe("Messages", () => {
  it("takes a message in one frame, with and without a payload", () => {
    const { messages, seen } = collect()
    messages.frame(whole)
    messages.frame(Buffer.concat([Uint8Array.of(131, 68, 0), bare(control)]))
    expect(seen).toEqual([message, { control, payload: undefined }])
  })

  it("refuses the pass-through form, which only peers without fragments send", () => {
    const { messages, seen } = collect()
    const frame = Buffer.concat([Uint8Array.of(112), encode(control), Uint8Array.of(131), payload])
    expect(() => messages.frame(frame)).toThrow(ProtocolError)
    expect(seen).toEqual([])
  })

  it("puts a message together wherever its payload is cut", () => {
    for (let cut = 0; cut <= payload.length; cut++) {
      const { messages, seen } = collect()
      for (const frame of fragments(9n, [payload.subarray(0, cut), payload.subarray(cut)])) messages.frame(frame)
      expect(seen).toEqual([message])
    }
  })

  describe("out of a stream whose memory is reused", () => {
    const [a1, a2, a3] = fragments(1n, [payload.subarray(0, 2), payload.subarray(2, 5), payload.subarray(5)])
    const [b1, b2] = fragments(2n, [payload, new Uint8Array(0)])
    const oversized = fragments(3n, [payload, payload, payload])
    const stream = Buffer.concat(
      [a1, b1, oversized[0], a2, whole, oversized[1], b2, oversized[2], a3].flatMap((frame) => {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(frame!.length)
        return [length, frame!]
      })
    )
    const pushed = (chunks: ReadonlyArray<Uint8Array>) => {
      const seen: Array<Uint8Array> = []
      const dropped: Array<string> = []
      const messages = new Messages({
        payloadLimit: () => payload.length + 1,
        message: (_control, bytes) => seen.push(bytes!),
        oversized: (_control, head) => {
          // As much as had come, and not a byte of what stood in the memory before.
          const come = Buffer.concat([payload, payload, payload]).subarray(0, head.length)
          expect(Buffer.from(head).toString("hex")).toBe(come.toString("hex"))
          dropped.push(Buffer.from(head.subarray(0, payload.length)).toString("hex"))
        }
      })
      const frames = new Frames({
        tick: () => {},
        frame: (frame) => messages.frame(frame),
        headBytes: messages.headBytes,
        begin: (head) => messages.begin(head),
        piece: (bytes, isLast) => messages.piece(bytes, isLast)
      })
      const memory = Buffer.alloc(stream.length)
      for (const chunk of chunks) {
        memory.set(chunk)
        expect(frames.push(memory.subarray(0, chunk.length))).toBeUndefined()
        memory.fill(0)
      }
      return { seen: seen.map((bytes) => Buffer.from(bytes).toString("hex")), dropped }
    }
    const hex = payload.toString("hex")
    const expected = { seen: [hex, hex, hex], dropped: [hex] }

    it("comes together wherever the stream is cut in two", () => {
      for (let cut = 0; cut <= stream.length; cut++)
        expect(pushed([stream.subarray(0, cut), stream.subarray(cut)])).toEqual(expected)
    })

    it("comes together one byte at a time", () => {
      expect(pushed(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(expected)
    })
  })

  it("keeps interleaved messages apart", () => {
    const { messages, seen } = collect()
    const [a1, a2, a3] = fragments(1n, [payload.subarray(0, 2), payload.subarray(2, 5), payload.subarray(5)])
    const [b1, b2] = fragments(2n, [payload.subarray(0, 8), payload.subarray(8)])
    for (const frame of [a1, b1, a2, whole, b2, a3]) messages.frame(frame!)
    expect(seen).toEqual([message, message, message])
  })

  it("drops a payload over its limit once, and goes on", () => {
    const { dropped, messages, reasons, seen } = collect(payload.length)
    const big = Buffer.alloc(payload.length, 7)
    for (const frame of fragments(5n, [big, big, big, big])) messages.frame(frame)
    messages.frame(Buffer.concat([Uint8Array.of(131, 68, 0), bare(control), big, big]))
    messages.frame(whole)
    expect(dropped).toEqual([big.toString("hex"), Buffer.concat([big, big]).toString("hex")])
    expect(reasons).toEqual(["limit", "limit"])
    expect(seen).toEqual([message])
  })

  it("hands on no more of a dropped payload than came, however much was announced", () => {
    const { dropped, messages } = collect(1_000)
    messages.frame(Buffer.concat([first(5n, 100n), Buffer.alloc(10, 7)]))
    messages.frame(Buffer.concat([header(70, 5n, 99n), Buffer.alloc(991, 7)]))
    expect(dropped).toEqual(["07".repeat(10)])
  })

  it("stops filling memory for who is gone meanwhile", () => {
    let limit = 1_000_000
    const { dropped, messages, seen } = collect(() => limit)
    const [one, two, three] = fragments(5n, [Buffer.alloc(500, 7), Buffer.alloc(500, 7), Buffer.alloc(500, 7)])
    messages.frame(one!)
    limit = 100
    messages.frame(two!)
    expect(dropped).toHaveLength(1)
    messages.frame(three!)
    expect(seen).toEqual([])
  })

  it.each([
    ["a frame of an unknown type", Uint8Array.of(1, 2, 3)],
    ["an unknown header", Uint8Array.of(131, 99, 0)],
    ["an atom cache", Uint8Array.of(131, 68, 1, 0, 0)],
    ["a control message that is no tuple", Buffer.concat([Uint8Array.of(131, 68, 0), bare(atom("x"))])],
    ["a control message without a number", Buffer.concat([Uint8Array.of(131, 68, 0), bare([atom("x")])])],
    ["a cut control message", whole.subarray(0, 9)],
    ["a next fragment without a first", Buffer.concat([header(70, 1n, 1n), payload])],
    ["a cut next fragment", header(70, 1n, 1n).subarray(0, 15)],
    ["a cut first fragment", header(69, 1n, 2n).subarray(0, 15)]
  ])("refuses %s", (_name, frame) => {
    const { messages, seen } = collect()
    expect(() => messages.frame(frame)).toThrow()
    expect(seen).toEqual([])
  })

  it("refuses fragments that skip or repeat a number", () => {
    const [one, two, three] = fragments(1n, [payload, payload, payload])
    for (const order of [
      [one, three],
      [one, one],
      [one, two, two]
    ]) {
      const { messages } = collect()
      expect(() => order.forEach((frame) => messages.frame(frame!))).toThrow(/fragment/u)
    }
  })

  describe("from a node that wants our memory", () => {
    const limit = 64 * 1024 * 1024
    it("keeps nothing of fragments but their bytes", () => {
      const { messages, seen } = collect(limit)
      const chunk = Buffer.concat([first(1n, 100_000n), Uint8Array.of(1)])
      messages.frame(chunk)
      chunk.fill(0)
      for (let fragment = 99_999n; fragment > 1n; fragment--) messages.frame(header(70, 1n, fragment))
      messages.frame(Buffer.concat([header(70, 1n, 1n), Uint8Array.of(2)]))
      expect(seen).toEqual([{ control, payload: "0102" }])
    })

    it("allocates no more than the limit, whatever is announced", () => {
      const { dropped, messages } = collect(1_000)
      messages.frame(first(1n, 2n ** 60n))
      messages.frame(Buffer.concat([header(70, 1n, 2n ** 60n - 1n), Buffer.alloc(999)]))
      expect(dropped).toEqual([])
      messages.frame(Buffer.concat([header(70, 1n, 2n ** 60n - 2n), Buffer.alloc(2)]))
      expect(dropped).toHaveLength(1)
    })

    it("bound how many messages are open, and what their control messages take", () => {
      const { messages } = collect(limit)
      const open = () => {
        for (let sequence = 1n; sequence < 100_000n; sequence++) messages.frame(first(sequence, 2n))
      }
      expect(open).toThrow(/unfinished messages/u)
      const large: Tuple = [
        2,
        atom(""),
        "x"
          .repeat(3_000)
          .split("")
          .map(() => atom("y"))
      ]
      expect(() => messages.frame(first(1_000_000n, 2n, large))).toThrow()
    })

    it("gives back what a message took, its control message too, when it is whole or was dropped", () => {
      const { dropped, messages, seen } = collect(payload.length)
      const large: Tuple = [2, atom(""), binary("x".repeat(8_000))]
      const count = 5_000
      for (let sequence = 1n; sequence <= count; sequence++) {
        messages.frame(first(sequence, 2n, large))
        messages.frame(Buffer.concat([header(70, sequence, 1n), payload, Buffer.alloc(Number(sequence % 2n))]))
      }
      expect(seen).toHaveLength(count / 2)
      expect(dropped).toHaveLength(count / 2)
    })

    it("makes room in proportion to what has come, not to what is announced", () => {
      const { dropped, messages, seen } = collect(limit)
      for (let sequence = 1n; sequence <= 1_000n; sequence++)
        messages.frame(Buffer.concat([first(sequence, 1_000n), Uint8Array.of(1)]))
      const block = Buffer.alloc(60_000)
      for (const frame of fragments(
        1_001n,
        Array.from({ length: 1_000 }, () => block)
      ))
        messages.frame(frame)
      expect(dropped).toEqual([])
      expect(seen[0]!.payload).toHaveLength(2 * 1_000 * block.length)
    })

    it("bound what all unfinished messages take together, and say that it was that", () => {
      const { dropped, messages, reasons } = collect(limit)
      const block = Buffer.alloc(60_000)
      for (let sequence = 1n; sequence <= 20n; sequence++) {
        messages.frame(first(sequence, 1_000n))
        for (let fragment = 999n; fragment > 600n; fragment--)
          messages.frame(Buffer.concat([header(70, sequence, fragment), block]))
      }
      expect(dropped.length).toBeGreaterThan(0)
      expect(dropped.length).toBeLessThan(20)
      expect(new Set(reasons)).toEqual(new Set(["crowded"]))
    })
  })
})
