import { describe, expect, it } from "vitest"
import { Op } from "../../../src/dist/Control.ts"
import * as Flags from "../../../src/dist/Flags.ts"
import type { Link } from "../../../src/dist/Link.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, binary, charlist, list, List, Pid, Reference, type Term } from "../../../src/etf/Term.ts"
import { startGroupLeader } from "../../../src/node/GroupLeader.ts"
import { LocalProcesses } from "../../../src/node/LocalProcesses.ts"

const theirs = new Pid(atom("app@127.0.0.1"), 90, 0, 17)
const reference = new Reference(atom("app@127.0.0.1"), 17, [1, 2, 3])
const bare = (term: Term) => encode(term).subarray(1)

const start = () => {
  const sent: Array<ReadonlyArray<unknown>> = []
  const link = {
    peer: { name: "app@127.0.0.1", creation: 17 },
    local: { name: "us@beamscope", creation: 5 },
    flags: Flags.offered,
    send: (...message: ReadonlyArray<unknown>) => void sent.push(message)
  } as unknown as Link
  return { processes: new LocalProcesses(link), sent }
}

const fault = () => {
  throw new Error("a fault")
}

describe("LocalProcesses", () => {
  it("hand messages, exits and spawn replies to the process with that pid", () => {
    const { processes } = start()
    const seen: Array<string> = []
    const pid = processes.add({
      limitBytes: 100,
      message: () => seen.push("message"),
      exit: () => seen.push("exit"),
      spawnReply: () => seen.push("spawnReply")
    })
    const { message, payloadLimit } = processes.handler
    expect(payloadLimit([Op.SEND, atom(""), pid])).toBe(100)
    message([Op.SEND, atom(""), pid], bare(1))
    message([Op.SEND_SENDER, theirs, pid], bare(1))
    message([Op.PAYLOAD_EXIT, theirs, pid], bare(1))
    message([Op.SPAWN_REPLY, reference, pid, 1, theirs], undefined)
    expect(seen).toEqual(["message", "message", "exit", "spawnReply"])
    // With the token of somebody's trace.
    message([Op.PAYLOAD_EXIT_TT, theirs, pid, list([])], bare(1))
    message([Op.SPAWN_REPLY_TT, reference, pid, 1, theirs, list([])], undefined)
    expect(seen.slice(4)).toEqual(["exit", "spawnReply"])
  })

  it("hand on what was dropped: of a message how it began, of an exit whose it was", () => {
    const { processes } = start()
    const seen: Array<ReadonlyArray<unknown>> = []
    const pid = processes.add({
      limitBytes: 100,
      oversizedMessage: (head, why) => seen.push(["message", head, why]),
      oversizedExit: (from, why) => seen.push(["exit", from, why])
    })
    const { oversized } = processes.handler
    const head = Uint8Array.of(104, 2)
    oversized([Op.SEND, atom(""), pid], head, "limit")
    oversized([Op.PAYLOAD_EXIT, theirs, pid], head, "crowded")
    oversized([Op.PAYLOAD_EXIT_TT, theirs, pid], head, "limit")
    oversized([Op.PAYLOAD_EXIT, atom("nobody"), pid], head, "limit")
    expect(seen).toEqual([
      ["message", head, "limit"],
      ["exit", theirs, "crowded"],
      ["exit", theirs, "limit"]
    ])
  })

  it("do not hide a fault of ours behind terms that cannot be read", () => {
    const { processes } = start()
    const pid = processes.add({ limitBytes: 1, message: fault, oversizedMessage: fault })
    expect(() => processes.handler.message([Op.SEND, atom(""), pid], bare(1))).toThrow("a fault")
    expect(() => processes.handler.oversized([Op.SEND, atom(""), pid], bare(1), "limit")).toThrow("a fault")
  })

  it("do not take a pid of an earlier incarnation for one of theirs", () => {
    const { processes, sent } = start()
    const pid = processes.add({ limitBytes: 100, message: () => expect.unreachable() })
    const stale = new Pid(pid.node, pid.id, pid.serial, pid.creation + 1)
    processes.handler.message([Op.SEND, atom(""), stale], bare(1))
    processes.handler.message([Op.LINK, theirs, stale], undefined)
    expect(sent.splice(0)).toEqual([[[Op.PAYLOAD_EXIT, stale, theirs], atom("noproc")]])
    processes.handler.message([Op.SPAWN_REPLY, reference, stale, 1, theirs], undefined)
    processes.handler.message([Op.LINK, theirs, pid], undefined)
    processes.handler.message([Op.UNLINK, theirs, stale], undefined)
    expect(sent).toEqual([])
    processes.remove(pid)
    expect(sent).toEqual([[[Op.PAYLOAD_EXIT, pid, theirs], atom("normal")]])
  })

  it("have pids that the oldest nodes take, each its own", () => {
    const { processes } = start()
    const seen = new Set<string>()
    for (let started = 0; started < 100_000; started++) {
      const pid = processes.add({ limitBytes: 1 })
      expect(pid.id).toBeLessThan(2 ** 15)
      expect(pid.serial).toBeLessThan(2 ** 13)
      seen.add(`${pid.id}.${pid.serial}`)
    }
    expect(seen.size).toBe(100_000)
  })

  it("answer links and monitors on who is not there with noproc", () => {
    const { processes, sent } = start()
    const ghost = new Pid(processes.node, 999, 0, 5)
    processes.handler.message([Op.LINK, theirs, ghost], undefined)
    processes.handler.message([Op.MONITOR_P, theirs, ghost, reference], undefined)
    processes.handler.message([Op.MONITOR_P, theirs, atom("nobody"), reference], undefined)
    expect(sent).toEqual([
      [[Op.PAYLOAD_EXIT, ghost, theirs], atom("noproc")],
      [[Op.PAYLOAD_MONITOR_P_EXIT, ghost, theirs, reference], atom("noproc")],
      [[Op.PAYLOAD_MONITOR_P_EXIT, atom("nobody"), theirs, reference], atom("noproc")]
    ])
  })

  it("tell a monitor when its process ends, unless it was taken back", () => {
    const { processes, sent } = start()
    const watched = processes.add({ limitBytes: 1 })
    const unwatched = processes.add({ limitBytes: 1 })
    for (const pid of [watched, unwatched]) processes.handler.message([Op.MONITOR_P, theirs, pid, reference], undefined)
    processes.handler.message([Op.DEMONITOR_P, theirs, unwatched, reference], undefined)
    processes.remove(unwatched)
    processes.remove(watched)
    processes.remove(watched)
    expect(sent).toEqual([[[Op.PAYLOAD_MONITOR_P_EXIT, watched, theirs, reference], atom("normal")]])
  })

  it("tell who linked itself to a process when that ends, unless the link was taken back or its other end is gone", () => {
    const { processes, sent } = start()
    const [linked, unlinked, unlinkedAsOf23, survivor] = [1, 2, 3, 4].map(() => processes.add({ limitBytes: 1 }))
    for (const pid of [linked, unlinked, unlinkedAsOf23, survivor])
      processes.handler.message([Op.LINK, theirs, pid!], undefined)
    processes.handler.message([Op.UNLINK_ID, 42, theirs, unlinked!], undefined)
    processes.handler.message([Op.UNLINK, theirs, unlinkedAsOf23!], undefined)
    processes.handler.message([Op.PAYLOAD_EXIT, theirs, survivor!], bare(atom("shutdown")))
    for (const pid of [unlinked, unlinkedAsOf23, survivor, linked, linked]) processes.remove(pid!)
    expect(sent).toEqual([
      [[Op.UNLINK_ID_ACK, 42, unlinked, theirs]],
      [[Op.PAYLOAD_EXIT, linked, theirs], atom("normal")]
    ])
  })

  it("take so many links and monitors on one process and no more", () => {
    const { processes, sent } = start()
    const pid = processes.add({ limitBytes: 1 })
    const number = (id: number) => new Reference(theirs.node, 17, [id, 2, 3])
    for (let id = 0; id < 10_001; id++) {
      processes.handler.message([Op.LINK, new Pid(theirs.node, id, 0, 17), pid], undefined)
      processes.handler.message([Op.MONITOR_P, theirs, pid, number(id)], undefined)
    }
    expect(sent).toEqual([
      [[Op.PAYLOAD_EXIT, pid, new Pid(theirs.node, 10_000, 0, 17)], atom("noproc")],
      [[Op.PAYLOAD_MONITOR_P_EXIT, pid, theirs, number(10_000)], atom("noproc")]
    ])
  })

  it("have a net_kernel, as every node: it may be monitored, and says what it cannot", () => {
    const { processes, sent } = start()
    processes.handler.message([Op.MONITOR_P, theirs, atom("net_kernel"), reference], undefined)
    expect(sent).toEqual([])
    processes.handler.message(
      [Op.REG_SEND, theirs, atom(""), atom("net_kernel")],
      bare([atom("$gen_call"), [theirs, reference], atom("get_net_ticktime")])
    )
    expect(sent).toEqual([
      [
        [Op.SEND, atom(""), theirs],
        [reference, [atom("error"), atom("notsup")]]
      ]
    ])
  })

  it("kill what was started for a process that is gone", () => {
    const { processes, sent } = start()
    const pid = processes.add({ limitBytes: 1 })
    processes.remove(pid)
    processes.handler.message([Op.SPAWN_REPLY, reference, pid, 1, theirs], undefined)
    processes.handler.message([Op.SPAWN_REPLY, reference, pid, 0, atom("system_limit")], undefined)
    expect(sent).toEqual([[[Op.PAYLOAD_EXIT2, pid, theirs], atom("kill")]])
  })

  it("acknowledge an unlink", () => {
    const { processes, sent } = start()
    const ghost = processes.pid(999)
    processes.handler.message([Op.UNLINK_ID, 42, theirs, ghost], undefined)
    expect(sent).toEqual([[[Op.UNLINK_ID_ACK, 42, ghost, theirs]]])
  })

  it("answer net_adm:ping/1, to the caller or to its alias", () => {
    const { processes, sent } = start()
    const ping = (tag: Term) =>
      processes.handler.message(
        [Op.REG_SEND, theirs, atom(""), atom("net_kernel")],
        bare([atom("$gen_call"), [theirs, tag], [atom("is_auth"), atom("app@127.0.0.1")]])
      )
    ping(reference)
    const alias = new List([atom("alias")], reference)
    ping(alias)
    expect(sent).toEqual([
      [
        [Op.SEND, atom(""), theirs],
        [reference, atom("yes")]
      ],
      [
        [Op.ALIAS_SEND, processes.pid(0), reference],
        [alias, atom("yes")]
      ]
    ])
  })

  it.each([Op.SPAWN_REQUEST, Op.SPAWN_REQUEST_TT])("refuse to start anything (%i), of whatever size", (operation) => {
    const { processes, sent } = start()
    const mfa = [atom("erlang"), atom("node"), 0]
    const request = [operation, reference, theirs, theirs, mfa, list([atom("monitor")]), atom("token")]
    processes.handler.message(request, bare(list([])))
    processes.handler.oversized(request, new Uint8Array(8), "limit")
    const refusal = [[Op.SPAWN_REPLY, reference, theirs, 0, atom("notsup")]]
    expect(sent).toEqual([refusal, refusal])
  })

  it.each([
    ["an unknown operation", [99, 1, 2]],
    ["a message to a name", [Op.REG_SEND, theirs, atom(""), atom("logger_proxy")]],
    ["an exit for nobody", [Op.PAYLOAD_EXIT, theirs, new Pid(atom("us@beamscope"), 77, 0, 5)]],
    ["a link that is none", [Op.LINK, 1, 2]],
    ["a monitor that is none", [Op.MONITOR_P]],
    ["a spawn reply that is none", [Op.SPAWN_REPLY, 1]]
  ])("ignore %s", (_name, control) => {
    const { processes, sent } = start()
    processes.handler.payloadLimit(control as ReadonlyArray<Term>)
    processes.handler.message(control as ReadonlyArray<Term>, bare(atom("x")))
    expect(sent).toEqual([])
  })
})

/** What the group leader answers to an I/O request. */
const ask = (request: Term) => {
  const { processes, sent } = start()
  const leader = startGroupLeader(processes)
  processes.handler.message([Op.SEND, atom(""), leader], bare([atom("io_request"), theirs, reference, request]))
  const [, reply] = sent[0] as [unknown, ReadonlyArray<unknown>]
  expect(reply.slice(0, 2)).toEqual([atom("io_reply"), reference])
  return reply[2]
}

describe("the group leader", () => {
  const putChars: Term = [atom("put_chars"), atom("unicode"), charlist("hi")]
  const unsupported: Term = [atom("error"), atom("enotsup")]

  it("answers a request that is too large by how it begins", () => {
    const { processes, sent } = start()
    const leader = startGroupLeader(processes)
    const large: Term = [atom("put_chars"), atom("unicode"), binary("x".repeat(2_000_000))]
    for (const request of [large, [atom("get_until"), large]] satisfies ReadonlyArray<Term>) {
      const payload = bare([atom("io_request"), theirs, reference, request])
      expect(processes.handler.payloadLimit([Op.SEND, atom(""), leader])).toBeLessThan(payload.length)
      processes.handler.oversized([Op.SEND, atom(""), leader], payload.subarray(0, 200), "limit")
    }
    const answers = sent.map(([, reply]) => (reply as ReadonlyArray<unknown>)[2])
    expect(answers).toEqual([atom("ok"), unsupported])
  })

  it.each<[string, Term, Term | undefined]>([
    ["a message that is no tuple", binary("x".repeat(100_000)), undefined],
    ["another message", [atom("log"), binary("x".repeat(100_000))], undefined],
    ["a request that is no tuple", [atom("io_request"), theirs, reference, binary("x".repeat(100_000))], unsupported],
    ["a request whose reference is too large", [atom("io_request"), theirs, binary("x".repeat(100_000)), 1], undefined]
  ])("is not upset by %s, however large", (_name, message, answer) => {
    const { processes, sent } = start()
    const leader = startGroupLeader(processes)
    processes.handler.oversized([Op.SEND, atom(""), leader], bare(message).subarray(0, 65_536), "limit")
    expect(sent.map(([, reply]) => (reply as ReadonlyArray<unknown>)[2])).toEqual(answer === undefined ? [] : [answer])
  })

  it("ignores a message that is no term", () => {
    const { processes, sent } = start()
    const leader = startGroupLeader(processes)
    processes.handler.message([Op.SEND, atom(""), leader], Uint8Array.of(255, 1, 2))
    expect(sent).toEqual([])
  })

  it("answers requests within requests, however deep", () => {
    let deep: Term = putChars
    for (let depth = 0; depth < 10_000; depth++) deep = [atom("requests"), list([deep])]
    expect(ask(deep)).toEqual(atom("ok"))
  })

  it.each<[string, Term, Term]>([
    ["output", putChars, atom("ok")],
    ["formatted output", [atom("put_chars"), atom("unicode"), atom("io_lib"), atom("format"), list([])], atom("ok")],
    ["a line of input", [atom("get_line"), atom("unicode"), charlist("> ")], atom("eof")],
    ["characters of input", [atom("get_chars"), atom("unicode"), charlist("> "), 3], atom("eof")],
    ["the width of the terminal", [atom("get_geometry"), atom("columns")], unsupported],
    ["its options", atom("getopts"), unsupported],
    ["something unheard of", [atom("dance")], unsupported],
    ["several requests", [atom("requests"), list([putChars, putChars])], atom("ok")],
    ["several requests up to the first that fails", [atom("requests"), list([atom("getopts"), putChars])], unsupported]
  ])("answers %s", (_name, request, answer) => expect(ask(request)).toEqual(answer))
})
