import { describe, expect, it } from "vitest"
import { renderText } from "../../../src/tools/Text.ts"

describe("renderText", () => {
  it("puts the summary first, tables in columns and the rest as key: value, in the order of the object", () =>
    expect(
      renderText({
        summary: "Two processes.",
        node: "a@b",
        complete: true,
        notes: ["One thing, and more of it.", "Another."],
        gc: { minor: 3, options: { fullsweep_after: 65535 } },
        links: ["#PID<0.1.0>", "#PID<0.2.0>"],
        processes: [
          { pid: "#PID<0.1.0>", name: ":init", memory_bytes: 12 },
          { pid: "#PID<0.90.0>", memory_bytes: 123456, label: "a  b" }
        ],
        next_cursor: "abc",
        hints: ["top_processes"]
      })
    ).toBe(
      [
        "Two processes.",
        "node: a@b",
        "complete: true",
        "notes:",
        "- One thing, and more of it.",
        "- Another.",
        "gc:",
        "  minor: 3",
        "  options:",
        "    fullsweep_after: 65535",
        "links: #PID<0.1.0>, #PID<0.2.0>",
        "processes (2):",
        "  pid           name   memory_bytes  label",
        "  #PID<0.1.0>   :init  12            -",
        '  #PID<0.90.0>  -      123456        "a  b"',
        "next_cursor: abc",
        "hints: top_processes"
      ].join("\n")
    ))

  it("quotes what could be misread", () =>
    expect(renderText({ rows: [{ a: "-", b: "", c: " x", d: "x y", e: null }] })).toBe(
      ["rows (1):", "  a    b   c     d    e", '  "-"  ""  " x"  x y  null'].join("\n")
    ))

  it("lets a wide cell stick out instead of widening its column", () => {
    const wide = "w".repeat(200)
    const lines = renderText({
      rows: [
        { a: wide, b: 1 },
        { a: "x", b: 2 }
      ]
    }).split("\n")
    expect(lines[2]).toBe(`  ${wide}  1`)
    expect(lines[3]).toBe(`  ${"x".padEnd(40)}  2`)
  })

  it("shows text of several lines as a block", () =>
    expect(renderText({ tree: "a\n  b" })).toBe(["tree:", "  a", "    b"].join("\n")))
})
