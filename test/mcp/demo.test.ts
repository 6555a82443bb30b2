import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it, onTestFinished } from "vitest"
import { launch, startServer } from "../support/ServerProcess.ts"

/** The demo as somebody runs it, in a world of its own: what it leaves behind is what is left in `folder`. */
const startDemo = (args: ReadonlyArray<string> = [], variables: Readonly<Record<string, string>> = {}) => {
  const folder = mkdtempSync(join(tmpdir(), "beamscope-demo-test-"))
  const { args: argv, command, env } = launch(["demo", ...args], { TMPDIR: folder, ...variables })
  const child = spawn(command, argv, { env, stdio: ["ignore", "pipe", "pipe"] })
  let [out, err] = ["", ""]
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (out += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (err += text))
  const ended = once(child, "close").then(([code]) => code as number | null)
  onTestFinished(async () => {
    child.kill("SIGKILL")
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  return { child, ended, out: () => out, err: () => err, left: () => readdirSync(folder) }
}

describe("the demo", () => {
  it("asks an MCP server about a node of its own, finds the two culprits, and leaves nothing", async () => {
    const demo = startDemo()
    expect(await demo.ended).toBe(0)
    expect(demo.err()).toBe("")
    expect(demo.out().match(/^\d\. .*\?$/gmu)).toHaveLength(5)
    expect(demo.out().match(/^ {3}> \w+ \{.*\}$/gmu)).toHaveLength(5)
    expect(demo.out()).toMatch(
      /Found in 5 calls: shop_mailer has [\d,]*[1-9][\d,]* messages more each second, and shop_recommender /u
    )
    expect(demo.left()).toEqual([])
  })

  it("starts nothing where it is given a flag that it would not heed", async () => {
    const demo = startDemo(["--node=app@box"])
    expect(await demo.ended).toBe(2)
    expect(demo.err()).toMatch(/^beamscope: demo has a node and a server of its own, .* leave out --node\n$/u)
    expect(demo.out()).toBe("")
  })

  it("takes its node along when it is interrupted", async () => {
    const demo = startDemo()
    await expect.poll(demo.out, { timeout: 20_000 }).toContain("2. ")
    demo.child.kill("SIGINT")
    expect(await demo.ended).toBe(130)
    expect(demo.err()).toBe("")
    expect(demo.left()).toEqual([])
  })

  it("can leave its node, and says how a host reaches it and how to end it", async () => {
    const demo = startDemo(["--keep", "--mode=elixir"], { BEAMSCOPE_NODE: "other@box", BEAMSCOPE_AGENT: "none" })
    expect(await demo.ended).toBe(0)
    expect(demo.err()).toBe("beamscope: the demo has a node and a server of its own, without BEAMSCOPE_NODE\n")
    const out = demo.out()
    expect(out).toContain("Found in 5 calls: :shop_mailer has ")
    const stop = out.trim().split("\n").at(-1)!
    expect(stop).toMatch(/^kill \d+$/u)
    try {
      const config = JSON.parse(/^\{$[^]*?^\}$/mu.exec(out)![0]).mcpServers.beamscope
      expect(out).toContain(`claude mcp add beamscope -- ${[config.command, ...config.args].join(" ")}\n`)
      expect(config.command).toBe(process.execPath)
      expect(config.args).toEqual(expect.arrayContaining(["--mode=elixir", "--agent=none"]))
      const cookieFile = config.args.at(-1).split("=")[1]
      expect(statSync(cookieFile).mode & 0o777).toBe(0o400)
      expect(out).not.toContain(readFileSync(cookieFile, "utf8"))

      const server = startServer(config.args.slice(1))
      const answer = await server.request("tools/call", { name: "get_system_info", arguments: {} })
      expect(answer.result).toMatchObject({ structuredContent: { node: "demo@127.0.0.1" } })
    } finally {
      await promisify(execFile)("/bin/sh", ["-c", stop])
    }
    await expect.poll(demo.left, { timeout: 5_000 }).toEqual([])
  })
})
