import { describe, expect, it } from "vitest"
import { DistError, type DistReason } from "../../../src/dist/DistError.ts"
import { atom } from "../../../src/etf/Term.ts"
import { CallError, type CallReason } from "../../../src/node/CallError.ts"
import { LeftAlone } from "../../../src/node/LeftAlone.ts"
import { BreakerOpen } from "../../../src/node/NodeError.ts"
import { TargetError } from "../../../src/node/Targets.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { toToolError } from "../../../src/tools/Failure.ts"
import { ToolError, type ToolErrorCode } from "../../../src/tools/ToolError.ts"

const at = { host: "h", port: 4369 }
const { elixir } = syntaxes

const messageOf = (reason: CallReason) =>
  toToolError(new CallError({ node: "a@h", target: "lists:map/2", reason }), elixir, {
    name: "get_system_info",
    ifLate: "Wait."
  }).message

describe("a node that is left in peace", () => {
  it("is told with when the next request goes through, and how to try at once", () => {
    const open = { node: "a@h", since: 0, until: 4_000 }
    expect(toToolError(new BreakerOpen({ ...open, isProbing: false }), elixir)).toMatchObject({
      code: "breaker_open",
      retryable: true,
      next: "list_nodes",
      message:
        "a@h is left in peace since 1970-01-01T00:00:00.000Z: too many requests got no answer in time or lost the link. The next one may go at 1970-01-01T00:00:04.000Z, to see whether the node answers again. To try at once, once: connect_node."
    })
    const probed = toToolError(new BreakerOpen({ ...open, isProbing: true }), elixir).message
    expect(probed).toContain("one request is under way")
    expect(probed).not.toContain("connect_node")
  })
})

describe("a failed connection", () => {
  it.each<[DistReason, ToolErrorCode, boolean]>([
    [{ _tag: "InvalidNodeName", name: "x", problem: "it has no @host part" }, "invalid_input", false],
    [{ _tag: "HostUnresolved", host: "h" }, "connect_failed", false],
    [{ _tag: "HostUnresolved", host: "h", isPassing: true }, "connect_failed", true],
    [{ _tag: "NoResources", code: "EMFILE" }, "connect_failed", true],
    [{ _tag: "InvalidOption", option: "epmdPort", problem: "x" }, "invalid_input", false],
    [{ _tag: "Fault", cause: new Error("x") }, "link_lost", true],
    [{ _tag: "EpmdRefused", ...at }, "connect_failed", true],
    [{ _tag: "EpmdSilent", ...at, millis: 1 }, "connect_failed", true],
    [{ _tag: "EpmdGarbage", ...at, seen: "x" }, "connect_failed", false],
    [{ _tag: "NameNotRegistered", name: "a", ...at, registered: [] }, "connect_failed", true],
    [{ _tag: "PortRefused", at: "h:1", from: "epmd" }, "connect_failed", true],
    [{ _tag: "Unreachable", at: "h:1", code: "EHOSTUNREACH" }, "connect_failed", true],
    [{ _tag: "Timeout", phase: "connect", millis: 1, waitingFor: "x" }, "connect_failed", true],
    [{ _tag: "CookieRejected" }, "connect_failed", true],
    [{ _tag: "CookieRejected", isCertain: true }, "connect_failed", false],
    [{ _tag: "PeerCookieWrong" }, "connect_failed", false],
    [{ _tag: "NotAllowed" }, "connect_failed", false],
    [{ _tag: "NameInUse", name: "a" }, "connect_failed", true],
    [{ _tag: "Refused", status: "nok" }, "connect_failed", true],
    [{ _tag: "WantsTls" }, "connect_failed", false],
    [{ _tag: "WantsPlain" }, "connect_failed", false],
    [{ _tag: "TlsCertificate", problem: "expired", detail: "x" }, "connect_failed", false],
    [{ _tag: "TlsClientCertificateWanted" }, "connect_failed", false],
    [{ _tag: "TlsClientCertificateRefused", detail: "x" }, "connect_failed", false],
    [{ _tag: "TlsVersion" }, "connect_failed", false],
    [{ _tag: "TlsMaterial", part: "key", detail: "x" }, "connect_failed", false],
    [{ _tag: "TlsFailed", detail: "x" }, "connect_failed", true],
    [{ _tag: "TlsFailed", detail: "x", isNotTls: true }, "connect_failed", false],
    [{ _tag: "NotErlangNode", seen: "x" }, "connect_failed", false],
    [{ _tag: "ClosedInHandshake", stage: "status" }, "connect_failed", true],
    [{ _tag: "NameNotGiven" }, "connect_failed", true],
    [{ _tag: "WrongNode", actual: "b@h" }, "connect_failed", false],
    [{ _tag: "MissingFlags", missing: ["X"] }, "unsupported", false],
    [{ _tag: "LinkClosed", detail: "x" }, "link_lost", true],
    [{ _tag: "TickTimeout", silentMillis: 1 }, "link_lost", true],
    [{ _tag: "ProtocolViolation", detail: "x" }, "link_lost", true],
    [{ _tag: "Disconnected" }, "link_lost", true]
  ])("%j is told as %s, retryable: %s", (reason, code, retryable) => {
    const error = toToolError(new DistError({ node: "a@h", reason }), elixir)
    expect(error).toMatchObject({ code, retryable })
    expect(error.message).toMatch(/\.$/u)
  })

  it.each<DistReason>([{ _tag: "PeerCookieWrong" }, { _tag: "NotAllowed" }, { _tag: "NameRefused", name: "us@h" }])(
    "%j does not send anybody there once more",
    (reason) => expect(toToolError(new DistError({ node: "a@h", reason }), elixir).next).toBeUndefined()
  )

  it("offers the names that EPMD has, and the name that the node gives itself", () => {
    const registered = ["app1", "other", "app\u202e"]
    const missing = new DistError({
      node: "app@h",
      reason: { _tag: "NameNotRegistered", name: "app", ...at, registered }
    })
    expect(toToolError(missing, elixir).didYouMean).toEqual(["app\\u{202E}@h", "app1@h"])
    const wrong = new DistError({ node: "a@h", reason: { _tag: "WrongNode", actual: "a@h2" } })
    expect(toToolError(wrong, elixir).didYouMean).toEqual(["a@h2"])
  })

  it("does not offer the very name that EPMD denies and lists, but a walk that shows both", () => {
    const reason = { _tag: "NameNotRegistered", name: "app", ...at, registered: ["app", "app1"] } as const
    const told = toToolError(new DistError({ node: "app@h", reason }), elixir)
    expect(told).toMatchObject({ didYouMean: ["app1@h"], next: 'diagnose_connection {"node":"app@h"}' })
    expect(told.message).toContain("EPMD on h:4369 contradicts itself")
  })

  it("says what to do where a node is not registered", () => {
    for (const [registered, advice] of [
      [["app1"], "-dist_listen false"],
      [[], "--epmd-port"],
      [undefined, "ask it there with epmd -names"]
    ] as const) {
      const reason = { _tag: "NameNotRegistered", name: "app", ...at, registered } as const
      expect(toToolError(new DistError({ node: "app@h", reason }), elixir).message).toContain(advice)
    }
  })

  it("says which cookie was refused, and what to do once it is right", () => {
    const reason = { _tag: "CookieRejected", source: "--cookie-file: /etc/cookie" } as const
    const { message, next } = toToolError(new DistError({ node: "a@h", reason }), elixir)
    expect(message).toContain("the cookie is not the node's (used: --cookie-file: /etc/cookie). ")
    expect(next).toBe('connect_node {"node":"a@h"}')
  })

  it("says how to try again what nobody tries by himself, which a library's caller does otherwise", () => {
    const refused = new DistError({ node: "a@h", reason: { _tag: "CookieRejected", isCertain: true } })
    const leftAlone = new LeftAlone({ node: "a@h", lack: { _tag: "Processes" }, at: 0 })
    for (const [failure, advice] of [
      [refused, "Once that is mended, connect_node tries."],
      [leftAlone, 'Once you have seen there that it has room, connect_node with "reset" tries at once.']
    ] as const) {
      expect(toToolError(failure, elixir).message).toBe(`${failure.message} ${advice}`.replace(/^the /u, "The "))
      expect(failure.message).not.toContain("connect_node")
    }
  })

  it("names the settings of EPMD's port, where none answers", () => {
    for (const reason of [
      { _tag: "EpmdRefused", ...at } as const,
      { _tag: "EpmdGarbage", ...at, seen: "x" } as const
    ]) {
      expect(toToolError(new DistError({ node: "a@h", reason }), elixir).message).toContain(
        "(--epmd-port, ERL_EPMD_PORT)"
      )
    }
  })

  it("quotes no more of what the other side said than a sentence holds", () => {
    const long = "x".repeat(60_000)
    const many = Array.from({ length: 2_000 }, (_, at) => `node${at}${"y".repeat(20)}`)
    const reasons: ReadonlyArray<DistReason> = [
      { _tag: "InvalidNodeName", name: long, problem: "it has no @host part" },
      { _tag: "NameNotRegistered", name: "b", ...at, registered: many },
      { _tag: "NameNotRegistered", name: "b", ...at, registered: [long, long] },
      { _tag: "Refused", status: long },
      { _tag: "WrongNode", actual: `${long}@h` },
      { _tag: "MissingFlags", missing: many }
    ]
    for (const reason of reasons) {
      expect(new DistError({ node: "a@h", reason }).message.length).toBeLessThan(6_000)
    }
    expect(new DistError({ node: "a@h", reason: reasons[1]! }).message).toContain("and 1980 more.")
  })

  it("shows no hidden character of what the other side said", () => {
    const reason = { _tag: "EpmdGarbage", ...at, seen: "x\u202ey\n" } as const
    expect(toToolError(new DistError({ node: "a@h", reason }), elixir).message).toContain("x\\u{202E}y\\n")
  })

  it("begins its sentence with a capital, and leaves names as they are", () => {
    expect(toToolError(new TargetError({ node: "a@h", message: "there is no cookie." }), elixir)).toMatchObject({
      code: "connect_failed",
      message: "There is no cookie.",
      next: 'diagnose_connection {"node":"a@h"}'
    })
    expect(toToolError(new DistError({ node: "a@h", reason: { _tag: "NotAllowed" } }), elixir).message).toMatch(
      /^a@h does not allow/u
    )
  })
})

describe("a node that is left alone for its own sake", () => {
  it.each([
    ["process_table_full", { _tag: "Processes" }, "its process table was full"],
    ["atom_table_full", { _tag: "Atoms", left: 9, limit: 32_768 }, "it had room for 9 more atoms, of 32768,"]
  ] as const)(
    "is told as %s, with what ends that, and sends nobody on to what tells the same",
    (code, lack, lacked) => {
      const left = { node: "a@h", lack, at: 0 }
      const told = toToolError(new LeftAlone(left), elixir)
      expect(told).toMatchObject({ code, retryable: false })
      expect(told.next).toBeUndefined()
      expect(told.message).toContain(
        `a@h is left alone: ${lacked} when it was heard last, at 1970-01-01T00:00:00.000Z.`
      )
      expect(told.message).toContain("before EPMD says that it has ended")
      expect(new LeftAlone({ ...left, until: 60_000 }).message).toContain("before 1970-01-01T00:01:00.000Z")
    }
  )
})

describe("a failed call", () => {
  const cause = new DistError({ node: "a@h", reason: { _tag: "Disconnected" } })
  it.each<[CallReason, ToolErrorCode, boolean]>([
    [{ _tag: "Raised", class: "exit", reason: atom("x"), stack: [] }, "remote_error", false],
    [{ _tag: "DeadlineExceeded", millis: 1, worker: "killed" }, "timeout", true],
    [{ _tag: "ReplyTooLarge", limitBytes: 1 }, "too_large", false],
    [{ _tag: "RepliesCrowded" }, "too_busy", true],
    [{ _tag: "HeapLimit", limitWords: 1 }, "too_large", false],
    [{ _tag: "WorkerDied", reason: atom("x") }, "remote_error", true],
    [{ _tag: "SpawnRefused", reason: "notsup" }, "too_busy", true],
    [{ _tag: "ProcessTableFull", limit: 1_024, hasBegun: false }, "process_table_full", true],
    [{ _tag: "ProcessTableFull", limit: undefined, hasBegun: true }, "process_table_full", true],
    [{ _tag: "AtomsScarce", left: 12, limit: 16_384, needed: 4_096, maker: "agent" }, "atom_table_full", false],
    [{ _tag: "AtomsScarce", left: 12, limit: 16_384, needed: 64, maker: "joining" }, "atom_table_full", false],
    [{ _tag: "AtomsScarce", left: 12, limit: 16_384, needed: 64, maker: "second_link" }, "atom_table_full", false],
    [{ _tag: "LinkLost", cause }, "link_lost", true],
    [{ _tag: "UndecodableReply", detail: "x" }, "remote_error", false],
    [{ _tag: "UnknownAtom", text: "x" }, "not_found", false],
    [{ _tag: "Unsupported", detail: "x" }, "unsupported", false]
  ])("%j is told as %s, retryable: %s", (reason, code, retryable) =>
    expect(toToolError(new CallError({ node: "a@h", target: "m:f/0", reason }), elixir)).toMatchObject({
      code,
      retryable
    })
  )

  it("says what is left to try where something took too much heap, and where nothing is", () => {
    const error = new CallError({ node: "a@h", target: "m:f/0", reason: { _tag: "HeapLimit", limitWords: 8 } })
    const told = (ifLarge: { readonly ifLarge?: string }) =>
      toToolError(error, elixir, { name: "get_x", ifLate: "Wait.", ...ifLarge }).message
    expect(told({})).toMatch(/^get_x on a@h was killed: .* to ask again costs it/u)
    expect(told({ ifLarge: "Try another sort_by." })).toMatch(/ended it\. Try another sort_by\.$/u)
  })

  it("leads from a call that was late to the schedulers that may be why", () => {
    const reason: CallReason = { _tag: "DeadlineExceeded", millis: 5_000, worker: "killed" }
    expect(toToolError(new CallError({ node: "a@h", target: "m:f/0", reason }), elixir)).toMatchObject({
      message: expect.stringMatching(
        /^m:f\/0 on a@h did not finish within 5000 ms; .*run_queue in get_system_info.*list_nodes/u
      ),
      next: "list_nodes"
    })
  })

  it("speaks of the tool that was called, but for what a function raised", () => {
    expect(messageOf({ _tag: "DeadlineExceeded", millis: 5_000, worker: "killed" })).toMatch(
      /^get_system_info on a@h did not finish within 5000 ms; .* Wait\.$/u
    )
    expect(messageOf({ _tag: "ReplyTooLarge", limitBytes: 10 })).toMatch(/^The reply of get_system_info on a@h /u)
    const raised = { _tag: "Raised", class: "error", reason: atom("badarg"), stack: [] } as const
    expect(messageOf(raised)).toMatch(/^lists:map\/2 raised/u)
  })

  it("shows the term that was raised, in the syntax of the session and cut, and where", () => {
    const reason: CallReason = {
      _tag: "Raised",
      class: "error",
      reason: [atom("badmatch"), [atom("error"), atom("x".repeat(255)), atom("y".repeat(255)), atom("z".repeat(255))]],
      stack: [{ module: "lists", function: "map", arity: 2 }]
    }
    const error = new CallError({ node: "a@h", target: "m:f/0", reason })
    const inElixir = toToolError(error, elixir).message
    expect(inElixir).toMatch(/^m:f\/0 raised an error on a@h\. Reason: \{:badmatch, .*, in :lists\.map\/2\.$/u)
    expect(inElixir.length).toBeLessThan(600)
    expect(toToolError(error, syntaxes.erlang).message).toContain("{badmatch,{error,")
  })
})

describe("a tool's own failure", () => {
  it("stays as it is", () => {
    const error = new ToolError({ code: "no_node", message: "No node.", retryable: false })
    expect(toToolError(error, elixir)).toBe(error)
  })
})
