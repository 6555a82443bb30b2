import { Buffer } from "node:buffer"
import { type Cursor, decodeNext } from "../etf/Decode.ts"
import type { Term, Tuple } from "../etf/Term.ts"
import type { FrameHandler } from "./Frames.ts"

/** What becomes of messages. All of it is called synchronously from the socket's data event. */
export interface MessageHandler {
  /** Bytes that the payload of this control message may have before it is dropped. Asked once, before the payload. */
  readonly payloadLimit: (control: Tuple) => number
  /** A whole message. The payload is a bare term (or absent), and a view of memory that is not reused. */
  readonly message: (control: Tuple, payload: Uint8Array | undefined) => void
  /**
   * A message whose payload went over its limit. `head` is where the payload begins, to be used up before this
   * returns; nothing more of it is kept.
   */
  readonly oversized: (control: Tuple, head: Uint8Array) => void
}

const VERSION = 131
const NORMAL = 68
const FRAGMENT_FIRST = 69
const FRAGMENT_NEXT = 70
const PASS_THROUGH = 112

/** What stands before the payload in all fragments but the first: 131, 70, the sequence's id, the fragment's number. */
const nextHeadBytes = 18

/** Fragmented messages in the making at one time; a node has as many as it has processes that send to us at once. */
const maxSequences = 4_096

/** Bytes that all unfinished messages together may take here. */
const maxUnfinishedBytes = 256 * 1024 * 1024

/** What a node puts into each fragment of a message but the last. */
const fragmentBytes = 64 * 1024

/** What a byte of a control message takes once it is a term: a generous guess. */
const controlBytesPerByte = 8

/** Control messages are small tuples. These bounds only stop what no node sends. */
const controlLimits = { bytes: 8 * 1024, depth: 64 }

/** An unfinished fragmented message. */
interface Sequence {
  readonly id: bigint
  readonly control: Tuple
  readonly limitBytes: number
  /** What it takes of `maxUnfinishedBytes` beside its payload. */
  readonly overheadBytes: number
  /** Room for the payload, allocated once for as many fragments as are announced; `undefined` once it is dropped. */
  payload: Uint8Array | undefined
  /** Bytes of the payload that have come. */
  bytes: number
  /** The number of the last fragment that came; they count down to 1. */
  fragment: bigint
}

/**
 * Puts frames together to messages: a control tuple, and the payload's bytes. Fragments of several messages may
 * interleave. A payload over its limit is dropped fragment by fragment, and the link lives on.
 * Source: erts "Distribution Protocol", "Protocol between connected nodes"; no atom cache is negotiated, so every
 * header must come with none.
 */
export class Messages implements Omit<FrameHandler, "tick"> {
  readonly headBytes = nextHeadBytes
  readonly #handler: MessageHandler
  readonly #sequences = new Map<bigint, Sequence>()
  readonly #cursor: Cursor = { offset: 0 }
  #unfinishedBytes = 0
  /** Whose fragment is coming in pieces. */
  #continued: Sequence | undefined

  constructor(handler: MessageHandler) {
    this.#handler = handler
  }

  /**
   * Takes a whole frame, in memory that is not reused. Throws an `EtfError` or a `RangeError` for what the protocol does
   * not allow.
   */
  frame(frame: Uint8Array): void {
    if (frame[0] === PASS_THROUGH) {
      // Without FRAGMENTS: each term with its own version byte.
      if (frame[1] !== VERSION) throw new RangeError(`a pass-through frame without a version byte`)
      const control = this.#control(frame, 2)
      const at = this.#cursor.offset
      if (at < frame.length && frame[at] !== VERSION) throw new RangeError("a payload without a version byte")
      return this.#whole(control, at < frame.length ? frame.subarray(at + 1) : undefined)
    }
    if (frame[0] !== VERSION) throw new RangeError(`a frame of the unknown type ${frame[0]}`)
    switch (frame[1]) {
      case NORMAL: {
        noAtomCache(frame, 2)
        const control = this.#control(frame, 3)
        const at = this.#cursor.offset
        return this.#whole(control, at < frame.length ? frame.subarray(at) : undefined)
      }
      case FRAGMENT_FIRST:
        return this.#first(frame)
      case FRAGMENT_NEXT:
        this.begin(frame)
        return this.piece(frame.subarray(nextHeadBytes), true)
      default:
        throw new RangeError(`a frame with the unknown header ${frame[1]}`)
    }
  }

  #control(frame: Uint8Array, at: number): Tuple {
    this.#cursor.offset = at
    const control: Term = decodeNext(frame, this.#cursor, controlLimits)
    if (!Array.isArray(control) || typeof control[0] !== "number")
      throw new RangeError("a control message that is none")
    return control
  }

  #whole(control: Tuple, payload: Uint8Array | undefined): void {
    if (payload !== undefined) {
      const limit = this.#handler.payloadLimit(control)
      if (payload.length > limit) return this.#handler.oversized(control, payload)
    }
    this.#handler.message(control, payload)
  }

  #first(frame: Uint8Array): void {
    const view = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    if (frame.length < 20) throw new RangeError("a cut first fragment")
    const id = view.readBigUInt64BE(2)
    const fragment = view.readBigUInt64BE(10)
    if (fragment === 0n) throw new RangeError("a fragment of number 0")
    noAtomCache(frame, 18)
    const control = this.#control(frame, 19)
    const start = frame.subarray(this.#cursor.offset)
    if (fragment === 1n) return this.#whole(control, start.length > 0 ? start : undefined)
    if (this.#sequences.has(id)) throw new RangeError("a second first fragment of one message")
    if (this.#sequences.size >= maxSequences) throw new RangeError(`more than ${maxSequences} unfinished messages`)
    const limitBytes = this.#handler.payloadLimit(control)
    const room = Math.min(limitBytes, start.length + fragmentBytes * (Number(fragment) - 1))
    const overheadBytes = controlBytesPerByte * this.#cursor.offset
    if (this.#unfinishedBytes + overheadBytes > maxUnfinishedBytes) throw new RangeError("too many unfinished messages")
    const payload = new Uint8Array(0)
    const sequence: Sequence = { id, control, limitBytes, overheadBytes, payload, bytes: 0, fragment }
    this.#unfinishedBytes += overheadBytes
    this.#sequences.set(id, sequence)
    this.#add(sequence, start, room)
  }

  /**
   * A fragment other than the first goes from where it was read into the payload, in pieces. Throws a `RangeError` for
   * one that is not due.
   */
  begin(head: Uint8Array): boolean {
    if (head[0] !== VERSION || head[1] !== FRAGMENT_NEXT) return false
    if (head.length < nextHeadBytes) throw new RangeError("a cut fragment")
    const view = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
    const id = view.readBigUInt64BE(2)
    const fragment = view.readBigUInt64BE(10)
    const sequence = this.#sequences.get(id)
    if (sequence === undefined || fragment !== sequence.fragment - 1n || fragment === 0n)
      throw new RangeError("a fragment out of its sequence")
    sequence.fragment = fragment
    this.#continued = sequence
    return true
  }

  /** A piece of the fragment that was begun. */
  piece(bytes: Uint8Array, isLast: boolean): void {
    const sequence = this.#continued!
    this.#add(sequence, bytes, 0)
    if (!isLast || sequence.fragment !== 1n) return
    this.#sequences.delete(sequence.id)
    const { payload } = sequence
    this.#unfinishedBytes -= sequence.overheadBytes + (payload?.length ?? 0)
    if (payload !== undefined) this.#handler.message(sequence.control, payload.subarray(0, sequence.bytes))
  }

  /** Adds to a payload, in room for as many bytes as are to be expected. */
  #add(sequence: Sequence, chunk: Uint8Array, expected: number): void {
    if (sequence.payload === undefined) return
    const bytes = sequence.bytes + chunk.length
    if (bytes > sequence.limitBytes || !this.#makeRoom(sequence, Math.max(bytes, expected))) {
      const head = sequence.bytes > 0 ? sequence.payload.slice(0, fragmentBytes) : chunk
      this.#unfinishedBytes -= sequence.payload.length
      sequence.payload = undefined
      return this.#handler.oversized(sequence.control, head)
    }
    sequence.payload.set(chunk, sequence.bytes)
    sequence.bytes = bytes
  }

  /** Whether there is room. A node's own estimate always fits; other peers may cut their fragments as they like. */
  #makeRoom(sequence: Sequence, bytes: number): boolean {
    const standing = sequence.payload!
    if (bytes <= standing.length) return true
    const size = Math.min(sequence.limitBytes, Math.max(bytes, 2 * standing.length))
    if (this.#unfinishedBytes - standing.length + size > maxUnfinishedBytes) return false
    this.#unfinishedBytes += size - standing.length
    sequence.payload = Buffer.allocUnsafeSlow(size)
    sequence.payload.set(standing.subarray(0, sequence.bytes))
    return true
  }
}

const noAtomCache = (frame: Uint8Array, at: number): void => {
  if (frame[at] !== 0) throw new RangeError("a header with an atom cache, which was not negotiated")
}
