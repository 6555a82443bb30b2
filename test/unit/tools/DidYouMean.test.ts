import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { didYouMean, didYouMeanAtom } from "../../../src/tools/DidYouMean.ts"

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

  it("knows a few mistakes from many, like the plain way to count them", () => {
    /** Changes that turn one text into the other. */
    const changes = (a: string, b: string): number => {
      if (a === "" || b === "") return a.length + b.length
      const [x, y] = [a.slice(1), b.slice(1)]
      if (a[0] === b[0]) return changes(x, y)
      const others = [changes(x, b), changes(a, y), changes(x, y)]
      const isSwapped = a[0] === b[1] && a[1] === b[0]
      return 1 + Math.min(...others, ...(isSwapped ? [changes(a.slice(2), b.slice(2))] : []))
    }
    const text = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 7 })
    fc.assert(
      fc.property(text, text, (written, name) => {
        const isNear = changes(written, name) <= Math.max(1, Math.floor(written.length / 3))
        const contains = written.length >= 3 && name.includes(written)
        expect(didYouMean(written, [name])).toEqual(isNear || contains ? [name] : [])
      }),
      { numRuns: 1_000 }
    )
  })

  it("compares no more than some hundred names", () => {
    let taken = 0
    const crowd = function* () {
      for (; taken < 5_000; taken++) yield "x".repeat(251) + taken.toString().padStart(4, "0")
    }
    expect(didYouMean("y".repeat(255), crowd())).toEqual([])
    expect(taken).toBe(500)
  })

  it("does not compare texts of any length", () => {
    expect(didYouMean("a".repeat(1_000_000), tools)).toEqual([])
    expect(didYouMean("a", ["a".repeat(1_000_000)])).toEqual([])
  })
})

describe("didYouMeanAtom", () => {
  it("offers the alias to Elixir of what was written, before longer names that have it in them", () => {
    const names = ["Elixir.U3.Dyn.Sup", "Elixir.U3.Dyn", "kernel_sup"]
    for (const written of ["U3.Dyn", "U3.Dnn", "Elixir.U3.Dyn"])
      expect(didYouMeanAtom(written, names)[0]).toBe("Elixir.U3.Dyn")
    expect(didYouMeanAtom("Elixir.kernl_sup", names)).toEqual(["kernel_sup"])
  })
})
