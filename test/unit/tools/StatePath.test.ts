import { describe, expect, it } from "@effect/vitest"
import type { StatePath, StateStep } from "../../../src/beam/GenServer.ts"
import { encode } from "../../../src/etf/Encode.ts"
import {
  atom,
  binary,
  Binary,
  BitString,
  charlist,
  ExternalFun,
  float,
  List,
  list,
  map,
  nil,
  Pid,
  Port,
  Reference,
  type Term
} from "../../../src/etf/Term.ts"
import { parseTerm } from "../../../src/syntax/ParseTerm.ts"
import type { SyntaxName } from "../../../src/syntax/Syntax.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { genServerTools } from "../../../src/tools/otp/GenServer.ts"
import { parsePath } from "../../../src/tools/otp/StatePath.ts"
import { listingOf } from "../../../src/tools/ToolListing.ts"

const node = { node: "app@localhost", creation: 42 }

const parsed = (path: string, syntax: SyntaxName): StatePath | undefined =>
  parsePath(path, (text) => {
    const read = parseTerm(text, syntax, node)
    return read._tag === "Term" ? read.term : undefined
  })

const names = ["erlang", "elixir", "gleam", "lfe"] as const

const bytesOf = (term: Term): string => Buffer.from(encode(term)).toString("hex")

/** The ways to read a path, each as the first keys of its steps, or what these can stand for. */
const ways = (path: StatePath, from = 0): ReadonlyArray<ReadonlyArray<StateStep>> =>
  from === path.length
    ? [[]]
    : path[from]!.flatMap((step) => ways(path, step.next).map((further) => [step].concat(further)))

const oddKeys: ReadonlyArray<Term> = [
  atom("name"),
  binary("name"),
  charlist("name"),
  atom("a.b"),
  binary("a.b"),
  charlist("a.b"),
  atom("1"),
  binary("1"),
  charlist("1"),
  1,
  float(1),
  1.5,
  -1.5e-7,
  float(1.5e300),
  -7,
  0,
  2 ** 53 - 1,
  2n ** 62n,
  2n ** 64n,
  -(2n ** 100n),
  atom(""),
  atom("nil"),
  atom("true"),
  atom("..."),
  atom("odd name"),
  atom("日本"),
  atom("Elixir.My.Module"),
  atom("Elixir.My"),
  atom("My"),
  atom("$initial_call"),
  atom("a|b"),
  atom("it's"),
  atom("not_found"),
  atom("utf_8"),
  atom("user@host.example"),
  binary(""),
  binary('q"t'),
  binary("a}.{b"),
  binary("日本"),
  binary("{:t, 1}"),
  new Binary(Uint8Array.of(0, 255)),
  new BitString(Uint8Array.of(160), 0, 1, 3),
  nil,
  list([1, 2]),
  new List([1, 2], 3),
  list([atom("a"), [atom("b"), 1.5]]),
  [],
  [atom("eu"), 3],
  [atom("a.b"), binary("c.d")],
  map([[atom("a"), map([[binary("b.c"), 1.5]])]]),
  map([]),
  map([
    [atom("__struct__"), atom("Elixir.My.Struct")],
    [atom("at"), 1.5]
  ]),
  map([
    [atom("__struct__"), atom("Elixir.MapSet")],
    [atom("map"), map([[1.5, nil]])]
  ]),
  new Pid(atom("app@localhost"), 90, 0, 42),
  new Port(atom("app@localhost"), 5n, 42),
  new Reference(atom("app@localhost"), 42, [1, 2, 3]),
  new ExternalFun(atom("lists"), atom("map"), 2),
  new ExternalFun(atom("Elixir.My.Module"), atom("odd name"), 1)
]

describe("a path into a state", () => {
  describe.each(names)("in %s", (name) => {
    const syntax = syntaxes[name]

    // Of a function Gleam shows no more than that it is one.
    it.each(
      oddKeys
        .filter((key) => !(name === "gleam" && key instanceof ExternalFun))
        .map((key) => [syntax.print(key, node).text, key] as const)
    )("leads to what stands under %s", (text, key) => {
      for (const [before, after] of [
        ["", ""],
        ["users.", ""],
        ["", ".2"],
        ["1.", ".name"]
      ] as const) {
        const path = before + text + after
        const at = before === "" ? 0 : 1
        const found = ways(parsed(path, name) ?? [[]]).find(
          (steps) => steps[at]?.text === text && steps.length === at + (after === "" ? 1 : 2)
        )
        expect(found?.[at]?.keys.map(bytesOf), path).toEqual([bytesOf(key)])
      }
    })

    it("takes a bare word for the atom, the text and the module of its name, and each in its own way for itself", () => {
      const [[step]] = ways(parsed("name", name)!) as [[StateStep]]
      const all = [...step.keys, ...step.others].map(bytesOf)
      expect(all.toSorted()).toEqual([atom("name"), atom("Elixir.name"), binary("name")].map(bytesOf).toSorted())
      for (const key of [atom("name"), binary("name")]) {
        const shown = syntax.print(key, node).text
        const [[exact]] = ways(parsed(shown, name)!) as [[StateStep]]
        expect(exact.keys).toEqual([key])
        if (shown !== "name" && shown !== "Name") expect(exact.others).toEqual([])
      }
    })

    it("takes a number for the key before the text, and for a position", () => {
      const [[step]] = ways(parsed("3", name)!) as [[StateStep]]
      expect(step).toMatchObject({ position: 3, keys: [3] })
      expect(step.others).toContainEqual(binary("3"))
    })
  })

  it.each<[SyntaxName, string, ReadonlyArray<ReadonlyArray<string>>]>([
    ["erlang", "users.3.name", [["users", "3", "name"]]],
    ["elixir", "users.3.name", [["users", "3", "name"]]],
    ["elixir", "1.5", [["1.5"], ["1", "5"]]],
    [
      "elixir",
      "My.Module.x",
      [
        ["My.Module", "x"],
        ["My", "Module", "x"]
      ]
    ],
    ["elixir", "1..10", [["1..10"]]],
    ["elixir", "a b.c", [["a b", "c"]]],
    ["elixir", '{"a.b", 1}.x', [['{"a.b", 1}', "x"]]],
    ["erlang", ":users.3", [[":users", "3"]]],
    ["erlang", "at.<0.90.0>", [["at", "<0.90.0>"]]]
  ])("in %s, reads %s in these ways", (syntax, path, expected) => {
    expect(ways(parsed(path, syntax)!).map((steps) => steps.map(({ text }) => text))).toEqual(expected)
  })

  it("is as the tool's own examples write it, in the syntax that a session begins with", () => {
    const tool = genServerTools.find(({ name }) => name === "get_gen_server_state")
    const { path } = listingOf(tool!).inputSchema["properties"] as Record<string, { readonly description: string }>
    const examples = path!.description.split(": ")[1]!.split(/, (?=")/u)
    const read = examples.map((example) => ways(parsed(example, "elixir")!)[0]!.map(({ keys: [key] }) => key))
    expect(read).toEqual([
      [undefined, 3, undefined],
      [binary("a.b"), [atom("eu"), 3]]
    ])
  })

  it("takes an atom with its colon for nothing else", () => {
    // In LFE the colon is a letter.
    for (const syntax of ["erlang", "elixir", "gleam"] as const) {
      const [[step]] = ways(parsed(":name", syntax)!) as [[StateStep]]
      expect(step).toMatchObject({ keys: [atom("name")], others: [] })
    }
  })

  it("takes a text in double quotes for a list of characters, where that is what it is, before other texts", () => {
    const [[step]] = ways(parsed('"a.b"', "erlang")!) as [[StateStep]]
    expect(step.keys).toEqual([charlist("a.b")])
    expect(step.others).toContainEqual(binary("a.b"))
  })

  it.each([
    "",
    ".a",
    "a.",
    "a..b",
    'a"b',
    '"a"b',
    "a.".repeat(60) + "a",
    "x".repeat(3_001),
    "{t, 1",
    "a.{t, X}",
    "a>b"
  ])("is not %s", (path) => {
    expect(parsed(path, "erlang")).toBeUndefined()
  })
})
