import { Effect, Option, Result } from "effect"
import * as fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { CommandError } from "../../../src/cli/CommandError.ts"
import { commandLine } from "../../../src/cli/Commands.ts"
import { serverFlags } from "../../../src/cli/ServerFlags.ts"
import { settings } from "../../../src/config/Settings.ts"

let out: Array<string> = []
let err: Array<string> = []
beforeEach(() => {
  out = []
  err = []
  vi.spyOn(console, "log").mockImplementation((text) => void out.push(String(text)))
  vi.spyOn(console, "error").mockImplementation((text) => void err.push(String(text)))
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

/** What a command line asks for: the command's name and what it is given. */
const asked = async (...args: ReadonlyArray<string>) => {
  const seen: Array<readonly [string, object]> = []
  const record =
    (name: string) =>
    (options: object): Effect.Effect<void, CommandError> =>
      Effect.sync(() => void seen.push([name, options]))
  const result = await Effect.runPromise(
    Effect.result(
      commandLine({
        server: record("server"),
        call: record("call"),
        tools: record("tools"),
        doctor: record("doctor"),
        demo: record("demo")
      })(args)
    )
  )
  return { asked: seen[0], exitCode: Result.isFailure(result) ? result.failure.exitCode : 0 }
}

const saidOnly = (flags: object) =>
  Object.fromEntries(Object.entries(flags).filter(([, texts]) => (texts as ReadonlyArray<string>).length > 0))

describe("the command line", () => {
  it("without a subcommand asks for the server", async () => {
    const { asked: [name, given] = [] } = await asked("--read-only=false", "--node", "a@x,b@x", "--node=c@y")
    expect(name).toBe("server")
    expect(saidOnly((given as { flags: object }).flags)).toEqual({ readOnly: ["false"], nodes: ["a@x,b@x", "c@y"] })
  })

  it("shares flags with subcommands, before and behind them", async () => {
    for (const args of [
      ["--node", "a@x", "call", "top", '{"limit": 5}', "--json"],
      ["call", "--json", "top", '{"limit": 5}', "--node", "a@x"]
    ]) {
      const { asked: [name, options] = [] } = await asked(...args)
      expect(name).toBe("call")
      expect(options).toMatchObject({ tool: "top", input: Option.some('{"limit": 5}'), json: true })
      expect(saidOnly((options as { given: { flags: object } }).given.flags)).toEqual({ nodes: ["a@x"] })
    }
  })

  it("takes - for the input of a call", async () => {
    expect((await asked("call", "top", "-")).asked).toMatchObject(["call", { input: Option.some("-") }])
  })

  it("has nodes for the tool that lists them", async () => {
    expect((await asked("nodes")).asked).toMatchObject([
      "call",
      { tool: "list_nodes", input: Option.some('{"limit": 200}'), json: false }
    ])
  })

  it("has a demo that asks before it installs anything, and takes its node away again", async () => {
    expect((await asked("demo")).asked).toMatchObject(["demo", { keep: false, yes: false }])
    expect((await asked("demo", "--keep", "--yes", "--mode=lfe")).asked).toMatchObject([
      "demo",
      { keep: true, yes: true, given: { flags: { mode: ["lfe"] } } }
    ])
  })

  it("takes the switches of subcommands from the environment too", async () => {
    for (const [text, meaning] of [
      ["1", true],
      ["true", true],
      ["0", false],
      ["", false]
    ] as const) {
      vi.stubEnv("BEAMSCOPE_JSON", text)
      expect((await asked("tools")).asked).toMatchObject(["tools", { json: meaning }])
    }
    vi.stubEnv("BEAMSCOPE_JSON", "maybe")
    expect(await asked("tools")).toEqual({ asked: undefined, exitCode: 2 })
    expect(err.join()).toContain("BEAMSCOPE_JSON: expected true, false, 1 or 0, got 'maybe'")
  })

  it.each([
    [["--bogus"], "--bogus"],
    [["--allow-evall"], "did you mean --allow-eval?"],
    [["nodez"], "did you mean nodes?"],
    [["--mode", "perl"], '--mode: "perl"'],
    [["--mode"], "--mode"],
    [["--read-only=maybe"], "--read-only"],
    [["call"], "tool"],
    [["tools", "surplus"], "surplus"]
  ])("answers the mistake in %j with one line", async (args, words) => {
    expect(await asked(...args)).toEqual({ asked: undefined, exitCode: 2 })
    expect(out).toEqual([])
    expect(err).toEqual([expect.stringContaining(words)])
    expect(err[0]).toMatch(/^beamscope: [^\n]+ \(see beamscope --help\)$/u)
  })

  it("has help that names every flag and its variable", async () => {
    expect((await asked("--help")).exitCode).toBe(0)
    const help = out.join("\n")
    for (const { flag } of Object.values(settings)) expect(help).toContain(`--${flag} `)
    expect(help).toContain("[BEAMSCOPE_ALLOW_NODES]")
    for (const command of ["call", "tools", "nodes", "demo"]) expect(help).toContain(`\n  ${command} `)
    expect(err).toEqual([])
  })

  it.each(["bash", "zsh", "fish"])("completes in %s", async (shell) => {
    expect((await asked("--completions", shell)).exitCode).toBe(0)
    expect(out.join("\n")).toContain("allow-nodes")
    expect(out.join("\n")).toMatch(/list_processes'? '?top_processes/u)
  })
})

describe("the short way to the server", () => {
  it("is for flags alone, plainly written", () => {
    expect(serverFlags([])).toEqual({ flags: expect.anything() })
    expect(serverFlags(["--config", "/etc/b.json", "--read-only"])).toMatchObject({
      file: "/etc/b.json",
      flags: { readOnly: ["true"] }
    })
  })

  it.each([
    [["--help"]],
    [["tools"]],
    [["--bogus"]],
    [["--mode"]],
    [["--read-only=false"]],
    [["--no-read-only"]],
    [["--mode", "erlang", "--mode", "elixir"]],
    [["--", "tools"]],
    [["-h"]]
  ])("leaves %j to the long one", (args) => {
    expect(serverFlags(args)).toBeUndefined()
  })

  it("understands what it takes as the long one does", async () => {
    const value = fc.constantFrom("a@x", "erlang", "elixir", "auto", "info", "4369", "a,b", "x y", "=", "a=b")
    const arg = fc.constantFrom(...Object.values(settings).map(({ flag }) => `--${flag}`), "--config")
    const args = fc.array(
      fc.oneof(
        fc.tuple(arg, value),
        arg.map((it) => [it]),
        fc.tuple(arg, value).map(([it, text]) => [`${it}=${text}`])
      ),
      { maxLength: 4 }
    )
    let compared = 0
    await fc.assert(
      fc.asyncProperty(args, async (parts) => {
        const short = serverFlags(parts.flat())
        if (short === undefined) return
        const long = await asked(...parts.flat())
        // What the long one refuses (a mode that there is not) the configuration refuses on the short way.
        if (long.exitCode !== 0) return
        compared++
        expect(long.asked).toEqual(["server", short])
      }),
      { numRuns: 300 }
    )
    expect(compared).toBeGreaterThan(20)
  })
})
