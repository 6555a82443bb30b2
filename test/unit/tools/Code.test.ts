import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, Binary, binary, list, map, type MapTerm, nil, Pid, type Term } from "../../../src/etf/Term.ts"
import { fakeNode, type Reply } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { callIn } from "../../support/Tools.ts"

const words = (pairs: Readonly<Record<string, Term>>): MapTerm =>
  map(Object.entries(pairs).map(([name, value]) => [atom(name), value] as const))

const worldOf = (replies: Readonly<Record<string, Reply>>) => ({
  up: [fakeNode({ replies })],
  mode: "erlang" as const
})

const form = (tag: string, ...rest: ReadonlyArray<Term>): Term => [atom(tag), 7, ...rest]

/** The chunk `Dbgi` with these forms, for the module `shop`. */
const debugInfo = (forms: ReadonlyArray<Term>): Term => [
  binary("Dbgi"),
  new Binary(encode([atom("debug_info_v1"), atom("erl_abstract_code"), [list(forms), nil]]))
]

const docs = (doc: string): Term => {
  const entry: Term = [[atom("function"), atom("f"), 0], 1, nil, map([[binary("en"), binary(doc)]]), map([])]
  const chunk: Term = [
    atom("docs_v1"),
    1,
    atom("erlang"),
    binary("text/markdown"),
    atom("none"),
    map([]),
    list<Term>([entry])
  ]
  return [binary("Docs"), new Binary(encode(chunk))]
}

const files = (pairs: Readonly<Record<string, Term>>): Reply => ({
  term: packed(
    words({
      name: atom("shop"),
      path: binary("/lib/shop.beam"),
      on_disk: atom("same"),
      modified: 1,
      chunks: nil,
      source: atom("none"),
      arities: list([0]),
      similar: nil,
      ...pairs
    })
  )
})

const functions: Reply = {
  term: packed(
    words({
      total: 1,
      matched: 1,
      incomplete: nil,
      next: atom("undefined"),
      rows: list<Term>([
        [[atom("f"), 0], words({ module: atom("shop"), name: atom("f"), arity: 0, exported: atom("true") })]
      ])
    })
  )
}

const type = (name: string, ...parts: ReadonlyArray<Term>): Term => form("type", atom(name), list(parts))
const specOf = (result: Term): Term =>
  form("attribute", atom("spec"), [[atom("f"), 0], list([type("fun", type("product"), result)])])
const functionOf = (body: Term): Term =>
  form("function", atom("f"), 0, list([form("clause", nil, nil, list<Term>([body]))]))

const nested = (nest: (inner: Term) => Term, inmost: Term): Term => {
  let term = inmost
  for (let depth = 0; depth < 4_000; depth++) term = nest(term)
  return term
}
const deepSpec = specOf(nested((inner) => type("list", inner), type("atom")))
const deepFunction = functionOf(nested((inner) => form("tuple", list([inner])), form("nil")))

/** The one function of `shop`, as it is listed. */
const listing = (...chunks: ReadonlyArray<Term>) =>
  Effect.map(
    callIn(
      worldOf({ "beamscope_code:functions": functions, "beamscope_code:files": files({ chunks: list(chunks) }) }),
      "list_module_functions",
      { module: "shop" }
    ),
    ({ structured }) => (structured["functions"] as ReadonlyArray<Readonly<Record<string, string>>>)[0]!
  )

const sourceOf = (pairs: Readonly<Record<string, Term>>, input: object = {}) =>
  Effect.map(
    callIn(worldOf({ "beamscope_code:files": files(pairs) }), "get_function_source", {
      function: "shop:f/0",
      ...input
    }),
    ({ structured }) => structured as Readonly<Record<string, unknown>> & { readonly source: string }
  )

const fileOf = (text: string) => ({
  source: words({ path: binary("/src/shop.erl"), bytes: binary(text), modified: 1 })
})

/** What is told of the module `shop`, of which a node says this. */
const about = (pairs: Readonly<Record<string, Term>>, replies: Readonly<Record<string, Reply>> = {}) =>
  Effect.map(
    callIn(
      worldOf({
        "beamscope_code:functions": functions,
        "beamscope_code:module": {
          term: packed(
            words({
              name: atom("shop"),
              marks: nil,
              on_disk: atom("same"),
              md5: new Binary(new Uint8Array(16)),
              exports: 1,
              functions: 1,
              behaviours: nil,
              attributes: nil,
              ...pairs
            })
          )
        },
        ...replies
      }),
      "get_module_info",
      { module: "shop" }
    ),
    ({ structured }) => structured
  )

const versionOf = (version: Term) => Effect.map(about({ version }), (told) => told["version"])

describe("attributes and options", () => {
  it.effect("are told as cut where the node has cut them", () =>
    Effect.gen(function* () {
      const cut = list<Term>([1, [atom("$beamscope_cut"), 1986]])
      for (const pairs of [{ attributes: list<Term>([[atom("note"), cut]]) }, { options: cut }, { version: cut }])
        expect(yield* about(pairs)).toMatchObject({
          complete: false,
          notes: ["1 value is too large to be shown whole: ... stands for what is left out."]
        })
      expect((yield* about({ attributes: list<Term>([[atom("note"), list([1])]]) }))["complete"]).toBe(true)
    })
  )
})

/** What is told where there is old code, which so many processes run of those that said so. */
const oldCode = (pairs: Readonly<Record<string, Term>>) =>
  about({ marks: list([atom("old_code")]) }, { "beamscope_code:runners": { term: packed(words(pairs)) } })

describe("old code", () => {
  const pids = list([new Pid(atom("app@localhost"), 90, 0, 42)])

  it.effect("is told with those that run it", () =>
    Effect.gen(function* () {
      const told = yield* oldCode({ running: 1, pids, total: 40, seen: 40 })
      expect(told).toMatchObject({ complete: true, old_code_processes: 1, old_code_pids: ["<0.90.0>"] })
      expect(told["summary"]).toMatch(/; 1 process runs old code of it\.$/u)
      expect(told["hints"]).toContain('get_process_stacktrace {"pid":"<0.90.0>"}')
      const none = yield* oldCode({ running: 0, pids: nil, total: 40, seen: 40 })
      expect(none).toMatchObject({ complete: true, old_code_processes: 0 })
      expect(none["summary"]).toMatch(/; no process runs its old code\.$/u)
    })
  )

  it.effect("is not said to be run by nobody where not all could be asked", () =>
    Effect.gen(function* () {
      const some = yield* oldCode({ running: 1, pids, total: 40, seen: 39 })
      expect(some["complete"]).toBe(false)
      expect(some["summary"]).toMatch(/; at least 1 process runs old code of it\.$/u)
      expect(some["notes"]).toContainEqual(expect.stringMatching(/^Of 40 processes 39 told whether they run it; /u))
      const none = yield* oldCode({ running: 0, pids: nil, total: 40, seen: 1 })
      expect(none["summary"]).toMatch(/; none of 1 process that was asked runs its old code\.$/u)
    })
  )

  it.effect("that is gone before anybody was asked is not told", () =>
    Effect.gen(function* () {
      const told = yield* oldCode({ absent: atom("none"), similar: nil })
      expect(told).toMatchObject({ complete: true })
      expect(told).not.toHaveProperty("old_code_processes")
    })
  )
})

describe("the functions of a module", () => {
  it.effect("are listed with a specification that is nested more deeply than can be printed", () =>
    Effect.gen(function* () {
      const { spec } = yield* listing(debugInfo([deepSpec]))
      expect(spec).toMatch(/^-spec f\(\) -> \[+\.\.\.\]+\.$/u)
    })
  )

  it.effect("are listed with the beginning of what is long, cut between types and characters", () =>
    Effect.gen(function* () {
      const long = Array.from({ length: 200 }, (_, at) => form("atom", atom(`'a, b' ${at}`)))
      const { doc, spec } = yield* listing(debugInfo([specOf(type("union", ...long))]), docs("x" + "😀".repeat(200)))
      expect(spec).toMatch(/^-spec f\(\) -> (?:'\\'a, b\\' \d+' \| )+\.\.\.\.$/u)
      expect(spec!.length).toBeLessThanOrEqual(600)
      expect(doc).toMatch(/^x(?:😀)+…$/u)
    })
  )
})

describe("the source of a function", () => {
  it.effect("that is nested more deeply than can be printed is shown as far as that goes, which is said", () =>
    Effect.gen(function* () {
      const { complete, notes, source } = yield* sourceOf({ chunks: list([debugInfo([deepSpec, deepFunction])]) })
      expect(source).toMatch(/^-spec f\(\) -> \[+\.\.\.\]+\.\nf\(\) ->\n {4}\{+\.\.\.\}+\.$/u)
      expect(complete).toBe(false)
      expect(notes).toEqual([expect.stringContaining("nested too deeply")])
    })
  )

  it.effect("of one long line is cut behind a comma or a space, which is said", () =>
    Effect.gen(function* () {
      const line = `f() -> [${"'😀😀\u202e', ".repeat(1_000)}1].`
      const { complete, source } = yield* sourceOf(fileOf(line))
      expect(complete).toBe(false)
      const [, shown, left] = /^(f\(\) -> \[(?:'😀😀\\u\{202E\}', ?)+)… (\d+) more characters in this line$/u.exec(
        source
      )!
      expect(shown!.replaceAll("\\u{202E}", "\u202e").length + Number(left)).toBe(line.length)
      expect(source.length).toBeLessThan(6_100)
    })
  )

  it.effect("without a comma or a space is cut between characters", () =>
    Effect.gen(function* () {
      const { source } = yield* sourceOf(fileOf(`f()->'x${"😀".repeat(4_000)}'.`))
      expect(source).toMatch(/^f\(\)->'x(?:😀)+… \d+ more characters in this line$/u)
    })
  )

  it.effect("goes on where the lines before ended", () =>
    Effect.gen(function* () {
      const file = fileOf(`f() ->\n${"    {some, \t'thing'},\n".repeat(600)}    ok.\n`)
      const lines: Array<string> = []
      for (let more: string | undefined = "0"; more !== undefined;) {
        const { source }: { readonly source: string } = yield* sourceOf(file, { skip_lines: Number(more) })
        more = /\n\.\.\. \d+ more lines: skip_lines (\d+)$/u.exec(source)?.[1]
        lines.push(...(more === undefined ? source : source.slice(0, source.lastIndexOf("\n"))).split("\n"))
      }
      expect((yield* sourceOf(file, { skip_lines: 602 })).notes).toEqual([
        "It has 602 lines: behind skip_lines 602 there is nothing."
      ])
      expect(lines).toEqual(["f() ->", ...Array<string>(600).fill("    {some,     'thing'},"), "    ok."])
    })
  )
})

describe("the version of a module", () => {
  it.effect("is told where someone wrote one", () =>
    Effect.gen(function* () {
      const digest = 0x1234_5678_9abc_def0_1234_5678_9abc_def0n
      expect(yield* versionOf(list([digest]))).toBeUndefined()
      expect(yield* versionOf(atom("undefined"))).toBeUndefined()
      expect(yield* versionOf(nil)).toBeUndefined()
      expect(yield* versionOf(list([atom("v1")]))).toBe("[v1]")
      expect(yield* versionOf(list<Term>([digest, 2]))).toBe(`[${digest},2]`)
    })
  )
})
