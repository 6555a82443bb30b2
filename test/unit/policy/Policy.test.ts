import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { AccessClass } from "../../../src/policy/Access.ts"
import { Policy, type PolicySettings } from "../../../src/policy/Policy.ts"

const classes: ReadonlyArray<AccessClass> = ["inspect", "observe", "control", "eval"]

const policy = (settings: Omit<PolicySettings, "hostNames">) =>
  Effect.runSync(Policy.pipe(Effect.provide(Policy.layer({ hostNames: ["box", "box.example.org"], ...settings }))))

const allowed = (settings: Omit<PolicySettings, "hostNames">): ReadonlyArray<AccessClass> =>
  classes.filter((access) => policy(settings).toolRefusal({ name: "a_tool", toolset: "a_set", access }) === undefined)

describe("access classes", () => {
  it.each<[Omit<PolicySettings, "hostNames">, ReadonlyArray<AccessClass>]>([
    [{}, ["inspect", "observe"]],
    [{ allowControl: true }, ["inspect", "observe", "control"]],
    [{ allowEval: true }, ["inspect", "observe", "eval"]],
    [{ allowControl: true, allowEval: true }, ["inspect", "observe", "control", "eval"]],
    [{ readOnly: true }, ["inspect", "observe"]],
    [{ readOnly: true, allowControl: true, allowEval: true }, ["inspect", "observe"]],
    [{ inspectOnly: true }, ["inspect"]],
    [{ inspectOnly: true, readOnly: true, allowControl: true, allowEval: true }, ["inspect"]]
  ])("%j allows %j", (settings, expected) => expect(allowed(settings)).toEqual(expected))

  it.each<[Omit<PolicySettings, "hostNames">, AccessClass, string]>([
    [{}, "control", "--allow-control"],
    [{}, "eval", "--allow-eval"],
    [{ readOnly: true, allowControl: true }, "control", "--read-only"],
    [{ readOnly: true, allowEval: true }, "eval", "--read-only"],
    [{ inspectOnly: true }, "observe", "--inspect-only"]
  ])("under %j a refused %s tool names %s", (settings, access, flag) =>
    expect(policy(settings).toolRefusal({ name: "a_tool", toolset: "a_set", access })).toContain(flag)
  )
})

describe("chosen tools", () => {
  const tools = [
    { name: "a1", toolset: "a", access: "inspect" },
    { name: "a2", toolset: "a", access: "inspect" },
    { name: "b1", toolset: "b", access: "inspect" },
    { name: "b2", toolset: "b", access: "control" }
  ] as const

  it.each<[Omit<PolicySettings, "hostNames">, ReadonlyArray<string>]>([
    [{}, ["a1", "a2", "b1"]],
    [{ tools: ["a2"] }, ["a2"]],
    [{ toolsets: ["b"] }, ["b1"]],
    [{ tools: ["a2"], toolsets: ["b"] }, ["a2", "b1"]],
    [{ excludeTools: ["a1"] }, ["a2", "b1"]],
    [{ tools: ["a1", "a2"], excludeTools: ["a1"] }, ["a2"]],
    [{ tools: [] }, []],
    [{ tools: ["b2"] }, []],
    [{ tools: ["b2"], allowControl: true }, ["b2"]]
  ])("%j leaves %j", (settings, expected) =>
    expect(tools.filter((tool) => policy(settings).toolRefusal(tool) === undefined).map((tool) => tool.name)).toEqual(
      expected
    )
  )
})

describe("nodes", () => {
  it.each([
    ["app@localhost", true],
    ["app@127.0.0.1", true],
    ["app@127.13.0.9", true],
    ["app@::1", true],
    ["app@box", true],
    ["app@box.example.org", true],
    ["app@127.evil.org", false],
    ["app@127.0.0.1.evil.org", false],
    ["app@box.evil.org", false],
    ["app@localhost.evil.org", false],
    ["app@10.0.0.1", false]
  ])("by default %s: %s", (node, expected) => expect(policy({}).nodeRefusal(node) === undefined).toBe(expected))

  it.each([
    [["*@10.0.3.*"], "app@10.0.3.7", true],
    [["*@10.0.3.*"], "app@10.0x3.7", false],
    [["*@10.0.3.*"], "app@localhost", false],
    [["*@10.0.3.*"], "app@10.0.3.attacker.example", false],
    [["*@10.0.3.*"], "app@10.0.3.7.attacker.example", false],
    [["*@10.0.3.*"], "app@10.0.3.7.8", false],
    [["*@10*"], "app@10.attacker.example", false],
    [["*@10*"], "app@10.0.3.7", true],
    [["app@*.0.3.7"], "app@x.0.3.7", false],
    [["*10.0.3.*"], "app@10.0.3.attacker.example", false],
    [["*10.0.3.*"], "app@10.0.3.7", true],
    [["*@fd00:*"], "app@fd00::7", true],
    [["*@fd00:*"], "app@fd00:attacker.example", false],
    [["*@fe80::*%eth0"], "app@fe80::1%eth0", true],
    [["*@::ffff:10.0.3.*"], "app@::ffff:10.0.3.7", true],
    [["app@10.0.3"], "app@10.0.3", true],
    [["app*1"], "app@host1", true],
    [["*@*01"], "app@web01", true],
    [["*@*-7.example.org"], "app@db-7.example.org", true],
    [["app-*"], "app-1@anywhere", true],
    [["app-*"], "other@app-1", false],
    [["*"], "any@where", true],
    [["a@b", "c@d"], "c@d", true],
    [["a@b"], "aa@b", false],
    [["a@b"], "a@bb", false],
    [[], "app@localhost", false],
    [["[x]+@b"], "xx@b", false],
    [["[x]+@b"], "[x]+@b", true]
  ])("--allow-nodes %j and %s: %s", (allowNodes, node, expected) =>
    expect(policy({ allowNodes }).nodeRefusal(node) === undefined).toBe(expected)
  )

  it.each(["app@far", "app,x@far", "app$*@far"])(
    "that the operator names himself are allowed as they are: %s",
    (namedNode) => {
      for (const allowNodes of [undefined, [], ["other@far"]]) {
        const { nodeRefusal } = policy({ namedNode, ...(allowNodes && { allowNodes }) })
        expect(nodeRefusal(namedNode)).toBeUndefined()
        expect(nodeRefusal(`${namedNode}.x`)).toContain("neither configured nor ")
        expect(nodeRefusal("app$1@far")).toContain("neither configured nor ")
      }
    }
  )

  it("says which flag would allow a refused node", () =>
    expect(policy({}).nodeRefusal("app@far")).toContain("--allow-nodes 'app@far'"))
})
