import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Buffer } from "node:buffer"
import { atom, Binary, map, Pid } from "../../../src/etf/Term.ts"
import { makeAgent } from "../../../src/node/Agent.ts"
import { agent } from "../../../src/node/agent/agent.generated.ts"
import type { AgentModule } from "../../../src/node/agent/AgentModule.ts"
import { CallError } from "../../../src/node/CallError.ts"
import type { Call, CallOptions } from "../../../src/node/Call.ts"
import type { AgentMode } from "../../../src/node/Targets.ts"
import { capabilities } from "../../support/FakeNodes.ts"

const owner = new Pid(atom("us@box"), 1, 0, 1)

/** The bounds of all the calls that one function of the agent takes. */
const boundsOf = Effect.fnUntraced(function* (mode: AgentMode, given: CallOptions) {
  const bounds: Array<CallOptions | undefined> = []
  const call: Call = (_module, _func, _args, options) => Effect.sync(() => (bounds.push(options), atom("true")))
  const run = makeAgent({ call, capabilities, node: "app@box", mode, owner })
  yield* run("beamscope_logs:configuration", map([]), given)
  return bounds
})

/** A node that loads modules, on which somebody may take one away, and what it was asked. */
const loadingNode = (subject: AgentModule<string>) => {
  const asked: Array<string> = []
  const node = { isThere: false, asked }
  const call: Call = (module, func, args) => {
    const target = `${module}:${func}/${args.length}`
    asked.push(target)
    const isMissing = module === subject.module && !node.isThere
    if (isMissing) {
      const stack = [{ module, function: func, arity: args.length }]
      const reason = { _tag: "Raised", class: "error", reason: atom("undef"), stack } as const
      return Effect.fail(new CallError({ node: "app@box", target, reason }))
    }
    switch (target) {
      case "code:load_binary/3":
        node.isThere = true
        return Effect.succeed([atom("module"), args[0]!])
      case "erlang:module_loaded/1":
        return Effect.succeed(atom(String(node.isThere)))
      case `${subject.module}:module_info/1`:
        return Effect.succeed(new Binary(Buffer.from(subject.md5, "hex")))
      default:
        return Effect.succeed(atom(module === subject.module ? "loaded" : "interpreted"))
    }
  }
  return Object.assign(node, { call })
}

describe("a function of the agent", () => {
  it.effect("is interpreted where its module was taken away, and not called there in vain the next time", () =>
    Effect.gen(function* () {
      const subject = yield* Effect.promise(agent.beamscope_logs)
      const node = loadingNode(subject)
      const run = makeAgent({ call: node.call, capabilities, node: "app@box", mode: "load", owner })
      const way = run("beamscope_logs:configuration", map([]))
      expect(yield* way).toEqual(atom("loaded"))
      node.isThere = false
      expect(yield* way).toEqual(atom("interpreted"))
      node.asked.length = 0
      expect(yield* way).toEqual(atom("loaded"))
      expect(node.asked.filter((target) => target === `${subject.module}:configuration/1`)).toHaveLength(1)
    })
  )

  it.effect("is interpreted where the code server does not answer, which is not asked again", () =>
    Effect.gen(function* () {
      const subject = yield* Effect.promise(agent.beamscope_logs)
      const node = loadingNode(subject)
      const stuck: Call = (module, func, args, options) => {
        if (module !== "code") return node.call(module, func, args, options)
        node.asked.push("code")
        const reason = {
          _tag: "DeadlineExceeded",
          millis: options?.timeoutMillis ?? Infinity,
          worker: "killed"
        } as const
        return Effect.fail(new CallError({ node: "app@box", target: "code:load_binary/3", reason }))
      }
      const run = makeAgent({ call: stuck, capabilities, node: "app@box", mode: "load", owner })
      const way = run("beamscope_logs:configuration", map([]), { timeoutMillis: 60_000 })
      expect(yield* way).toEqual(atom("interpreted"))
      expect(yield* way).toEqual(atom("interpreted"))
      expect(node.asked.filter((target) => target === "code")).toHaveLength(1)
    })
  )

  it.effect.each(["eval", "load"] as const)("has the time that it was given in each of its calls, with %s", (mode) =>
    Effect.gen(function* () {
      const bounds = yield* boundsOf(mode, { timeoutMillis: 60_000 })
      expect(bounds.length).toBeGreaterThan(1)
      for (const bound of bounds) expect(bound?.timeoutMillis).toBeGreaterThan(50_000)
      expect((yield* boundsOf(mode, {})).every((bound) => bound?.timeoutMillis === undefined)).toBe(true)
    })
  )
})
