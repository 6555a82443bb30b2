import { describe, expect, it } from "vitest"
import { atom, charlist, list, nil, type Term } from "../../../src/etf/Term.ts"
import {
  lineOf,
  type NamedForm,
  printFunction,
  printSpec,
  readFunction,
  readSpec
} from "../../../src/syntax/ErlangForm.ts"

// That what is printed is what was compiled, form by form, is tested against erl_parse: test/live/code.test.ts.

const node = (tag: string, ...rest: ReadonlyArray<Term>): Term => [atom(tag), 7, ...rest]
const variable = (name: string) => node("var", atom(name))
const integer = (value: number) => node("integer", value)
const op = (operator: string, ...sides: ReadonlyArray<Term>) => node("op", atom(operator), ...sides)

/** `f() -> Body.` */
const functionOf = (body: Term): NamedForm =>
  readFunction(node("function", atom("f"), 0, list([node("clause", nil, nil, list([body]))])))!

const printed = (body: Term): string =>
  printFunction(functionOf(body))
    .text.replace(/^f\(\) ->\n {4}/u, "")
    .replace(/\.$/u, "")

const nested = (nest: (inner: Term) => Term, inmost: Term, depth: number): Term => {
  let term = inmost
  for (let at = 0; at < depth; at++) term = nest(term)
  return term
}

const many = (part: Term) => list(Array<Term>(1_000_000).fill(part))

const type = (name: string, ...parts: ReadonlyArray<Term>): Term => node("type", atom(name), list(parts))
const funOf = (result: Term): Term => type("fun", type("product"), result)
const bounded = (fun: Term) => node("type", atom("bounded_fun"), list<Term>([fun, nil]))
const remote = (inner: Term) =>
  node("remote_type", list<Term>([node("atom", atom("m")), node("atom", atom("t")), list([inner])]))

/** `-spec f() -> Result.` */
const specOf = (result: Term): NamedForm =>
  readSpec(node("attribute", atom("spec"), [[atom("f"), 0], list([funOf(result)])]))!

/** The line of a form at this place. */
const located = (location: Term) =>
  lineOf([
    atom("attribute"),
    list<Term>([
      [atom("generated"), 1],
      [atom("location"), location]
    ])
  ])

describe("an expression", () => {
  const [a, b, c] = [variable("A"), variable("B"), variable("C")]

  it.each([
    [op("*", op("+", a, b), c), "(A + B) * C"],
    [op("+", a, op("*", b, c)), "A + B * C"],
    [op("-", a, op("-", b, c)), "A - (B - C)"],
    [op("-", op("-", a, b), c), "A - B - C"],
    [op("++", a, op("++", b, c)), "A ++ B ++ C"],
    [op("++", op("++", a, b), c), "(A ++ B) ++ C"],
    [op("==", op("==", a, b), c), "(A == B) == C"],
    [op("not", op("andalso", a, b)), "not (A andalso B)"],
    [op("-", op("-", a)), "- -A"],
    [node("match", a, node("catch", b)), "A = (catch B)"],
    [op("+", node("match", a, b), c), "(A = B) + C"]
  ])("has the parentheses that it needs (%#)", (expression, text) => {
    expect(printed(expression)).toBe(text)
  })

  it("is written as the language writes it", () => {
    expect(printed(node("char", 32))).toBe("$\\s")
    expect(printed(node("char", 34))).toBe('$\\"')
    expect(printed(node("string", charlist('a"b\n')))).toBe('"a\\"b\\n"')
    expect(printed(node("cons", integer(1), node("cons", integer(2), a)))).toBe("[1, 2 | A]")
    expect(printed(node("call", node("remote", node("atom", atom("odd name")), a), list([b])))).toBe("'odd name':A(B)")
  })

  it("that is unknown is shown as the term that it is", () => {
    expect(printed(node("new_thing", integer(1)))).toBe("{new_thing,7,{integer,7,1}}")
    expect(printed(op("constructor", a, op("+", b, c)))).toBe("A constructor (B + C)")
    const qualifiers = list<Term>([node("toString", b), node("constructor", b, c)])
    expect(printed(node("lc", a, qualifiers))).toBe(
      "[A || {toString,7,{var,7,'B'}}, {constructor,7,{var,7,'B'},{var,7,'C'}}]"
    )
    expect(printed(node("char", 1.5))).toBe("1.5")
  })

  it("that is nested too deeply for any source is left out", () => {
    const clauses = (inner: Term) => list<Term>([node("clause", nil, nil, list([inner]))])
    const nestings: ReadonlyArray<(inner: Term) => Term> = [
      (inner) => op("+", inner, a),
      (inner) => node("case", inner, clauses(a)),
      (inner) => node("fun", [atom("clauses"), clauses(inner)]),
      (inner) => node("try", list([a]), nil, clauses(inner), nil),
      (inner) => node("lc", a, list<Term>([node("zip", list<Term>([node("generate", a, inner)]))])),
      (inner) => node("bin", list<Term>([node("bin_element", inner, atom("default"), atom("default"))])),
      (inner) => node("record", atom("r"), list<Term>([node("record_field", node("atom", atom("k")), inner)]))
    ]
    for (const nest of nestings) {
      const { complete, text } = printFunction(functionOf(nested(nest, a, 50_000)))
      expect(complete).toBe(false)
      expect(text.length).toBeLessThan(1_000_000)
      expect(text).toContain("...")
    }
    const zips = nested((inner) => node("zip", list([inner])), a, 50_000)
    expect(printFunction(functionOf(node("lc", a, list([zips])))).complete).toBe(false)
    const whole = nested((inner) => node("tuple", list([inner])), a, 100)
    expect(printFunction(functionOf(whole))).toEqual({
      text: `f() ->\n    ${"{".repeat(100)}A${"}".repeat(100)}.`,
      complete: true
    })
  })

  it("of a function that nobody wrote is shown in its beginning", () => {
    for (const part of [node("tuple", nil), node("string", charlist("abc")), node("nil")]) {
      const { complete, text } = printFunction(functionOf(node("tuple", many(part))))
      expect(complete).toBe(false)
      expect(text.length).toBeLessThan(3_000_000)
      expect(text).toMatch(/, \.\.\.\}\.$/u)
    }
    const cells = nested((rest) => node("cons", a, rest), node("nil"), 1_000_000)
    expect(printFunction(functionOf(cells))).toMatchObject({
      complete: false,
      text: expect.stringMatching(/, \.\.\.\]\.$/u)
    })
  })
})

describe("a specification", () => {
  it("has its constraints", () => {
    const fun = node("type", atom("fun"), list([node("type", atom("product"), list([variable("X")])), variable("X")]))
    const bound = node(
      "type",
      atom("constraint"),
      list<Term>([node("atom", atom("is_subtype")), list([variable("X"), node("type", atom("atom"), list([]))])])
    )
    const form: Term = [
      atom("attribute"),
      [3, 1],
      atom("spec"),
      [[atom("f"), 1], list([node("type", atom("bounded_fun"), list<Term>([fun, list([bound])]))])]
    ]
    expect(printSpec(readSpec(form)!)).toEqual({ text: "-spec f(X) -> X when X :: atom().", complete: true })
    expect(lineOf(form)).toBe(3)
  })

  it("of funs in funs is printed part by part, each once", () => {
    const depth = 60
    expect(printSpec(specOf(nested(funOf, type("atom"), depth)))).toEqual({
      text: `-spec f() -> ${"fun(() -> ".repeat(depth)}atom()${")".repeat(depth)}.`,
      complete: true
    })
  })

  it("that is nested too deeply for any source is left out", () => {
    for (const nest of [
      funOf,
      bounded,
      remote,
      (inner: Term) => type("list", inner),
      (inner: Term) => type("union", inner, inner)
    ]) {
      const { complete, text } = printSpec(specOf(nested(nest, type("atom"), 50_000)))
      expect(complete).toBe(false)
      expect(text.length).toBeLessThanOrEqual(10_000)
      expect(text).toContain("...")
    }
    expect(printSpec({ name: "f", arity: 0, clauses: [nested(bounded, funOf(type("atom")), 50_000)] }).complete).toBe(
      false
    )
  })

  it("is cut between its parts where there is no room for it", () => {
    const parts = Array.from({ length: 100 }, (_, at) => node("atom", atom(`with, comma ${at}`)))
    const whole = printSpec(specOf(type("union", ...parts))).text
    expect(printSpec(specOf(type("union", ...parts)), whole.length)).toEqual({ text: whole, complete: true })
    for (const room of [whole.length - 1, 600, 300, 100, 40]) {
      const { complete, text } = printSpec(specOf(type("union", ...parts)), room)
      expect(complete).toBe(false)
      expect(text.length).toBeLessThanOrEqual(room)
      expect(text.length).toBeGreaterThan(room / 2)
      // Whole atoms, and what stands for the others.
      expect(text).toMatch(/^-spec f\(\) -> (?:'with, comma \d+' \| )+\.\.\.\.$/u)
    }
    expect(printSpec(specOf(type("atom")), 5)).toEqual({ text: "...", complete: false })
    const product = node("type", atom("tuple"), list(Array<Term>(1_000_000).fill(type("tuple"))))
    expect(printSpec(specOf(product), 600).text).toMatch(/^-spec f\(\) -> \{(?:\{\}, )+\.\.\.\}\.$/u)
  })

  it("tells its line in whichever way the place is written", () => {
    expect([located(4), located([4, 2]), located(atom("x"))]).toEqual([4, 4, 0])
    expect(located(nested((inner) => list<Term>([[atom("location"), inner]]), 4, 50_000))).toBe(0)
  })

  it("is no other form", () => {
    expect(readSpec([atom("attribute"), 1, atom("type"), atom("x")])).toBeUndefined()
    expect(readFunction(atom("eof"))).toBeUndefined()
  })
})
