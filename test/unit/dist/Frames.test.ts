import { Buffer } from "node:buffer"
import { describe, expect, it } from "vitest"
import { Frames, maxFrameBytes } from "../../../src/dist/Frames.ts"

const frame = (body: Uint8Array) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}
const tick = Buffer.alloc(4)
const bodies = [Buffer.from("a"), Buffer.from("some body"), Buffer.from("x".repeat(300)), Buffer.from("z")]
const stream = Buffer.concat([
  tick,
  frame(bodies[0]!),
  frame(bodies[1]!),
  tick,
  tick,
  frame(bodies[2]!),
  frame(bodies[3]!)
])

const collect = () => {
  const seen: Array<string> = []
  const frames = new Frames(
    (body) => seen.push(Buffer.from(body).toString()),
    () => seen.push("tick")
  )
  return { frames, seen }
}
const expected = ["tick", "a", "some body", "tick", "tick", "x".repeat(300), "z"]

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

  it("keeps a frame apart from the chunks that it came in", () => {
    const bodies: Array<Uint8Array> = []
    const frames = new Frames(
      (body) => bodies.push(body),
      () => {}
    )
    const chunk = Buffer.from(frame(Buffer.from("spread")))
    frames.push(chunk.subarray(0, 6))
    frames.push(chunk.subarray(6))
    chunk.fill(0)
    expect(Buffer.from(bodies[0]!).toString()).toBe("spread")
  })

  it("refuses a frame over the limit by its length alone, in one piece or in two", () => {
    const huge = Buffer.alloc(4)
    huge.writeUInt32BE(maxFrameBytes + 1)
    expect(collect().frames.push(huge)).toContain(`${maxFrameBytes + 1} bytes`)
    const { frames } = collect()
    expect(frames.push(huge.subarray(0, 2))).toBeUndefined()
    expect(frames.push(huge.subarray(2))).toContain(`${maxFrameBytes + 1} bytes`)
  })
})
