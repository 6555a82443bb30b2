import { describe, expect, it } from "vitest"
import { atom, charlist, list, type Term } from "../../../src/etf/Term.ts"
import { lineOf, printFunction, printSpec, readFunction, readSpec } from "../../../src/syntax/ErlangForm.ts"

// That what is printed is what was compiled, form by form, is tested against erl_parse: test/live/code.test.ts.

const node = (tag: string, ...rest: ReadonlyArray<Term>): Term => [atom(tag), 7, ...rest]
const variable = (name: string) => node("var", atom(name))
const integer = (value: number) => node("integer", value)
const op = (operator: string, ...sides: ReadonlyArray<Term>) => node("op", atom(operator), ...sides)

const printed = (body: Term): string => {
  const clause = node("clause", list<Term>([]), list<Term>([]), list([body]))
  const form = readFunction(node("function", atom("f"), 0, list([clause])))
  return printFunction(form!)
    .replace(/^f\(\) ->\n {4}/u, "")
    .replace(/\.$/u, "")
}

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
    expect(printSpec(readSpec(form)!)).toBe("-spec f(X) -> X when X :: atom().")
    expect(lineOf(form)).toBe(3)
  })

  it("is no other form", () => {
    expect(readSpec([atom("attribute"), 1, atom("type"), atom("x")])).toBeUndefined()
    expect(readFunction(atom("eof"))).toBeUndefined()
  })
})
