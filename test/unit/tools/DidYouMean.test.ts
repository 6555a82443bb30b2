import { describe, expect, it } from "vitest"
import { didYouMean } from "../../../src/tools/DidYouMean.ts"

const tools = ["list_processes", "top_processes", "get_process_info", "list_nodes", "get_memory_info"]

describe("didYouMean", () => {
  it.each([
    ["list_proceses", "list_processes"],
    ["listProcesses", "list_processes"],
    ["lsit_nodes", "list_nodes"],
    ["memory", "get_memory_info"],
    ["get-memory-info", "get_memory_info"]
  ])("%s: %s", (written, meant) => expect(didYouMean(written, tools)[0]).toBe(meant))

  it("offers nothing where nothing is near", () => {
    expect(didYouMean("restart", tools)).toEqual([])
    expect(didYouMean("", tools)).toEqual([])
    expect(didYouMean("!!!", tools)).toEqual([])
  })

  it("offers three at most, the nearest first", () => {
    expect(didYouMean("ab", ["ab", "abc", "b", "a", "xyz"])).toEqual(["ab", "abc", "b"])
  })

  it("does not compare texts of any length", () => {
    expect(didYouMean("a".repeat(1_000_000), tools)).toEqual([])
    expect(didYouMean("a", ["a".repeat(1_000_000)])).toEqual([])
  })
})
