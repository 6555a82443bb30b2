import { Effect } from "effect"
import { once } from "node:events"
import { spawn } from "node:child_process"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as BeamNode from "../support/BeamNode.ts"

describe.each(BeamNode.otpReleases())("a test node of OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({
      otp,
      cookie: "crumbs",
      eval: "register(sleeper, spawn(timer, sleep, [infinity]))"
    })
  })
  afterAll(() => node.stop())

  it("is the node that was asked for", async () => {
    expect(await node.evaluate("erlang:system_info(otp_release)")).toBe(`"${otp}"`)
    expect(await node.evaluate("{node(), erlang:get_cookie()}")).toBe(`{'${node.name}',crumbs}`)
    expect(await node.evaluate("os:getpid()")).toBe(`"${node.pid}"`)
    expect(await node.evaluate("is_pid(whereis(sleeper))")).toBe("true")
  })

  it("is registered with the EPMD of this run", async () => {
    const [name] = node.name.split("@")
    const names = "element(2, erl_epmd:names({127,0,0,1}))"
    expect(await node.evaluate(`lists:keymember("${name}", 1, ${names})`)).toBe("true")
    expect(await node.evaluate('os:getenv("ERL_EPMD_PORT")')).toBe(`"${process.env["ERL_EPMD_PORT"]}"`)
  })

  it("answers values, text and exceptions, and keeps what an expression made", async () => {
    expect(await node.evaluate("T = ets:new(kept, [named_table]), ets:insert(T, {grüße, <<1>>, [955]})")).toBe("true")
    expect(await node.evaluate("ets:tab2list(kept)")).toBe("[{grüße,<<1>>,[955]}]")
    await expect(node.evaluate("1 / 0")).rejects.toThrow("{error,badarith,")
    await expect(node.evaluate("1 +")).rejects.toThrow("syntax error before")
    expect((await node.evaluate("lists:seq(1, 100000)")).length).toBe(588_896)
  })

  it("collects what the node logs", async () => {
    expect(node.log()).toBe("")
    const noisy = await BeamNode.startNode({ otp, eval: 'logger:error("the ~s is on fire", [kitchen])' })
    await noisy.evaluate('logger:notice("bye"), io:put_chars(standard_error, "ouch"), logger_std_h:filesync(default)')
    await expect(noisy.evaluate("halt(3)")).rejects.toThrow("ended (exit status 3)")
    expect(noisy.log()).toMatch(/the kitchen is on fire[^]*bye/)
    expect(noisy.log()).toContain("ouch")
  })

  it("can be hidden, can have a short name, and meets its like", async () => {
    const options = { otp, cookie: "crumbs", shortNames: true }
    await Effect.gen(function* () {
      const one = yield* BeamNode.start({ ...options, name: "one" })
      const two = yield* BeamNode.start({ ...options, name: "two", hidden: true })
      expect(one.name).toMatch(/^one_.*@localhost$/)
      const seen = yield* Effect.promise(() =>
        one.evaluate(`{net_adm:ping('${two.name}'), nodes(), [atom_to_list(N) || N <- nodes(hidden)]}`)
      )
      expect(seen).toBe(`{pong,[],["${two.name}"]}`)
    }).pipe(Effect.scoped, Effect.runPromise)
  })

  it("says why it does not start", async () => {
    await expect(BeamNode.startNode({ otp, name: node.name })).rejects.toThrow(/ended[^]*(in use|duplicate_name)/)
    await expect(BeamNode.startNode({ otp, eval: "error(no_luck)" })).rejects.toThrow("{error,no_luck,")
  })
})

it("a test node stops even when it is frozen", async () => {
  const frozen = await BeamNode.startNode()
  await frozen.freeze()
  await frozen.stop()
  expect(() => process.kill(frozen.pid, 0)).toThrow("ESRCH")
  await expect(frozen.evaluate("ok")).rejects.toThrow("SIGKILL")
})

it("a test node ends when the tests are killed", async () => {
  const starter = `
    import { startNode } from ${JSON.stringify(new URL("../support/BeamNode.ts", import.meta.url).href)}
    console.log((await startNode({ cookie: "crumbs" })).name)`
  const tests = spawn(process.execPath, ["--input-type=module-typescript", "--eval", starter])
  const orphan = String((await once(tests.stdout, "data"))[0]).trim()
  const witness = await BeamNode.startNode({ cookie: "crumbs" })
  expect(await witness.evaluate(`monitor_node('${orphan}', true), net_adm:ping('${orphan}')`)).toBe("pong")
  tests.kill("SIGKILL")
  expect(await witness.evaluate("receive {nodedown, Node} -> Node end")).toBe(`'${orphan}'`)
  await witness.stop()
})
