import { describe, expect, it } from "vitest"
import { DistError, type DistReason } from "../../../src/dist/DistError.ts"
import { CallError, type CallReason } from "../../../src/node/CallError.ts"
import { isHopeless, isOverdue, isTrouble } from "../../../src/node/NodeError.ts"

/** Whether each reason for which no link can be made, or one was lost, says that the node or the way to it is in trouble. */
const troubles: Record<DistReason["_tag"], boolean> = {
  InvalidNodeName: false,
  InvalidOption: false,
  HostUnresolved: false,
  NoResources: false,
  EpmdRefused: false,
  EpmdSilent: true,
  EpmdGarbage: false,
  NameNotRegistered: false,
  PortRefused: false,
  Unreachable: true,
  Timeout: true,
  CookieRejected: false,
  PeerCookieWrong: false,
  NotAllowed: false,
  Refused: false,
  NameInUse: false,
  NameRefused: false,
  WantsTls: false,
  WantsPlain: false,
  TlsCertificate: false,
  TlsClientCertificateWanted: false,
  TlsClientCertificateRefused: false,
  TlsVersion: false,
  TlsMaterial: false,
  TlsFailed: false,
  NotErlangNode: false,
  NameNotGiven: false,
  ClosedInHandshake: true,
  WrongNode: false,
  MissingFlags: false,
  LinkClosed: true,
  TickTimeout: true,
  ProtocolViolation: true,
  Fault: false,
  Disconnected: false
}

const told = (reason: DistReason): boolean => isTrouble(new DistError({ node: "a@h", reason }))

describe("what says that a node is in trouble", () => {
  it.each(Object.entries(troubles))("%s: %s", (tag, isOne) => {
    expect(told({ _tag: tag } as DistReason)).toBe(isOne)
  })

  it("is an end in the middle, of TLS and of EPMD's answer too, and a name service that gives none", () => {
    expect(told({ _tag: "TlsFailed", detail: "it closed the connection", isCut: true })).toBe(true)
    expect(told({ _tag: "HostUnresolved", host: "h", isPassing: true })).toBe(true)
    expect(told({ _tag: "EpmdGarbage", host: "h", port: 4369, seen: "nothing", isCut: true })).toBe(true)
  })
})

describe("what says that it was time that was lacking", () => {
  it.each<[boolean, DistReason]>([
    [true, { _tag: "Timeout", phase: "connect", millis: 1, waitingFor: "it" }],
    [true, { _tag: "HostUnresolved", host: "h", isPassing: true }],
    [false, { _tag: "HostUnresolved", host: "h" }],
    [false, { _tag: "PortRefused", at: "h:1", from: "epmd" }]
  ])("%s: %o", (isOne, reason) => {
    expect(isOverdue(new DistError({ node: "a@h", reason }))).toBe(isOne)
  })
})

describe("what does not pass by itself", () => {
  it.each<[boolean, CallReason]>([
    [true, { _tag: "AtomsScarce", left: 9, limit: 32_768, needed: 64, maker: "joining" }],
    [false, { _tag: "ProcessTableFull", limit: 1_024, hasBegun: false }]
  ])("%s: %o", (isOne, reason) => {
    expect(isHopeless(new CallError({ node: "a@h", target: "connecting", reason }))).toBe(isOne)
  })
})
