import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { nodePattern, patternProblem } from "../../../src/policy/NodePattern.ts"

const letters = "abcXYZ019_-"
const label = (characters: string) => fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 8 })
const nodeName = fc.tuple(label(letters), label(`${letters}.:%`)).map(([name, host]) => `${name}@h${host}x`)

describe("a pattern for nodes", () => {
  it.each(["*", "*@*", "app-*", "app@10.0.3.*", "app@fe80::1%eth0", "*@*.example.org", "größe@x"])(
    "may be %j",
    (pattern) => {
      expect(patternProblem(pattern)).toBeUndefined()
    }
  )

  it.each([
    ["", "is empty"],
    ["[", 'has "["'],
    ["app[12]@x", 'has "["'],
    ["app?@x", 'has "?"'],
    ["^app@x$", 'has "^"'],
    ["app@x y", 'has " "'],
    ["'app@x'", `has "'"`],
    ["app", "no @host part"],
    ["@x", "before the @ is empty"],
    ["app@", "behind the @ is empty"],
    ["*@a@b", "more than one @"]
  ])("may not be %j", (pattern, problem) => {
    expect(patternProblem(pattern)).toContain(problem)
  })

  it("may be any node's name, which it then matches, also with a part of it as *", () => {
    fc.assert(
      fc.property(nodeName, fc.nat(), fc.nat(), (node, from, length) => {
        expect(patternProblem(node)).toBeUndefined()
        expect(nodePattern(node)(node)).toBe(true)
        const start = from % node.length
        const pattern = `${node.slice(0, start)}*${node.slice(start + (length % (node.length - start)))}`
        expect(patternProblem(pattern)).toBeUndefined()
        expect(nodePattern(pattern)(node)).toBe(true)
      })
    )
  })
})
