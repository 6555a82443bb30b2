import { Buffer } from "node:buffer"
import { describeBytes } from "./DistError.ts"

/** Frames longer than this end the link: with FRAGMENTS a node sends at most 64 KiB and a header in one frame. */
export const maxFrameBytes = 1024 * 1024

/**
 * Splits the byte stream of a running link into frames: `Length:32, Body`. A body of no bytes is a tick. Incremental:
 * bytes come in as they come, and nothing is kept but one unfinished frame.
 */
export class Frames {
  readonly #onFrame: (frame: Uint8Array) => void
  readonly #onTick: () => void
  /** The length field while it is incomplete. */
  readonly #head: Uint8Array = new Uint8Array(4)
  #headBytes = 0
  /** The body while it is incomplete. */
  #body: Uint8Array | undefined
  #bodyBytes = 0

  /**
   * `onFrame` gets a view of what was pushed where a frame is whole in it, so a frame must be used up or copied before
   * the pusher reuses its memory (Node's sockets never do).
   */
  constructor(onFrame: (frame: Uint8Array) => void, onTick: () => void) {
    this.#onFrame = onFrame
    this.#onTick = onTick
  }

  /** Takes what the socket delivered. Gives what is wrong with it, if anything is: then the stream is of no more use. */
  push(chunk: Uint8Array): string | undefined {
    let at = 0
    const end = chunk.length
    while (at < end) {
      if (this.#body !== undefined) {
        const take = Math.min(this.#body.length - this.#bodyBytes, end - at)
        this.#body.set(chunk.subarray(at, at + take), this.#bodyBytes)
        this.#bodyBytes += take
        at += take
        if (this.#bodyBytes < this.#body.length) return undefined
        const body = this.#body
        this.#body = undefined
        this.#onFrame(body)
        continue
      }
      if (this.#headBytes > 0 || end - at < 4) {
        while (this.#headBytes < 4 && at < end) this.#head[this.#headBytes++] = chunk[at++]!
        if (this.#headBytes < 4) return undefined
        this.#headBytes = 0
        const problem = this.#begin(uint32(this.#head, 0))
        if (problem !== undefined) return problem
        continue
      }
      const length = uint32(chunk, at)
      at += 4
      if (length > 0 && length <= end - at) {
        if (length > maxFrameBytes) return tooLong(length)
        this.#onFrame(chunk.subarray(at, at + length))
        at += length
        continue
      }
      const problem = this.#begin(length)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  #begin(length: number): string | undefined {
    if (length === 0) {
      this.#onTick()
      return undefined
    }
    if (length > maxFrameBytes) return tooLong(length)
    // The whole frame at once: bounded above, and never more than a frame is claimed by an unfinished one.
    this.#body = Buffer.allocUnsafeSlow(length)
    this.#bodyBytes = 0
    return undefined
  }
}

const uint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

const tooLong = (length: number): string => {
  const field = Buffer.alloc(4)
  field.writeUInt32BE(length)
  return `a frame that claims ${length} bytes, over the limit of ${maxFrameBytes} (it began with ${describeBytes(field)})`
}
