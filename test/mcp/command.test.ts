import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, existsSync, openSync } from "node:fs"
import { text } from "node:stream/consumers"
import { describe, expect, it, onTestFinished } from "vitest"
import { unreadVariables } from "../../src/cli/ReadConfig.ts"
import { shortHostName } from "../../src/config/HostNames.ts"
import { launch } from "../support/ServerProcess.ts"

/** How a command ends, and what it says on stdout and stderr, with `input` to read. */
const read = async (
  args: ReadonlyArray<string>,
  { env = {}, input = "" }: { env?: Readonly<Record<string, string>>; input?: string } = {}
) => {
  const start = launch(args, { BEAMSCOPE_EPMD_PORT: "1", ...env })
  const child = spawn(start.command, start.args, { env: start.env })
  onTestFinished(() => void child.kill("SIGKILL"))
  child.stdin.on("error", () => {}).end(input)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])
  return { code: code as number | null, out, err }
}

/** How a command ends, and what it says on stderr, with its output going to `stdout`. */
const run = async (
  args: ReadonlyArray<string>,
  {
    env = {},
    stdout = "ignore"
  }: { env?: Readonly<Record<string, string>>; stdout?: "ignore" | "broken" | number } = {}
) => {
  const start = launch(args, { BEAMSCOPE_EPMD_PORT: "1", ...env })
  const child = spawn(start.command, start.args, {
    env: start.env,
    stdio: ["ignore", stdout === "broken" ? "pipe" : stdout, "pipe"]
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  // Long before it has anything to say.
  child.stdout?.destroy()
  let err = ""
  child.stderr!.setEncoding("utf8").on("data", (text: string) => void (err += text))
  const [code] = await once(child, "close")
  return { code: code as number | null, err }
}

describe("a command's output", () => {
  it.runIf(existsSync("/dev/full")).each([[["call", "list_nodes"]], [["tools"]], [["--help"]]])(
    "of %j that cannot be written is a failure",
    async (args) => {
      const full = openSync("/dev/full", "w")
      try {
        const { code, err } = await run(args, { stdout: full })
        expect(code).toBe(1)
        expect(err).toMatch(/^beamscope: the output could not be written: ENOSPC[^\n]*\n$/u)
      } finally {
        closeSync(full)
      }
    }
  )

  it("that nobody reads any more is none", async () => {
    expect(await run(["call", "list_nodes"], { stdout: "broken" })).toEqual({ code: 0, err: "" })
  })
})

describe("a mistake in what the operator set", () => {
  it.each<readonly [string, ReadonlyArray<string>, Readonly<Record<string, string>>]>([
    ["--tools", ["tools", "--tools", "nonsense"], {}],
    ["BEAMSCOPE_TOOLS", ["tools"], { BEAMSCOPE_TOOLS: "nonsense" }],
    ["BEAMSCOPE_TOOLSETS", [], { BEAMSCOPE_TOOLSETS: "nonsense" }],
    ["BEAMSCOPE_EXCLUDE_TOOLS", ["call", "list_nodes"], { BEAMSCOPE_EXCLUDE_TOOLS: "nonsense" }]
  ])("of tools in %s is told under that name", async (name, args, env) => {
    const { code, err } = await run(args, { env })
    expect(code).toBe(2)
    expect(err).toMatch(new RegExp(`^beamscope: ${name}: there is no 'nonsense'; [^\\n]+\\n$`, "u"))
  })

  it.each([["["], [""], ["shop"]])("of --allow-nodes %j is told in one line", async (pattern) => {
    const { code, err } = await run(["--allow-nodes", pattern])
    expect(code).toBe(2)
    expect(err).toMatch(/^beamscope: --allow-nodes: [^\n]+\n$/u)
  })
})

describe("the input of a call", () => {
  const call = ["call", "top_processes"]
  const settings = ["--node", "a@127.0.0.1"]

  it.each([
    ["{bad", "is not JSON: line 1, column 2: expected a key in double quotes or }"],
    ['{\n"cookie": SECRET}', "is not JSON: line 2, column 11: expected a value"],
    ['{"limit": 5, "limit": 6}', "has a key twice: line 1, column 14: "],
    ["[]", "is an array"],
    ["null", "is null"],
    ['"SECRET"', "is a string"],
    ["", "is empty"]
  ])("that is %j is told as what it is, and not quoted", async (input, problem) => {
    const { code, err, out } = await read([...call, input, ...settings])
    expect({ code, out }).toEqual({ code: 2, out: "" })
    expect(err).toMatch(/^beamscope: the input must be a JSON object, like '\{"limit": 5\}', but it [^\n]+\n$/u)
    expect(err).toContain(`but it ${problem}`)
    expect(err).not.toContain("SECRET")
  })

  it("is read from stdin where it is -", async () => {
    const { code, err } = await read([...call, "-", ...settings], { input: '{"sort_by": 5}\n' })
    expect(code).toBe(2)
    expect(err).toContain("top_processes: `sort_by`: expected ")
    expect((await read([...call, "-", ...settings], { input: "[" })).err).toContain(
      "but it is not JSON: line 1, column 2"
    )
  })
})

describe("a failure with --json", () => {
  it.each<[string, ReadonlyArray<string>, number, object]>([
    [
      "of a tool",
      ["call", "get_system_info", "--node", "b@127.0.0.1"],
      1,
      { code: "connect_failed", retryable: true, next: "list_nodes" }
    ],
    ["of no tool", ["call", "top_process"], 2, { code: "unknown_tool", did_you_mean: ["top_processes"] }],
    ["of an input", ["call", "top_processes", '{"limit": "x"}', "--node", "b@x"], 2, { code: "invalid_input" }],
    ["of a setting", ["tools", "--tools", "nonsense"], 2, { code: "usage" }],
    ["of what is no input", ["call", "top_processes", "["], 2, { code: "usage" }]
  ])("%s is an object on stdout, beside the text on stderr", async (_what, args, exitCode, error) => {
    const { code, err, out } = await read([...args, "--json"], { env: { BEAMSCOPE_COOKIE: "COOKIE" } })
    expect(code).toBe(exitCode)
    const told = (JSON.parse(out) as { error: { message: string } }).error
    expect(told).toMatchObject({ retryable: false, ...error })
    expect(err).toContain(`beamscope: ${told.message}\n`)
  })
})

describe("settings that leave no tool", () => {
  it("are named", async () => {
    const { code, err, out } = await read(["tools", "--tools", "list_nodes"], {
      env: { BEAMSCOPE_EXCLUDE_TOOLS: "list_nodes" }
    })
    expect({ code, out }).toEqual({ code: 0, out: "" })
    expect(err).toBe("beamscope: the settings leave no tool: see --tools, BEAMSCOPE_EXCLUDE_TOOLS\n")
  })
})

describe("a variable that nobody reads", () => {
  it("is told with the one that was perhaps meant, and is no mistake", async () => {
    const { code, err, out } = await read(["tools"], { env: { BEAMSCOPE_AGNET: "none" } })
    expect(code).toBe(0)
    expect(out).toContain("top_processes")
    expect(err).toBe("beamscope: BEAMSCOPE_AGNET is no variable that is read; did you mean BEAMSCOPE_AGENT?\n")
  })

  it("is no matter where it is none of ours", () => {
    const others = {
      BEAMSCOPE_SERVICE_HOST: "10.0.0.1",
      BEAMSCOPE_SERVICE_PORT: "80",
      BEAMSCOPE_HTTP_SERVICE_PORT_HTTP: "80",
      BEAMSCOPE_PORT: "tcp://10.0.0.1:80",
      BEAMSCOPE_PORT_80_TCP: "tcp://10.0.0.1:80",
      BEAMSCOPE_PORT_80_TCP_ADDR: "10.0.0.1",
      NODE: "x"
    }
    expect(unreadVariables({ ...others, BEAMSCOPE_COOKIE: "x", BEAMSCOPE_JSON: "1" })).toEqual([])
  })

  it.each([
    ["BEAMSCOPE_NOD", "did you mean BEAMSCOPE_NODE or "],
    ["BEAMSCOPE_EMPD_PORT", "did you mean BEAMSCOPE_EPMD_PORT?"],
    ["BEAMSCOPE_PORT", "did you mean BEAMSCOPE_EPMD_PORT?"],
    ["BEAMSCOPE_READONLY_PLEASE", "beamscope --help has those that are."]
  ])("is told, with a name near to it or where to look: %s", (name, help) => {
    expect(unreadVariables({ [name]: "4369" })).toEqual([
      expect.stringContaining(`${name} is no variable that is read; ${help}`)
    ])
  })
})

describe("the doctor of a node", () => {
  it("for which there is no cookie looks at the rest of the way, and tells of both", async () => {
    const { code, out } = await read(["doctor", "a@127.0.0.1"])
    expect(code).toBe(1)
    expect(out).toMatch(/^ok +host .*\nFAILED +epmd /mu)
    expect(out).toContain("Besides, there is no cookie to connect to a@127.0.0.1 with. Looked at, in this order: ")
  })
})

describe("the doctor of a name", () => {
  it.each([
    ["app@[::1]", 2, "is no node name: a host is written without brackets here, an IPv6 address too: app@::1."],
    ["app$1@127.0.0.1", 1, "'app$1' on the host '127.0.0.1'"],
    ["app,x*@127.0.0.1", 1, "'app,x*' on the host '127.0.0.1'"]
  ])("takes it as it is: %s", async (node, status, says) => {
    const { code, err, out } = await read(["doctor", node])
    expect(code).toBe(status)
    expect(`${out}${err}`).toContain(says)
    expect(`${out}${err}`).not.toContain("--allow-nodes")
  })
})

describe("several nodes for a tool that asks one", () => {
  it.each<readonly [string, ReadonlyArray<string>, Readonly<Record<string, string>>]>([
    ["--node", ["--node", "a@127.0.0.1,b@127.0.0.1"], {}],
    ["--node", ["--node", "a@127.0.0.1", "--node", "b@127.0.0.1"], {}],
    ["BEAMSCOPE_NODE", [], { BEAMSCOPE_NODE: "a@127.0.0.1,b@127.0.0.1" }]
  ])("by %s are named, and none is asked", async (name, args, env) => {
    const { code, err } = await run(["call", "get_system_info", ...args], { env })
    expect(code).toBe(2)
    expect(err).toMatch(new RegExp(`^beamscope: ${name}: get_system_info asks one node, [^\\n]+\\n$`, "u"))
    expect(err).toContain("these are 2: a@127.0.0.1, b@127.0.0.1.")
  })

  it("are one where they are names of one node of this machine", async () => {
    const nodes = `a@localhost,a@${shortHostName()}`
    const { code, err } = await run(["call", "get_system_info", "--node", nodes], {
      env: { BEAMSCOPE_COOKIE: "COOKIE" }
    })
    expect(code).toBe(1)
    expect(err).toContain("No EPMD answers")
  })

  it("or none at all are told with the flag that names one", async () => {
    const { code, err } = await run(["call", "get_system_info"])
    expect(code).toBe(2)
    expect(err).toMatch(
      /^beamscope: get_system_info asks a node, and none is configured\. Give one with --node, [^\n]+\n$/u
    )
  })

  it("are none where the input names one, or the tool takes none", async () => {
    const several = { BEAMSCOPE_NODE: "a@127.0.0.1,b@127.0.0.1", BEAMSCOPE_COOKIE: "COOKIE" }
    const { code, err } = await run(["call", "get_system_info", '{"node": "b@127.0.0.1"}'], { env: several })
    expect(code).toBe(1)
    expect(err).toContain("No EPMD answers on 127.0.0.1:1")
    expect(await run(["call", "list_nodes"], { env: several })).toEqual({ code: 0, err: "" })
  })
})

describe("the log", () => {
  it("has one warning for a node that cannot be connected, with the reason and without a cookie", async () => {
    const { err } = await run(["call", "get_system_info", "--node", "b@127.0.0.1", "--log-level", "warn"], {
      env: { BEAMSCOPE_COOKIE: "PRECIOUS" }
    })
    const warnings = err.split("\n").filter((line) => line.includes("level=WARN"))
    expect(warnings).toEqual([expect.stringContaining("b@127.0.0.1: not connected: no EPMD answers on 127.0.0.1:1")])
    expect(err).not.toContain("PRECIOUS")
  })

  it("of a call has nothing that the call says itself", async () => {
    const { err } = await run(["call", "get_system_info", "--node", "b@127.0.0.1"], {
      env: { BEAMSCOPE_COOKIE: "PRECIOUS" }
    })
    expect(err).toMatch(/^beamscope: /u)
    expect(err).not.toContain("level=")
  })
})
