import { Buffer } from "node:buffer"
import { describe, expect, it } from "vitest"
import { describeBytes, DistError, type DistReason } from "../../../src/dist/DistError.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { toToolError } from "../../../src/tools/Failure.ts"

const at = { host: "h", port: 4369 }
const told = (reason: DistReason, node = "a@h") => toToolError(new DistError({ node, reason }), syntaxes.elixir)

describe("whoever is told that a node cannot be connected", () => {
  it.each<DistReason>([
    { _tag: "EpmdSilent", ...at, millis: 1 },
    { _tag: "PortRefused", at: "h:1", from: "epmd" },
    { _tag: "Timeout", phase: "connect", millis: 1, waitingFor: "x" },
    { _tag: "ClosedInHandshake", stage: "acknowledgement" },
    { _tag: "WantsPlain" },
    { _tag: "TlsFailed", detail: "x" },
    { _tag: "NotErlangNode", seen: "x" },
    { _tag: "WrongNode", actual: "b@h" }
  ])("learns which step fails from diagnose_connection, where the error leads nowhere else: $_tag", (reason) => {
    expect(told(reason).next).toBe('diagnose_connection {"node":"a@h"}')
    expect(told(reason, "a\u202e@h").next).toBe(String.raw`diagnose_connection {"node":"a\\u{202E}@h"}`)
  })

  it.each<[DistReason, string | undefined]>([
    [{ _tag: "EpmdRefused", ...at }, "list_nodes"],
    [{ _tag: "CookieRejected" }, 'connect_node {"node":"a@h"}'],
    // Each walk would show what answers there another digest of the cookie.
    [{ _tag: "PeerCookieWrong" }, undefined],
    [{ _tag: "InvalidNodeName", name: "a", problem: "x" }, undefined],
    [{ _tag: "MissingFlags", missing: ["X"] }, undefined],
    [{ _tag: "Disconnected" }, undefined]
  ])("is led elsewhere, or nowhere, by %j", (reason, next) => expect(told(reason).next).toBe(next))

  it("may try again where EPMD was cut short, and not where it is none", () => {
    const garbage = { _tag: "EpmdGarbage", ...at, seen: "nothing" } as const
    expect(told(garbage).retryable).toBe(false)
    expect(told({ ...garbage, isCut: true }).retryable).toBe(true)
  })
})

describe("what a stranger sent", () => {
  it.each([
    ["", "nothing"],
    ["SSH-2.0-OpenSSH_9.2\r\n", 'the text "SSH-2.0-OpenSSH_9.2"'],
    ["HTTP/1.1 505 HTTP Version Not Supported\r\nServer: x\r\n", 'the text "HTTP/1.1 505 HTTP Version Not Supported…"'],
    ["x".repeat(100), `the text "${"x".repeat(60)}…"`],
    ["\r\n\r\n", "the bytes 0d0a0d0a"],
    ["\u0001\u0002", "the bytes 0102"],
    ["\u0000".repeat(30), `the bytes ${"00".repeat(24)}…`]
  ])("is shown by its first line, or its first bytes: %j", (sent, shown) =>
    expect(describeBytes(Buffer.from(sent, "latin1"))).toBe(shown)
  )
})

describe("a host that does not resolve", () => {
  it("is told as the way to one node, or to many", () => {
    const { message } = new DistError({ node: "the nodes of gate", reason: { _tag: "HostUnresolved", host: "gate" } })
    expect(message).toMatch(/^the host 'gate' does not resolve to an address, so the nodes of gate cannot be found\. /u)
  })
})

describe("an EPMD at an address with colons", () => {
  const at6 = { host: "::1", port: 4369 }
  it.each<DistReason>([
    { _tag: "EpmdRefused", ...at6 },
    { _tag: "EpmdSilent", ...at6, millis: 1 },
    { _tag: "EpmdGarbage", ...at6, seen: "nothing" },
    { _tag: "EpmdGarbage", ...at6, seen: "nothing", isCut: true },
    { _tag: "NameNotRegistered", name: "a", ...at6, registered: undefined },
    { _tag: "NameNotRegistered", name: "a", ...at6, registered: [] },
    { _tag: "NameNotRegistered", name: "a", ...at6, registered: ["b"] },
    { _tag: "NameNotRegistered", name: "a", ...at6, registered: ["a"] }
  ])("is told from its port: %j", (reason) => {
    expect(new DistError({ node: "a@::1", reason }).message).toContain("[::1]:4369")
  })
})
