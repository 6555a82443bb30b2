import { Buffer } from "node:buffer"
import { describeBytes } from "./DistError.ts"

/** Frames longer than this end the link: with FRAGMENTS a node sends at most 64 KiB and a header in one frame. */
export const maxFrameBytes = 1024 * 1024

/** What becomes of frames. All of it is called synchronously while bytes are pushed. */
export interface FrameHandler {
  /** A frame of no bytes. */
  readonly tick: () => void
  /** A whole frame, in memory that is not reused. */
  readonly frame: (frame: Uint8Array) => void
  /** How much of a frame `begin` sees at least; it is not asked about frames that have no more, or that are small and came whole. */
  readonly headBytes: number
  /** Whether what follows the first `headBytes` is wanted in pieces, as they come; else the frame is collected. */
  readonly begin: (head: Uint8Array) => boolean
  /** A piece of such a frame, to be used up before this returns; the last one ends the frame. */
  readonly piece: (bytes: Uint8Array, isLast: boolean) => void
}

/**
 * Frames up to this size that came whole are copied together with those that follow them: requests and replies come by
 * the hundred, and memory for each of them costs more than to read it.
 */
const smallBytes = 1024

/** Bytes of such a run at most. What is kept of a frame keeps, like any small Buffer, what Node's pool cut it from. */
const runBytes = 4 * 1024

const noBody = new Uint8Array(0)

/**
 * Splits the byte stream of a running link into frames: `Length:32, Body`. A body of no bytes is a tick. Incremental:
 * bytes come in as they come, and nothing is kept but one unfinished frame, of which most bytes go on at once.
 */
export class Frames {
  readonly #handler: FrameHandler
  /** The length field while it is incomplete. */
  readonly #length: Uint8Array = new Uint8Array(4)
  #lengthBytes = 0
  /** Bytes of the unfinished frame that have yet to come; 0 between frames. */
  #missing = 0
  #inPieces = false
  /** What is collected of the unfinished frame: its head, and then all of it unless it goes on in pieces. */
  #body: Uint8Array = noBody
  #bodyBytes = 0

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /**
   * Takes what the socket delivered, whose memory may be reused afterwards. Gives what is wrong with it, if anything
   * is: then the stream is of no more use.
   */
  push(chunk: Uint8Array): string | undefined {
    let at = 0
    const end = chunk.length
    while (at < end) {
      if (this.#missing > 0) {
        at = this.#continue(chunk, at)
        continue
      }
      let length: number
      if (this.#lengthBytes === 0 && end - at >= 4) {
        length = uint32(chunk, at)
        at += 4
      } else {
        this.#length[this.#lengthBytes++] = chunk[at++]!
        if (this.#lengthBytes < 4) continue
        this.#lengthBytes = 0
        length = uint32(this.#length, 0)
      }
      if (length === 0) this.#handler.tick()
      else if (length > maxFrameBytes) return tooLong(length)
      else if (length <= smallBytes && length <= end - at) at = this.#run(chunk, at, length)
      else this.#open(length)
    }
    return undefined
  }

  /** A run of small frames, of which the first has its body at `at`. Answers where in the chunk it left off. */
  #run(chunk: Uint8Array, at: number, length: number): number {
    const most = Math.min(chunk.length, at + runBytes)
    let end = at + length
    while (most - end >= 4) {
      const next = uint32(chunk, end)
      if (next === 0 || next > smallBytes || next > most - end - 4) break
      end += 4 + next
    }
    const run = Buffer.allocUnsafe(end - at)
    run.set(chunk.subarray(at, end))
    for (let from = 0, size = length; ; size = uint32(run, from), from += 4) {
      this.#handler.frame(run.subarray(from, from + size))
      from += size
      if (from === run.length) return end
    }
  }

  #open(length: number): void {
    this.#missing = length
    this.#body = Buffer.allocUnsafe(Math.min(length, this.#handler.headBytes))
    this.#bodyBytes = 0
  }

  /** Takes what there is of the unfinished frame, from `at` on. Answers where in the chunk it left off. */
  #continue(chunk: Uint8Array, at: number): number {
    const wanted = this.#inPieces ? this.#missing : this.#body.length - this.#bodyBytes
    const bytes = chunk.subarray(at, at + wanted)
    this.#missing -= bytes.length
    if (this.#inPieces) {
      this.#inPieces = this.#missing > 0
      this.#handler.piece(bytes, !this.#inPieces)
    } else {
      this.#body.set(bytes, this.#bodyBytes)
      this.#bodyBytes += bytes.length
      if (this.#bodyBytes === this.#body.length) this.#filled(this.#body)
    }
    return at + bytes.length
  }

  /** The head is there, or all of the frame. */
  #filled(body: Uint8Array): void {
    if (this.#missing === 0) {
      this.#body = noBody
      this.#handler.frame(body)
    } else if (this.#handler.begin(body)) {
      this.#inPieces = true
    } else {
      // The whole frame at once: bounded, and never more than a frame is claimed by an unfinished one.
      this.#body = Buffer.allocUnsafe(body.length + this.#missing)
      this.#body.set(body)
    }
  }
}

const uint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

const tooLong = (length: number): string => {
  const field = Buffer.alloc(4)
  field.writeUInt32BE(length)
  return `a frame that claims ${length} bytes, over the limit of ${maxFrameBytes} (it began with ${describeBytes(field)})`
}
