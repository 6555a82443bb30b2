import { Buffer } from "node:buffer"
import { createHash, timingSafeEqual } from "node:crypto"
import { excerpt } from "../syntax/Excerpt.ts"
import { describeBytes, type DistReason, type HandshakeStage } from "./DistError.ts"
import { parseNodeName } from "./NodeName.ts"
import * as Flags from "./Flags.ts"

/**
 * The distribution handshake, version 6, as the connecting side: a pure state machine, packets in, steps out. Lengths
 * before packets, sockets and time are the caller's. Source: erts "Distribution Protocol", `dist_util.erl`.
 *
 *     we                                  they
 *     N  flags, creation, name  ────────▶
 *                               ◀────────  s  status
 *                               ◀────────  N  flags, challenge, creation, name
 *     r  challenge, digest      ────────▶
 *                               ◀────────  a  digest
 */
export interface HandshakeOptions {
  /** The node that we mean to reach, `name@host`. */
  readonly peer: string
  readonly cookie: string
  /**
   * The name that we ask for: `{ dynamic: host }` lets the node choose one, which costs it no atom on reconnection
   * (NAME_ME); a fixed name is a full one.
   */
  readonly name: { readonly dynamic: string } | { readonly fixed: string }
  /** Our incarnation; any number from 4 up, another one for each connection. Not used with a dynamic name. */
  readonly creation: number
  /** 32 random bits. */
  readonly challenge: number
  readonly flags: bigint
}

/** What both sides have agreed on. */
export interface Handshaken {
  readonly peer: { readonly name: string; readonly creation: number }
  readonly local: { readonly name: string; readonly creation: number }
  /** Flags that both sides have. */
  readonly flags: bigint
}

export type HandshakeStep =
  | { readonly _tag: "Wait" }
  | { readonly _tag: "Send"; readonly packet: Uint8Array }
  | { readonly _tag: "Done"; readonly result: Handshaken }
  | { readonly _tag: "Failed"; readonly reason: DistReason }

const failed = (reason: DistReason): HandshakeStep => ({ _tag: "Failed", reason })

const digest = (cookie: string, challenge: number): Buffer =>
  createHash("md5").update(cookie, "latin1").update(String(challenge)).digest()

/** One handshake. Feed it whole packets with `receive`; it is of no further use once it has said Done or Failed. */
export class Handshake {
  /** The packet that opens the handshake. */
  readonly opening: Uint8Array
  readonly #options: HandshakeOptions
  #stage: HandshakeStage = "status"
  #local: { readonly name: string; readonly creation: number }
  #result: Handshaken | undefined

  constructor(options: HandshakeOptions) {
    this.#options = options
    const dynamic = "dynamic" in options.name
    const name = Buffer.from("dynamic" in options.name ? options.name.dynamic : options.name.fixed, "utf8")
    const packet = Buffer.alloc(15 + name.length)
    packet.write("N")
    packet.writeBigUInt64BE(dynamic ? options.flags | Flags.Flag.NAME_ME : options.flags, 1)
    packet.writeUInt32BE(dynamic ? 0 : options.creation, 9)
    packet.writeUInt16BE(name.length, 13)
    packet.set(name, 15)
    this.opening = packet
    this.#local = { name: name.toString("utf8"), creation: options.creation }
  }

  /** What we are waiting for, for a message about silence or a closed connection. */
  get stage(): HandshakeStage {
    return this.#stage
  }

  /** Takes one packet from the node. */
  receive(bytes: Uint8Array): HandshakeStep {
    const packet = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    switch (this.#stage) {
      case "status":
        return this.#status(packet)
      case "challenge":
        return this.#challenge(packet)
      case "acknowledgement":
        return this.#acknowledgement(packet)
    }
  }

  /**
   * What it means that the connection ended now; `isLost`: by an error, such as a reset. A node that is not shown the
   * right cookie says nothing: it closes in an orderly way when it sees our digest (`dist_util:recv_challenge_reply`;
   * seen of OTP 23 to 29, with TLS and without). What is lost may be right.
   */
  closed(isLost: boolean): DistReason {
    return this.#stage === "acknowledgement" && !isLost
      ? { _tag: "CookieRejected" }
      : { _tag: "ClosedInHandshake", stage: this.#stage }
  }

  #status(packet: Buffer): HandshakeStep {
    if (packet[0] !== 0x73) return this.#unexpected(packet)
    const status = packet.toString("latin1", 1)
    if (status.startsWith("named:")) return this.#named(packet)
    switch (status) {
      case "ok":
      case "ok_simultaneous":
        // A name that was asked for dynamically and not given leaves us without one.
        if ("dynamic" in this.#options.name) return failed({ _tag: "NameNotGiven" })
        this.#stage = "challenge"
        return { _tag: "Wait" }
      case "alive":
        // Answering "true" would throw out whoever holds our name. The connection is closed instead.
        return failed({ _tag: "NameInUse", name: this.#local.name })
      case "not_allowed":
        return failed({ _tag: "NotAllowed" })
      case "nok":
        return failed({ _tag: "Refused", status })
      default:
        return this.#unexpected(packet)
    }
  }

  #named(packet: Buffer): HandshakeStep {
    const at = 1 + "named:".length
    if (packet.length < at + 2) return this.#unexpected(packet)
    const length = packet.readUInt16BE(at)
    if (packet.length < at + 2 + length + 4 || !("dynamic" in this.#options.name)) return this.#unexpected(packet)
    const name = packet.toString("utf8", at + 2, at + 2 + length)
    if ("problem" in parseNodeName(name)) return this.#unexpected(packet)
    this.#local = { name, creation: packet.readUInt32BE(at + 2 + length) }
    this.#stage = "challenge"
    return { _tag: "Wait" }
  }

  #challenge(packet: Buffer): HandshakeStep {
    if (packet[0] === 0x6e) return failed({ _tag: "MissingFlags", missing: ["HANDSHAKE_23"] })
    if (packet[0] !== 0x4e || packet.length < 19) return this.#unexpected(packet)
    const theirs = packet.readBigUInt64BE(1)
    const theirChallenge = packet.readUInt32BE(9)
    const creation = packet.readUInt32BE(13)
    const nameLength = packet.readUInt16BE(17)
    if (packet.length < 19 + nameLength) return this.#unexpected(packet)
    const name = packet.toString("utf8", 19, 19 + nameLength)
    if (name !== this.#options.peer) return failed({ _tag: "WrongNode", actual: describeName(name) })
    const missing = Flags.missing(theirs)
    if (missing.length > 0) return failed({ _tag: "MissingFlags", missing })
    this.#result = { peer: { name, creation }, local: this.#local, flags: this.#options.flags & theirs }
    const reply = Buffer.alloc(21)
    reply.write("r")
    reply.writeUInt32BE(this.#options.challenge, 1)
    reply.set(digest(this.#options.cookie, theirChallenge), 5)
    this.#stage = "acknowledgement"
    return { _tag: "Send", packet: reply }
  }

  #acknowledgement(packet: Buffer): HandshakeStep {
    // The node has seen our digest by now, and may send it back: of what it sends, no byte is shown.
    if (packet[0] !== 0x61 || packet.length !== 17)
      return failed({
        _tag: "NotErlangNode",
        seen: `a packet of ${packet.length} bytes that is no answer to our challenge`
      })
    const expected = digest(this.#options.cookie, this.#options.challenge)
    return timingSafeEqual(packet.subarray(1), expected)
      ? { _tag: "Done", result: this.#result! }
      : failed({ _tag: "PeerCookieWrong" })
  }

  #unexpected(packet: Buffer): HandshakeStep {
    return failed({ _tag: "NotErlangNode", seen: describePacket(packet) })
  }
}

/** What a stranger sent as a packet, for a person: zeros make one that has nothing in it. */
export const describePacket = (packet: Uint8Array): string =>
  packet.length === 0 ? "zeros, which make an empty packet" : describeBytes(packet)

/** A name that a stranger claims: as it is where a node can have it, since it is what to ask for, else its beginning. */
const describeName = (name: string): string => ("problem" in parseNodeName(name) ? excerpt(name) : name)

/** Longest packet that a handshake can hold: a challenge with a name of 255 four-byte characters, and some room. */
const maxPacketBytes = 2048

const alertBytes = 7

/**
 * Whether bytes are an alert of TLS in the clear, or the beginning of one: content type 21, a version, the length 2, a
 * level and what it is about. RFC 8446 §5.1 and §6.
 */
const mayBeAlert = ([type, major, minor = 0, high = 0, low = 2, level = 1]: Uint8Array): boolean =>
  type === 0x15 && (major ?? 3) === 3 && minor <= 4 && high === 0 && low === 2 && (level === 1 || level === 2)

/** Splits the bytes of a handshake into packets. */
export class HandshakePackets {
  readonly #lengthBytes: 2 | 4
  #buffer: Buffer = Buffer.alloc(0)
  #first = true

  constructor(lengthBytes: 2 | 4) {
    this.#lengthBytes = lengthBytes
  }

  /** A packet of ours with its length before it. */
  framed(packet: Uint8Array): Uint8Array {
    const framed = Buffer.alloc(this.#lengthBytes + packet.length)
    framed.writeUIntBE(packet.length, 0, this.#lengthBytes)
    framed.set(packet, this.#lengthBytes)
    return framed
  }

  /** Adds bytes from the node. */
  push(chunk: Uint8Array): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk])
  }

  /** The next whole packet if there is one, or why what came cannot be a handshake. */
  next(): Uint8Array | DistReason | undefined {
    // A TLS server answers a plain opening with an alert; as a length its beginning would be far too long.
    if (this.#first && this.#lengthBytes === 2 && mayBeAlert(this.#buffer))
      return this.#buffer.length < alertBytes ? undefined : { _tag: "WantsTls" }
    if (this.#buffer.length < this.#lengthBytes) return undefined
    const length = this.#lengthBytes === 2 ? this.#buffer.readUInt16BE(0) : this.#buffer.readUInt32BE(0)
    if (length > maxPacketBytes) {
      // Only what a stranger says first is shown: later it may be our digest, sent back.
      const seen = this.#first
        ? describeBytes(this.#buffer)
        : `a packet of ${length} bytes, longer than a handshake has`
      return { _tag: "NotErlangNode", seen }
    }
    const end = this.#lengthBytes + length
    if (this.#buffer.length < end) return undefined
    const packet = this.#buffer.subarray(this.#lengthBytes, end)
    this.#buffer = this.#buffer.subarray(end)
    this.#first = false
    return packet
  }

  /** What came behind the last packet: it belongs to the link that follows. */
  rest(): Uint8Array {
    return this.#buffer
  }
}
