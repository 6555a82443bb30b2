import { describe, expect, it } from "vitest"
import { findInElixir, findInErlang } from "../../../src/syntax/SourceText.ts"

const texts = (text: string, name: string, arities: ReadonlyArray<number>) =>
  findInErlang(text, name, arities).map((part) => part.text)

describe("a function in Erlang source", () => {
  it("is found with its specification and its lines", () => {
    const text =
      "%% Doc.\n-module(m).\n\n-spec f(integer()) ->\n    ok.\n%% Why.\nf(1) -> ok;\nf(_) ->\n    ok.\n\nf(A, B) -> {A, B}.\n"
    expect(findInErlang(text, "f", [1])).toEqual([
      { firstLine: 4, lastLine: 9, text: "-spec f(integer()) ->\n    ok.\n%% Why.\nf(1) -> ok;\nf(_) ->\n    ok." }
    ])
    expect(texts(text, "f", [2])).toEqual(["f(A, B) -> {A, B}."])
    expect(texts(text, "f", [1, 2])).toHaveLength(2)
    expect(texts(text, "g", [1])).toEqual([])
  })

  it.each([
    ["f() -> ok.", 0],
    ["f( % nothing\n ) -> ok.", 0],
    ["f([A, B], {C, D}, #{a := E}) -> ok.", 3],
    ["f(\"a, b\", 'c, d', $,, <<1, 2:8>>) -> ok.", 4],
    ["f(#r{a = 1, b = 2}, fun(X, Y) -> X end) -> ok.", 2]
  ])("has the arguments of %s", (text, arity) => {
    expect(texts(text, "f", [arity])).toEqual([text])
    expect(texts(text, "f", [arity + 1])).toEqual([])
  })

  it("ends at a dot that no text, comment, character or number holds", () => {
    const text = 'f(X) -> % not here. \n    {"nor. here", \'or. here\', $., $", X#r.a, 1.5, "\\". ", ok}.'
    expect(texts(`${text}\ng() -> no.\n`, "f", [1])).toEqual([text])
    const quotes = 'f() ->\n    """\n    it says "so". \n    """.'
    expect(texts(`${quotes}\ng() -> no.\n`, "f", [0])).toEqual([quotes])
  })

  it("is found by a name in quotes, and wherever the preprocessor chooses", () => {
    expect(texts("'odd name'(X) -> X.\n", "odd name", [1])).toHaveLength(1)
    expect(texts("-ifdef(A).\nf() -> a.\n-else.\nf() -> b.\n-endif.\n", "f", [0])).toEqual(["f() -> a.", "f() -> b."])
  })

  it("is looked for once through a text that never ends what it begins", () => {
    const calls = ['\\"', "\\'", '"', '"""\n', '" ', "$\\x{", "<<", "'"].map(
      (piece) => `f() -> ${piece.repeat(200_000)}`
    )
    const spec = `-spec${" ".repeat(1_000_000)}1.\n`
    for (const text of [...calls, spec]) expect(findInErlang(text, "g", [0])).toEqual([])
  })

  it("holds empty strings one behind the other, and what an odd quote begins", () => {
    for (const count of [2, 3, 4, 5]) {
      const text = `f() -> {${'"'.repeat(count)}. ${count % 2 === 1 ? '" ' : "1."}}.`
      const parts = texts(`${text}\ng() -> no.\n`, "f", [0])
      expect(parts, text).toEqual(count % 2 === 1 ? [text] : [text.slice(0, text.indexOf(". ") + 1)])
    }
    const lines = `f() ->\n    """""\n    """". \n    """"".`
    expect(texts(`${lines}\ng() -> no.\n`, "f", [0])).toEqual([lines])
  })
})

describe("a function in Elixir source", () => {
  const text = `defmodule M do
  @doc "No."
  @spec f(integer) :: atom
  @impl true
  def f(1) do
    if true do
      :ok
    end

  rescue
    _ -> :error
  end

  def f(_), do: :no

  def g(
        a
      ) do
    a
  end
end
`
  it("is the block on the lines that the compiler noted, with the attributes in front", () => {
    expect(findInElixir(text, [14, 5, 5]).map(({ firstLine, lastLine }) => [firstLine, lastLine])).toEqual([
      [3, 12],
      [14, 14]
    ])
    expect(findInElixir(text, [16])).toEqual([
      { firstLine: 16, lastLine: 20, text: "  def g(\n        a\n      ) do\n    a\n  end" }
    ])
  })

  it("has the attributes that no clause before it has", () => {
    const specs = "  @spec f(integer) :: atom\n".repeat(1_000)
    const parts = findInElixir(
      specs,
      Array.from({ length: 1_000 }, (_, at) => at + 1)
    )
    expect(parts.map(({ firstLine }) => firstLine)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1))
    expect(parts.every((part) => part.text.split("\n").length === 1)).toBe(true)
  })

  it("is nothing on lines that the file does not have", () => {
    expect(findInElixir(text, [0, -3, 900])).toEqual([])
    expect(findInElixir(text, [])).toEqual([])
  })
})
