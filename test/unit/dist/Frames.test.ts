import { Buffer } from "node:buffer"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Frames, maxFrameBytes } from "../../../src/dist/Frames.ts"

const frame = (body: Uint8Array) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}
const tick = Buffer.alloc(4)
const bodies = [Buffer.from("a"), Buffer.from("some body"), Buffer.from("x".repeat(300)), Buffer.from("z")]
/** More than is copied at once, and among them one that is no small frame. */
const many = Array.from({ length: 12 }, (_, index) => Buffer.from(`${index}`.repeat(index === 7 ? 1_500 : 400)))
const stream = Buffer.concat([
  tick,
  frame(bodies[0]!),
  frame(bodies[1]!),
  tick,
  tick,
  frame(bodies[2]!),
  frame(bodies[3]!),
  ...many.map(frame)
])

/** Frames that begin with "some" are wanted in pieces. */
const collect = () => {
  const seen: Array<string> = []
  let pieces = ""
  const frames = new Frames({
    tick: () => seen.push("tick"),
    frame: (frame) => seen.push(Buffer.from(frame).toString()),
    headBytes: 4,
    begin: (head) => {
      pieces = Buffer.from(head).toString()
      return pieces === "some"
    },
    piece: (bytes, isLast) => {
      pieces += Buffer.from(bytes).toString()
      if (isLast) seen.push(pieces)
    }
  })
  return { frames, seen }
}
const expected = ["tick", "a", "some body", "tick", "tick", "x".repeat(300), "z", ...many.map(String)]

/** What comes of frames of these sizes that came at once: bytes of memory behind each, and who was asked about. */
const memoryOf = (sizes: ReadonlyArray<number>) => {
  const kept: Array<Uint8Array> = []
  const asked: Array<number> = []
  const frames = new Frames({
    tick: () => {},
    frame: (frame) => kept.push(frame),
    headBytes: 16,
    begin: (head) => (asked.push(head.length), false),
    piece: () => {}
  })
  frames.push(Buffer.concat(sizes.map((size) => frame(Buffer.alloc(size, 1)))))
  expect(kept.map(({ length }) => length)).toEqual(sizes)
  return { asked, memory: kept.map(({ buffer }) => buffer) }
}

describe("Frames", () => {
  it("gives the same frames wherever the stream is cut in two", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const { frames, seen } = collect()
      expect(frames.push(stream.subarray(0, cut))).toBeUndefined()
      expect(frames.push(stream.subarray(cut))).toBeUndefined()
      expect(seen).toEqual(expected)
    }
  })

  it("gives the same frames one byte at a time", () => {
    const { frames, seen } = collect()
    for (const byte of stream) expect(frames.push(Uint8Array.of(byte))).toBeUndefined()
    expect(seen).toEqual(expected)
  })

  it("hands on what is wanted in pieces as it comes, and keeps none of it; a small one that came whole stays whole", () => {
    const pieces: Array<string> = []
    const frames = new Frames({
      tick: () => {},
      frame: (whole) => pieces.push(`${Buffer.from(whole).toString()}!`),
      headBytes: 2,
      begin: () => true,
      piece: (bytes, isLast) => pieces.push(`${Buffer.from(bytes).toString()}${isLast ? "." : ""}`)
    })
    const bytes = Buffer.concat([frame(Buffer.from("abcdef")), frame(Buffer.from("gh")), frame(Buffer.from("ijk"))])
    for (const [from, to] of [
      [0, 5],
      [5, 7],
      [7, 9],
      [9, bytes.length]
    ])
      frames.push(bytes.subarray(from, to))
    expect(pieces).toEqual(["c", "de", "f.", "gh!", "ijk!"])
  })

  it("gives frames that stay as they are when the memory of what was pushed is reused", () => {
    const kept: Array<Uint8Array> = []
    const frames = new Frames({
      tick: () => {},
      frame: (frame) => kept.push(frame),
      headBytes: 4,
      begin: () => false,
      piece: () => {}
    })
    const memory = Buffer.alloc(8)
    const bytes = Buffer.concat([frame(Buffer.from("abc")), frame(Buffer.from("spread over several"))])
    for (let at = 0; at < bytes.length; at += memory.length)
      frames.push(memory.subarray(0, bytes.copy(memory, 0, at, at + memory.length)))
    memory.fill(0)
    expect(kept.map((frame) => Buffer.from(frame).toString())).toEqual(["abc", "spread over several"])
  })

  describe("that are small", () => {
    const poolSize = Buffer.poolSize
    beforeEach(() => void (Buffer.poolSize = 0))
    afterEach(() => void (Buffer.poolSize = poolSize))

    it("share memory, of 4 KiB at most", () => {
      const { asked, memory } = memoryOf(Array.from({ length: 600 }, () => 100))
      expect(Math.max(...memory.map(({ byteLength }) => byteLength))).toBeLessThanOrEqual(4_096)
      expect(new Set(memory).size).toBeLessThanOrEqual(16)
      expect(asked).toEqual([])
    })

    it("share none with a larger one, before them or between them, which is asked about", () => {
      const { asked, memory } = memoryOf([1_500, 1_024, 10, 1_025, 10])
      expect(memory.map(({ byteLength }) => byteLength)).toEqual([1_500, 1_038, 1_038, 1_025, 10])
      expect(asked).toEqual([16, 16])
    })
  })

  it("refuses a frame over the limit by its length alone, in one piece or in two", () => {
    const huge = Buffer.alloc(4)
    huge.writeUInt32BE(maxFrameBytes + 1)
    expect(collect().frames.push(huge)).toContain(`${maxFrameBytes + 1} bytes`)
    expect(collect().frames.push(frame(Buffer.alloc(maxFrameBytes)))).toBeUndefined()
    expect(collect().frames.push(Uint8Array.of(255, 255, 255, 255))).toContain(`${2 ** 32 - 1} bytes`)
    const { frames } = collect()
    expect(frames.push(huge.subarray(0, 2))).toBeUndefined()
    expect(frames.push(huge.subarray(2))).toContain(`${maxFrameBytes + 1} bytes`)
  })
})
