import { describe, expect, it } from "vitest"
import { readDebugInfo, readDocs } from "../../../src/beam/FunctionSource.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, binary, list, map, nil, type Term } from "../../../src/etf/Term.ts"

const info = (backend: string, data: Term): Uint8Array => encode([atom("debug_info_v1"), atom(backend), data])

const line = (at: number) => list<Term>([[atom("line"), at]])

const entry = (kind: string, name: string, arity: number, doc: Term): Term => [
  [atom(kind), atom(name), arity],
  1,
  nil,
  doc,
  map([])
]

describe("debug information", () => {
  it("is that of Erlang, with functions and specifications", () => {
    const forms = list<Term>([
      [atom("attribute"), 1, atom("spec"), [[atom("f"), 0], nil]],
      [atom("function"), 2, atom("f"), 0, nil],
      [atom("eof"), 3]
    ])
    const read = readDebugInfo(info("erl_abstract_code", [forms, nil]))
    expect(read).toMatchObject({
      language: "erlang",
      functions: [{ name: "f", arity: 0 }],
      specs: [{ name: "f", arity: 0 }]
    })
  })

  it("is that of Elixir, with the lines of its clauses", () => {
    const clauses = list<Term>([
      [line(4), nil, nil, atom("ok")],
      [line(9), nil, nil, atom("ok")]
    ])
    const facts = map([
      [atom("relative_file"), binary("lib/a.ex")],
      [atom("definitions"), list<Term>([[[atom("f"), 1], atom("def"), line(4), clauses]])]
    ])
    expect(readDebugInfo(info("elixir_erl", [atom("elixir_v1"), facts, nil]))).toMatchObject({
      language: "elixir",
      file: "lib/a.ex",
      definitions: [{ name: "f", arity: 1, kind: "def", lines: [4, 4, 9] }]
    })
  })

  it.each([
    ["missing" as const, "compiled without debug information"],
    ["too_large" as const, "too large"],
    [undefined, "cannot be read"],
    [info("erl_abstract_code", [atom("none"), nil]), "compiled without debug information"],
    [info("elixir_erl", atom("none")), "compiled without debug information"],
    [info("lfe", [1, 2]), "unknown form"],
    [encode(list<Term>([1, 2])), "encrypted"],
    [new Uint8Array([8, 1, 2, 3]), "encrypted"],
    [new Uint8Array(), "encrypted"]
  ])("that there is none of is said: %#", (chunk, why) => {
    expect(readDebugInfo(chunk)).toMatchObject({ language: "none", why: expect.stringContaining(why) })
  })

  it("may be anything, and is no more than unknown then", () => {
    const odd: ReadonlyArray<Term> = [
      list<Term>([[atom("function")], [atom("attribute"), 1, atom("spec"), 5], atom("x")]),
      list<Term>([[atom("function"), 1, atom("f"), binary("1"), nil]])
    ]
    for (const forms of odd)
      expect(readDebugInfo(info("erl_abstract_code", [forms, nil]))).toEqual({
        language: "erlang",
        functions: [],
        specs: []
      })
    const facts = map([[atom("definitions"), list<Term>([atom("x"), [1, 2], [[atom("f")], 1, 2, 3]])]])
    expect(readDebugInfo(info("elixir_erl", [atom("elixir_v1"), facts, atom("x")]))).toMatchObject({ definitions: [] })
  })
})

/** An element of HTML as OTP writes it in terms. */
const element = (tag: string, ...inside: ReadonlyArray<Term>): Term => [atom(tag), nil, list(inside)]

describe("documentation", () => {
  it("is told by its first line", () => {
    const text = map([[binary("en"), binary("\n  First. \n\nSecond.")]])
    const entries = list([
      entry("function", "f", 1, text),
      entry("macro", "m", 1, text),
      entry("type", "t", 0, text),
      entry("function", "g", 1, atom("none"))
    ])
    const docs = [atom("docs_v1"), 1, atom("elixir"), binary("text/markdown"), atom("none"), map([]), entries] as const
    expect(readDocs(encode(docs))).toEqual(
      new Map([
        ["f/1", "First."],
        ["MACRO-m/2", "First."]
      ])
    )
    expect(readDocs("missing").size + readDocs(new Uint8Array([1])).size + readDocs(encode(atom("x"))).size).toBe(0)
  })

  it("is told by the text of its first element, where it is HTML as terms", () => {
    let deep: Term = binary("deep")
    for (let depth = 0; depth < 10_000; depth++) deep = element("em", deep)
    const html = list<Term>([
      element("p"),
      element("p", binary("Returns\n  "), element("code", element("em", binary("true"))), binary(" if so.")),
      element("p", binary("More."))
    ])
    const entries = list([
      entry("function", "f", 1, map([[binary("en"), html]])),
      entry("function", "g", 1, map([[binary("en"), list<Term>([deep, 1, element("p", binary("Flat."))])]]))
    ])
    const mime = binary("application/erlang+html")
    const docs = [atom("docs_v1"), nil, atom("erlang"), mime, atom("none"), map([]), entries] as const
    expect(readDocs(encode(docs))).toEqual(
      new Map([
        ["f/1", "Returns true if so."],
        ["g/1", "Flat."]
      ])
    )
  })
})
