import { Buffer } from "node:buffer"
import { type Cursor, decodeNext } from "../etf/Decode.ts"
import type { Term, Tuple } from "../etf/Term.ts"
import type { FrameHandler } from "./Frames.ts"
import { ProtocolError } from "./ProtocolError.ts"

/** What becomes of messages. All of it is called synchronously from the socket's data event. */
export interface MessageHandler {
  /**
   * Bytes that the payload of this control message may have before it is dropped. Of one that comes in fragments it is
   * asked again with each piece: whoever it is for may be gone meanwhile.
   */
  readonly payloadLimit: (control: Tuple) => number
  /** A whole message. The payload is a bare term (or absent), and a view of memory that is not reused. */
  readonly message: (control: Tuple, payload: Uint8Array | undefined) => void
  /**
   * A message whose payload was dropped. `head` is as much of where the payload begins as has come, to be used up
   * before this returns; nothing more of it is kept.
   */
  readonly oversized: (control: Tuple, head: Uint8Array, why: DropReason) => void
}

/** Why a payload is dropped: it went over its limit, or all that is unfinished together takes what it may (`crowded`). */
export type DropReason = "limit" | "crowded"

const VERSION = 131
const NORMAL = 68
const FRAGMENT_FIRST = 69
const FRAGMENT_NEXT = 70

/** What stands before the payload in all fragments but the first: 131, 70, the sequence's id, the fragment's number. */
const nextHeadBytes = 18

/** Fragmented messages in the making at one time; a node has as many as it has processes that send to us at once. */
const maxSequences = 4_096

/** Bytes that all unfinished messages together may take here. */
const maxUnfinishedBytes = 256 * 1024 * 1024

/** What a node puts into each fragment of a message but the last. */
const fragmentBytes = 64 * 1024

/**
 * Room is made for up to so many times what has come, so that a claim alone costs nothing. It is address space: what
 * is not filled takes no memory. Making it anew in mid-transfer costs more than all copying (by way of the collector,
 * half as long again for 64 MB), so a node's own first fragment gets the room for all of that at once.
 */
const roomPerByte = 2_048

/** What a byte of a control message takes once it is a term: a generous guess. */
const controlBytesPerByte = 8

/** Control messages are small tuples. These bounds only stop what no node sends. */
const controlLimits = { bytes: 8 * 1024, depth: 64 }

/** An unfinished fragmented message. */
interface Sequence {
  readonly id: bigint
  readonly control: Tuple
  /** Bytes of the payload to be expected, going by the number of its first fragment. */
  readonly expectedBytes: number
  /** What it takes of `maxUnfinishedBytes` beside its payload. */
  readonly overheadBytes: number
  /** Room for the payload, in proportion to what has come of it; `undefined` once it is dropped. */
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
   * Takes a whole frame, in memory that is not reused. Throws an `EtfError` or a `ProtocolError` for what the protocol does
   * not allow.
   */
  frame(frame: Uint8Array): void {
    if (frame[0] !== VERSION) throw new ProtocolError(`a frame of the unknown type ${frame[0]}`)
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
        throw new ProtocolError(`a frame with the unknown header ${frame[1]}`)
    }
  }

  #control(frame: Uint8Array, at: number): Tuple {
    this.#cursor.offset = at
    const control: Term = decodeNext(frame, this.#cursor, controlLimits)
    if (!Array.isArray(control) || typeof control[0] !== "number")
      throw new ProtocolError("a control message that is none")
    return control
  }

  #whole(control: Tuple, payload: Uint8Array | undefined): void {
    if (payload !== undefined) {
      const limit = this.#handler.payloadLimit(control)
      if (payload.length > limit) return this.#handler.oversized(control, payload, "limit")
    }
    this.#handler.message(control, payload)
  }

  #first(frame: Uint8Array): void {
    const view = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    if (frame.length < 20) throw new ProtocolError("a cut first fragment")
    const id = view.readBigUInt64BE(2)
    const fragment = view.readBigUInt64BE(10)
    if (fragment === 0n) throw new ProtocolError("a fragment of number 0")
    noAtomCache(frame, 18)
    const control = this.#control(frame, 19)
    const start = frame.subarray(this.#cursor.offset)
    if (fragment === 1n) return this.#whole(control, start.length > 0 ? start : undefined)
    if (this.#sequences.has(id)) throw new ProtocolError("a second first fragment of one message")
    if (this.#sequences.size >= maxSequences) throw new ProtocolError(`more than ${maxSequences} unfinished messages`)
    const expectedBytes = start.length + fragmentBytes * (Number(fragment) - 1)
    const overheadBytes = controlBytesPerByte * this.#cursor.offset
    if (this.#unfinishedBytes + overheadBytes > maxUnfinishedBytes)
      throw new ProtocolError("too many unfinished messages")
    const payload = new Uint8Array(0)
    const sequence: Sequence = { id, control, expectedBytes, overheadBytes, payload, bytes: 0, fragment }
    this.#unfinishedBytes += overheadBytes
    this.#sequences.set(id, sequence)
    this.#add(sequence, start)
  }

  /**
   * A fragment other than the first goes from where it was read into the payload, in pieces. Throws a `ProtocolError` for
   * one that is not due.
   */
  begin(head: Uint8Array): boolean {
    if (head[0] !== VERSION || head[1] !== FRAGMENT_NEXT) return false
    if (head.length < nextHeadBytes) throw new ProtocolError("a cut fragment")
    const view = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
    const id = view.readBigUInt64BE(2)
    const fragment = view.readBigUInt64BE(10)
    const sequence = this.#sequences.get(id)
    if (sequence === undefined || fragment !== sequence.fragment - 1n || fragment === 0n)
      throw new ProtocolError("a fragment out of its sequence")
    sequence.fragment = fragment
    this.#continued = sequence
    return true
  }

  /** A piece of the fragment that was begun. */
  piece(bytes: Uint8Array, isLast: boolean): void {
    const sequence = this.#continued!
    this.#add(sequence, bytes)
    if (!isLast || sequence.fragment !== 1n) return
    this.#sequences.delete(sequence.id)
    const { payload } = sequence
    this.#unfinishedBytes -= sequence.overheadBytes + (payload?.length ?? 0)
    if (payload !== undefined) this.#handler.message(sequence.control, payload.subarray(0, sequence.bytes))
  }

  #add(sequence: Sequence, chunk: Uint8Array): void {
    if (sequence.payload === undefined) return
    const bytes = sequence.bytes + chunk.length
    const limitBytes = this.#handler.payloadLimit(sequence.control)
    if (bytes > limitBytes) return this.#drop(sequence, chunk, "limit")
    if (!this.#makeRoom(sequence, bytes, limitBytes)) return this.#drop(sequence, chunk, "crowded")
    sequence.payload.set(chunk, sequence.bytes)
    sequence.bytes = bytes
  }

  #drop(sequence: Sequence, chunk: Uint8Array, why: DropReason): void {
    const payload = sequence.payload!
    this.#unfinishedBytes -= payload.length
    sequence.payload = undefined
    // Room beyond what has come holds what this process had in memory before.
    const head = sequence.bytes > 0 ? payload.subarray(0, Math.min(sequence.bytes, fragmentBytes)) : chunk
    this.#handler.oversized(sequence.control, head, why)
  }

  /** Whether there is room. What a node announces is never passed over; other peers may cut their fragments as they like. */
  #makeRoom(sequence: Sequence, bytes: number, limitBytes: number): boolean {
    const standing = sequence.payload!
    if (bytes <= standing.length) return true
    const due = bytes <= sequence.expectedBytes ? sequence.expectedBytes : limitBytes
    const size = Math.min(due, limitBytes, roomPerByte * bytes)
    if (this.#unfinishedBytes - standing.length + size > maxUnfinishedBytes) return false
    this.#unfinishedBytes += size - standing.length
    sequence.payload = Buffer.allocUnsafeSlow(size)
    sequence.payload.set(standing.subarray(0, sequence.bytes))
    return true
  }
}

const noAtomCache = (frame: Uint8Array, at: number): void => {
  if (frame[at] !== 0) throw new ProtocolError("a header with an atom cache, which was not negotiated")
}
