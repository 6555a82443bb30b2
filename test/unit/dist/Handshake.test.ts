import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import * as Flags from "../../../src/dist/Flags.ts"
import { Handshake, type HandshakeOptions, HandshakePackets } from "../../../src/dist/Handshake.ts"

const peer = "target@127.0.0.1"
const cookie = "bitter chocolate"
const ourChallenge = 0xdeadbeef
const theirChallenge = 4_000_000_000
const md5 = (text: string) => createHash("md5").update(text, "latin1").digest()

const options = (overrides: Partial<HandshakeOptions> = {}): HandshakeOptions => ({
  peer,
  cookie,
  name: { dynamic: "beamscope" },
  creation: 77,
  challenge: ourChallenge,
  flags: Flags.offered,
  ...overrides
})

const status = (text: string) => Buffer.from(`s${text}`, "latin1")
const named = (name: string, creation: number) => {
  const tail = Buffer.alloc(4)
  tail.writeUInt32BE(creation)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(name.length)
  return Buffer.concat([status("named:"), length, Buffer.from(name), tail])
}
const challenge = (flags = Flags.offered, name = peer) => {
  const head = Buffer.alloc(19)
  head.write("N")
  head.writeBigUInt64BE(flags, 1)
  head.writeUInt32BE(theirChallenge, 9)
  head.writeUInt32BE(1234, 13)
  head.writeUInt16BE(name.length, 17)
  return Buffer.concat([head, Buffer.from(name)])
}
const acknowledgement = (digest = md5(cookie + ourChallenge)) => Buffer.concat([Buffer.from("a"), digest])

const afterStatus = (overrides: Partial<HandshakeOptions> = {}) => {
  const handshake = new Handshake(options({ name: { fixed: "us@here" }, ...overrides }))
  expect(handshake.receive(status("ok"))).toEqual({ _tag: "Wait" })
  return handshake
}

describe("Handshake", () => {
  it("asks for a dynamic name with NAME_ME, no creation and only the host part", () => {
    const { opening } = new Handshake(options())
    const packet = Buffer.from(opening)
    expect(packet.toString("latin1", 0, 1)).toBe("N")
    expect(packet.readBigUInt64BE(1)).toBe(Flags.offered | Flags.Flag.NAME_ME)
    expect(packet.readUInt32BE(9)).toBe(0)
    expect(packet.toString("utf8", 15)).toBe("beamscope")
  })

  it("gives its own name and creation where it is fixed", () => {
    const packet = Buffer.from(new Handshake(options({ name: { fixed: "us@here" } })).opening)
    expect(packet.readBigUInt64BE(1) & Flags.Flag.NAME_ME).toBe(0n)
    expect(packet.readUInt32BE(9)).toBe(77)
    expect(packet.toString("utf8", 15)).toBe("us@here")
  })

  it("takes the name that the node gives, proves the cookie, and checks the node's proof", () => {
    const handshake = new Handshake(options())
    expect(handshake.receive(named("7XY@beamscope", 5))).toEqual({ _tag: "Wait" })
    const answer = handshake.receive(challenge())
    if (answer._tag !== "Send") return expect.unreachable()
    const reply = Buffer.from(answer.packet)
    expect(reply.readUInt32BE(1)).toBe(ourChallenge)
    expect(reply.subarray(5)).toEqual(md5(cookie + theirChallenge))
    expect(handshake.receive(acknowledgement())).toEqual({
      _tag: "Done",
      result: {
        peer: { name: peer, creation: 1234 },
        local: { name: "7XY@beamscope", creation: 5 },
        flags: Flags.offered
      }
    })
  })

  it("never offers to be published, nor an atom cache", () => {
    expect(Flags.offered & 0x1n).toBe(0n)
    expect(Flags.offered & 0x2000n).toBe(0n)
  })

  it("agrees on what both sides have", () => {
    const handshake = afterStatus()
    handshake.receive(challenge(Flags.offered & ~Flags.Flag.SPAWN))
    const done = handshake.receive(acknowledgement())
    if (done._tag !== "Done") return expect.unreachable()
    expect(Flags.has(done.result.flags, "SPAWN")).toBe(false)
    expect(Flags.has(done.result.flags, "FRAGMENTS")).toBe(true)
  })

  it.each([
    ["alive", { _tag: "NameInUse", name: "us@here" }],
    ["not_allowed", { _tag: "NotAllowed" }],
    ["nok", { _tag: "Refused", status: "nok" }]
  ])("reads the status %s", (text, reason) => {
    const handshake = new Handshake(options({ name: { fixed: "us@here" } }))
    expect(handshake.receive(status(text))).toEqual({ _tag: "Failed", reason })
  })

  it("reads what a closed connection means at each step", () => {
    const handshake = new Handshake(options())
    expect(handshake.closed(false)).toEqual({ _tag: "ClosedInHandshake", stage: "status" })
    handshake.receive(named("7XY@beamscope", 5))
    expect(handshake.closed(false)).toEqual({ _tag: "ClosedInHandshake", stage: "challenge" })
    handshake.receive(challenge())
    expect(handshake.closed(false)).toEqual({ _tag: "CookieRejected" })
    expect(handshake.closed(true)).toEqual({ _tag: "ClosedInHandshake", stage: "acknowledgement" })
  })

  it("refuses a node of another name", () => {
    const step = afterStatus().receive(challenge(Flags.offered, "other@127.0.0.1"))
    expect(step).toEqual({ _tag: "Failed", reason: { _tag: "WrongNode", actual: "other@127.0.0.1" } })
  })

  it.each([
    ["x@::1", "x@::1"],
    ["x@fe80::1%eth0", "x@fe80::1%eth0"],
    ["a$b@10.0.0.1", "a$b@10.0.0.1"],
    ["a b\n@h", expect.stringMatching(/^a b\\.+@h$/u)],
    [`${"x".repeat(300)}@h`, expect.stringMatching(/^x+…$/u)]
  ])("tells the name of another node as it is where that is one: %j", (name, actual) => {
    expect(afterStatus().receive(challenge(Flags.offered, name))).toEqual({
      _tag: "Failed",
      reason: { _tag: "WrongNode", actual }
    })
  })

  it("refuses a node whose digest shows that it does not know the cookie", () => {
    const handshake = afterStatus()
    handshake.receive(challenge())
    const step = handshake.receive(acknowledgement(md5("another cookie" + ourChallenge)))
    expect(step).toEqual({ _tag: "Failed", reason: { _tag: "PeerCookieWrong" } })
  })

  it.each([
    ["our reply", (reply: Buffer) => reply],
    ["our digest, as if it were its own", (reply: Buffer) => Buffer.concat([Buffer.from("a"), reply])],
    ["our digest alone", (reply: Buffer) => reply.subarray(5)]
  ])("does not repeat the digest of the cookie to a person when the other side sends back %s", (_, echoed) => {
    const handshake = afterStatus()
    const answer = handshake.receive(challenge())
    if (answer._tag !== "Send") return expect.unreachable()
    const echo = echoed(Buffer.from(answer.packet))
    expect(handshake.receive(echo)).toEqual({
      _tag: "Failed",
      reason: { _tag: "NotErlangNode", seen: `a packet of ${echo.length} bytes that is no answer to our challenge` }
    })
  })

  it("names the features that an old node lacks", () => {
    const step = afterStatus().receive(
      challenge(Flags.offered & ~Flags.Flag.MANDATORY_25_DIGEST & ~Flags.Flag.MAP_TAG & ~Flags.Flag.UTF8_ATOMS)
    )
    expect(step).toEqual({ _tag: "Failed", reason: { _tag: "MissingFlags", missing: ["UTF8_ATOMS", "MAP_TAG"] } })
    expect(afterStatus().receive(Buffer.from("n\0\x05......"))).toEqual({
      _tag: "Failed",
      reason: { _tag: "MissingFlags", missing: ["HANDSHAKE_23"] }
    })
  })

  it("takes the digest of mandatory features for the features", () => {
    const { EXIT_PAYLOAD, FRAGMENTS, HANDSHAKE_23, MANDATORY_25_DIGEST } = Flags.Flag
    const step = afterStatus().receive(challenge(MANDATORY_25_DIGEST | HANDSHAKE_23 | EXIT_PAYLOAD | FRAGMENTS))
    expect(step._tag).toBe("Send")
  })

  it.each([
    ["an empty packet", Buffer.alloc(0)],
    ["an unknown status", status("maybe")],
    ["a name that is none", named("beamscope", 5)],
    ["a name that is too long", named(`${"x".repeat(300)}@beamscope`, 5)],
    ["a cut name", named("7XY@beamscope", 5).subarray(0, 12)],
    ["text", Buffer.from("HTTP/1.1 400 Bad Request")]
  ])("calls %s no Erlang node", (_name, packet) => {
    const step = new Handshake(options()).receive(packet)
    expect(step._tag === "Failed" && step.reason._tag).toBe("NotErlangNode")
  })

  it("survives any challenge cut at any byte", () => {
    const whole = challenge()
    for (let length = 0; length < whole.length; length++) {
      const step = afterStatus().receive(whole.subarray(0, length))
      expect(step._tag).toBe("Failed")
    }
  })
})

describe("HandshakePackets", () => {
  const packets = [named("7XY@beamscope", 5), challenge(), acknowledgement()]

  it.each([2, 4] as const)("gives the same packets wherever a stream with %i-byte lengths is cut", (lengthBytes) => {
    const framer = new HandshakePackets(lengthBytes)
    const stream = Buffer.concat([...packets.map((packet) => framer.framed(packet)), Buffer.from("rest")])
    for (let cut = 0; cut <= stream.length; cut++) {
      const splitter = new HandshakePackets(lengthBytes)
      const seen: Array<Uint8Array> = []
      for (const part of [stream.subarray(0, cut), stream.subarray(cut)]) {
        splitter.push(part)
        while (seen.length < packets.length) {
          const packet = splitter.next()
          if (packet === undefined || "_tag" in packet) break
          seen.push(packet)
        }
      }
      expect(seen).toEqual(packets)
      expect(Buffer.from(splitter.rest()).toString()).toBe("rest")
    }
  })

  it("recognises a TLS alert and a stranger by their first bytes", () => {
    const alert = new HandshakePackets(2)
    alert.push(Uint8Array.of(0x15, 0x03, 0x03, 0, 2, 2, 10))
    expect(alert.next()).toEqual({ _tag: "WantsTls" })
    const inPieces = new HandshakePackets(2)
    for (const byte of [0x15, 3, 3, 0, 2, 2]) {
      inPieces.push(Uint8Array.of(byte))
      expect(inPieces.next()).toBeUndefined()
    }
    inPieces.push(Uint8Array.of(80))
    expect(inPieces.next()).toEqual({ _tag: "WantsTls" })
    for (const bytes of [
      [0x15, 0xab],
      [0x15, 3, 0x7a],
      [0x15, 3, 3, 0, 3],
      [0x15, 3, 3, 0, 2, 9, 10]
    ]) {
      const other = new HandshakePackets(2)
      other.push(Uint8Array.from(bytes))
      expect(other.next()).toMatchObject({ _tag: "NotErlangNode" })
    }
    const stranger = new HandshakePackets(2)
    stranger.push(Buffer.from("SSH-2.0-OpenSSH_9.2\r\n"))
    expect(stranger.next()).toEqual({ _tag: "NotErlangNode", seen: 'the text "SSH-2.0-OpenSSH_9.2"' })
  })

  it.each([2, 4] as const)("shows nothing of a later packet of %i-byte lengths that is too long", (lengthBytes) => {
    const packets = new HandshakePackets(lengthBytes)
    packets.push(packets.framed(status("ok")))
    expect(packets.next()).toEqual(status("ok"))
    packets.push(packets.framed(Buffer.concat([md5("digest"), Buffer.alloc(3_000)])))
    expect(packets.next()).toEqual({
      _tag: "NotErlangNode",
      seen: "a packet of 3016 bytes, longer than a handshake has"
    })
  })
})
