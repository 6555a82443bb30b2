import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { demoSettings } from "../../../src/cli/DemoSettings.ts"
import type { ServerFlags } from "../../../src/cli/ServerFlags.ts"

const refusal = (given: ServerFlags, environment: Readonly<Record<string, string>> = {}) =>
  Result.getOrThrow(Result.flip(demoSettings(given, environment)))

describe("what was said for a demo", () => {
  it("is nothing by default", () => {
    expect(demoSettings({ flags: { nodes: [], mode: [] } }, {})).toEqual(Result.succeed({ flags: [], unused: [] }))
  })

  it("counts where it is for the server, flags before the environment", () => {
    const environment = { BEAMSCOPE_MODE: "perl", BEAMSCOPE_AGENT: "none", BEAMSCOPE_LOG_LEVEL: "debug" }
    expect(demoSettings({ flags: { mode: ["lfe"], logLevel: ["error"] } }, environment)).toEqual(
      Result.succeed({ flags: ["--mode=lfe", "--agent=none", "--log-level=error"], unused: [] })
    )
    expect(refusal({ flags: {} }, environment).message).toContain("BEAMSCOPE_MODE: expected one of elixir")
    expect(refusal({ flags: { agent: ["x"] } }).message).toContain("--agent: expected one of auto")
  })

  it("is a mistake where a flag has no meaning for it", () => {
    expect(refusal({ flags: { nodes: ["a@x"], readOnly: ["true"], mode: ["lfe"] }, file: "x.json" })).toMatchObject({
      exitCode: 2,
      message:
        "demo has a node and a server of its own, and takes only --mode, --agent, --log-level for it: leave out --config, --node, --read-only"
    })
  })

  it("is told where a variable has no meaning for it", () => {
    const environment = {
      BEAMSCOPE_NODE: "a@x",
      BEAMSCOPE_COOKIE: "x",
      BEAMSCOPE_TLS: "",
      BEAMSCOPE_KEEP: "1",
      BEAMSCOPE_CONFIG: "x.json"
    }
    expect(demoSettings({ flags: {} }, environment)).toEqual(
      Result.succeed({ flags: [], unused: ["BEAMSCOPE_CONFIG", "BEAMSCOPE_COOKIE", "BEAMSCOPE_NODE"] })
    )
  })
})
