import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import * as Erlang from "../../src/launch/Erlang.ts"
import { otpReleases } from "../support/BeamNode.ts"
import { inNamespace } from "../support/NetworkNamespace.ts"

// What only a kernel does: routes that are not there, packets that are lost, refused or late, a cable that is out. The
// program runs, and all its nodes with it, in a network of its own; here is what is to come of each fault.

const namespace = inNamespace()

const program = fileURLToPath(new URL("../support/namespaceFaults.ts", import.meta.url))

/** What came of each fault, as the program tells it. */
const outcomes = new Map<string, unknown>()
let ended: { readonly status: number; readonly log: string } | undefined

const text = (part: string) => expect.stringContaining(part)

describe.skipIf("problem" in namespace)(
  `a network of its own${"problem" in namespace ? ` (not to be had: ${namespace.problem})` : ""}`,
  () => {
    let child: ChildProcess | undefined
    beforeAll(async () => {
      if ("problem" in namespace) return
      const { epmd } = await Effect.runPromise(Erlang.find)
      const { erl, otp } = otpReleases()[0]!
      const [command, ...args] = namespace.begin
      const started = spawn(command, [...args, process.execPath, program, erl, epmd, otp], {
        stdio: ["ignore", "pipe", "pipe"]
      })
      child = started
      let log = ""
      started.stderr.setEncoding("utf8").on("data", (chunk: string) => void (log += chunk))
      createInterface({ input: started.stdout }).on("line", (line) => {
        const { fault, outcome } = JSON.parse(line) as { readonly fault: string; readonly outcome: unknown }
        outcomes.set(fault, outcome)
      })
      const [status] = (await once(started, "close")) as [number]
      ended = { status, log }
    })
    afterAll(() => child?.kill())

    it("has the program come to its end", () => expect(ended).toEqual({ status: 0, log: "" }))

    it.each<[string, unknown]>([
      ["none", "joined"],
      ["no route", { _tag: "Unreachable", code: "ENETUNREACH" }],
      ["an unreachable network", { _tag: "Unreachable", code: "EHOSTUNREACH" }],
      ["no IPv6", { _tag: "Unreachable", code: "EADDRNOTAVAIL", message: text("See whether IPv6 is on here") }],
      ["a partition", { _tag: "Timeout", phase: "epmd", millis: 500 }],
      ["nothing from the node", { _tag: "Timeout", phase: "epmd", millis: 500 }],
      ["resets", { _tag: "EpmdRefused" }],
      ["a firewall that says so", { _tag: "Unreachable", code: "EHOSTUNREACH" }]
    ])("with %s tells why a node cannot be connected, or connects it", (fault, outcome) => {
      const told = outcomes.get(`connecting: ${fault}`)
      if (typeof outcome === "string") expect(told).toBe(outcome)
      else expect(told).toMatchObject(outcome as object)
    })

    it.each([
      ["a partition", ["TickTimeout"]],
      ["nothing from the node", ["TickTimeout"]],
      // The node gives us up; but what it sends without an answer from us it sends again, and nothing behind that, so
      // that its end may be heard of or not.
      ["nothing to the node", ["TickTimeout", "LinkClosed"]],
      ["resets", ["LinkClosed"]]
    ])("with %s ends a link, and each call that waits", (fault, reasons) => {
      const told = outcomes.get(`linked: ${fault}`) as { readonly lost: string }
      expect(told).toEqual({ lost: expect.any(String), calls: ["LinkLost", "LinkLost", "LinkLost"] })
      expect(reasons).toContain(told.lost)
    })

    it.for<[string, unknown]>([
      ["packets lost", true],
      ["delay", true],
      ["little room for replies", "DeadlineExceeded"],
      ["the cable out for a moment", 7]
    ])("with %s lets a link live, and calls on it", ([fault, during], { skip }) => {
      const told = outcomes.get(`answering: ${fault}`) as { readonly missing?: string }
      skip(told?.missing !== undefined, told?.missing)
      expect(told).toEqual({ during, afterwards: 1 })
    })
  }
)
