import { Effect } from "effect"
import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { toolsCommand } from "../../../src/cli/ToolsCommand.ts"
import type { SettingTexts } from "../../../src/config/SettingTexts.ts"

let out: Array<string> = []
beforeEach(() => {
  out = []
  vi.spyOn(console, "log").mockImplementation((text) => void out.push(String(text)))
})
afterEach(() => void vi.restoreAllMocks())

const shown = async (flags: SettingTexts, json = false): Promise<string> => {
  await Effect.runPromise(Effect.scoped(toolsCommand({ json, given: { flags } })))
  return out.join("\n")
}

it("beamscope tools has all tools, and says which of them a client is not shown by default", async () => {
  const text = await shown({})
  expect(text).toMatch(/^code \(clients are shown it with --toolsets all\):$/mu)
  expect(text).toMatch(/^ {2}list_modules /mu)
  expect(text).toMatch(/^processes:$/mu)
})

it("beamscope tools says nothing of the kind about toolsets that were chosen", async () => {
  expect(await shown({ toolsets: ["code"] })).toMatch(/^code:$/mu)
})

it("beamscope tools --json says of each tool whether a client is shown it", async () => {
  const tools = JSON.parse(await shown({}, true)) as ReadonlyArray<{ readonly name: string; readonly listed: boolean }>
  const isListed = (wanted: string) => tools.find(({ name }) => name === wanted)?.listed
  expect([isListed("list_processes"), isListed("list_modules")]).toEqual([true, false])
})
