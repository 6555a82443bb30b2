import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { agent, loadsOn, run } from "../../src/node/agent/agent.generated.ts"
import * as BeamNode from "../support/BeamNode.ts"

const script = fileURLToPath(new URL("../../scripts/build-agent.escript", import.meta.url))

/** Rejects with all that the script printed when it fails. */
const buildAgent = (...args: ReadonlyArray<string>) =>
  new Promise<string>((resolve, reject) => {
    execFile("escript", [script, ...args], { encoding: "utf8", maxBuffer }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${error.message}\n${stdout}\n${stderr}`))
    })
  })

/** Characters: supervisors of thousands that tests end report what they held. */
const maxBuffer = 64 * 1024 * 1024

describe("the agent's sources", () => {
  it("pass their EUnit tests, loaded and interpreted", async () => {
    expect(await buildAgent("--test")).toMatch(/All \d+ tests passed/)
    // Several hundred tests, each of them twice.
  }, 400_000)

  it("are what the committed beams and expressions were made from", async ({ skip }) => {
    const { otp } = BeamNode.otpReleases()[0]!
    skip(otp !== String(loadsOn.oldest), `only OTP ${loadsOn.oldest} makes these beams, and the PATH has OTP ${otp}`)
    await buildAgent("--check")
  })
})

const { beam, interpreted, md5, module } = await agent.beamscope_processes()

describe.each(BeamNode.otpReleases())("on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp })
  })
  afterAll(() => node.stop())

  const isLoadable = Number(otp) >= loadsOn.oldest && Number(otp) <= loadsOn.newest
  const spec =
    '#{sort => pid, name => <<"KERNEL_S">>, items => [registered_name, initial_call, application], limit => 1,' +
    "long_queue => 10000, deadline_ms => 10000}"
  const interpret = (func: keyof typeof interpreted) =>
    `erl_eval:expr(binary_to_term(base64:decode("${run}")), ` +
    `[{'A', ${spec}}, {'E', base64:decode("${interpreted[func]}")}], none, none, value)`

  it("runs interpreted, and loads nothing", async () => {
    const loaded = `[M || {M, _} <- code:all_loaded(), lists:prefix("beamscope", atom_to_list(M))]`
    const before = await node.evaluate(loaded)
    const rows = await node.evaluate(`map_get(rows, binary_to_term(${interpret("page")}))`)
    expect(rows).toMatch(/^\[\{<[\d.]+>,kernel_s\w+,\{supervisor,kernel,1\},kernel\}\]$/)
    expect(await node.evaluate(loaded)).toBe(before)
  })

  it.runIf(isLoadable)("loads, and answers as it does interpreted", async () => {
    const load = `code:load_binary(${module}, "beamscope", base64:decode("${beam}"))`
    expect(await node.evaluate(load)).toBe(`{module,${module}}`)
    expect(await node.evaluate(`string:lowercase(binary:encode_hex(${module}:module_info(md5)))`)).toBe(`<<"${md5}">>`)
    expect(await node.evaluate(`${module}:page(${spec}) =:= ${interpret("page")}`)).toBe("true")
  })

  it.runIf(!isLoadable)("is refused where it cannot run", async () => {
    const load = `code:load_binary(${module}, "beamscope", base64:decode("${beam}"))`
    expect(await node.evaluate(load)).toMatch(/^\{error,/)
  })
})
