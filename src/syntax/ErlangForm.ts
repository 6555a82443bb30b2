import { Atom, charlistText, isAtom, isTuple, list, listItems, type Term, type Tuple } from "../etf/Term.ts"
import { erlang } from "./Erlang.ts"
import type { Printed } from "./Syntax.ts"

/**
 * Erlang source from forms of the abstract format, which is what debug information holds. Source: erts "The Abstract
 * Format" (absform). What this does not know is printed as the term that it is, so that nothing is left out.
 */

/** The name of a function and its clauses, or of a specification and its types. */
export interface NamedForm {
  readonly name: string
  readonly arity: number
  readonly clauses: ReadonlyArray<Term>
}

/** A `{function, …}` form. */
export const readFunction = (form: Term): NamedForm | undefined => {
  if (!isTuple(form, "function")) return undefined
  const [, , name, arity, clauses] = form
  const items = listItems(clauses)
  return name instanceof Atom && typeof arity === "number" && items !== undefined
    ? { name: name.text, arity, clauses: items }
    : undefined
}

/** A `-spec` or `-callback` form. */
export const readSpec = (form: Term): NamedForm | undefined => {
  if (!isTuple(form, "attribute") || !isAtom(form[2], "spec")) return undefined
  const spec = form[3]
  // `{{Name, Arity}, Types}`, or with the module in front of the name.
  const id = isTuple(spec) ? spec[0] : undefined
  const [arity, name] = isTuple(id) ? id.toReversed() : []
  const types = listItems(isTuple(spec) ? spec[1] : undefined)
  return name instanceof Atom && typeof arity === "number" && types !== undefined
    ? { name: name.text, arity, clauses: types }
    : undefined
}

/** The line of a form, an expression or a type; 0 where it does not tell. */
export const lineOf = (form: Term | undefined): number => {
  const place = isTuple(form) ? form[1] : undefined
  return annotated(place) ?? 0
}

/** A place is a line, `{Line, Column}`, or a list of properties with a `location` that is one of these. */
const annotated = (place: Term | undefined): number | undefined => {
  const property = (listItems(place) ?? []).find((item) => isTuple(item, "location"))
  const location = isTuple(property) ? property[1] : place
  const line = isTuple(location) ? location[0] : location
  return typeof line === "number" ? line : undefined
}

/** Characters of one function, or about as many: more is not source that anyone wrote. */
const mostOfFunction = 1_000_000

/** Characters of one specification. */
const mostOfSpec = 10_000

/** Expressions or types inside each other: much deeper ones would overflow the stack of calls. */
const mostNested = 200

/** What can still be printed of a form: used up from the left to the right, so that the beginning is what is shown. */
class Budget {
  /** In characters. Not all brackets and operators are counted, but for every expression and type something is. */
  left: number
  /** Whether something was left out. */
  isCut = false

  constructor(characters: number) {
    this.left = characters
  }

  use(text: string): string {
    this.left -= text.length
    return text
  }

  atom(name: string): string {
    return this.use(erlang.atom(name))
  }

  term(term: Term): string {
    const { complete, text } = erlang.print(term, { maxCharacters: Math.max(this.left, 3) })
    this.use(text)
    if (!complete) {
      this.isCut = true
      this.left = 0
    }
    return text
  }

  /** What stands for what is left out. */
  cut(): string {
    this.isCut = true
    return "..."
  }
}

/** Where something is printed. */
interface Place {
  /** How far its lines are indented. */
  readonly depth: number
  /** How many expressions or types it is inside of. */
  readonly nested: number
  readonly budget: Budget
}

const beginning = (budget: Budget): Place => ({ depth: 0, nested: 0, budget })

const indented = (at: Place): Place => ({ ...at, depth: at.depth + 1 })

/** The place of one more expression or type; `undefined` where that cannot be printed any more. */
const deeper = (at: Place): Place | undefined => {
  if (at.nested === mostNested || at.budget.left <= 0) return undefined
  at.budget.left -= 1
  return { ...at, nested: at.nested + 1 }
}

/** As many of these as can be printed. */
const joined = (
  all: ReadonlyArray<Term>,
  separator: string,
  { budget }: Place,
  print: (term: Term) => string
): string => {
  const shown: Array<string> = []
  for (const term of all) {
    if (budget.left <= 0) {
      const left = budget.cut()
      if (shown.at(-1) !== left) shown.push(left)
      break
    }
    if (shown.length > 0) budget.use(separator)
    shown.push(print(term))
  }
  return shown.join(separator)
}

/** A function as source, with its dot. `...` stands for what is nested too deeply, and for the end of what is too long. */
export const printFunction = ({ clauses, name }: NamedForm): Printed => {
  const budget = new Budget(mostOfFunction)
  const at = beginning(budget)
  const text = joined(clauses, ";\n", at, (clause) => functionClause(clause, budget.atom(name), at))
  return { text: `${text}.`, complete: !budget.isCut }
}

/**
 * A specification as source, with its dot; on one line of at most `maxCharacters`. `...` stands for what is nested too
 * deeply, and for what there is no room for.
 */
export const printSpec = ({ clauses, name }: NamedForm, maxCharacters: number = mostOfSpec): Printed => {
  // Counting is rough: it begins with too much room, so that what fits is whole, and goes on with less.
  for (let room = 2 * maxCharacters; room >= 1; room = Math.floor(room * 0.8)) {
    const budget = new Budget(room)
    const at = beginning(budget)
    const text = `-spec ${budget.atom(name)}${joined(clauses, "; ", at, (type) => signature(type, at))}.`
    if (text.length <= maxCharacters) return { text, complete: !budget.isCut }
  }
  return { text: "...", complete: false }
}

const termText = (term: Term | undefined, at: Place): string => (term === undefined ? "" : at.budget.term(term))
const items = (term: Term | undefined): ReadonlyArray<Term> => listItems(term) ?? []
const pad = ({ budget, depth }: Place): string => budget.use("    ".repeat(depth))
const named = (term: Term | undefined): string => (term instanceof Atom ? term.text : "")

// Types

/** `(integer()) -> boolean() when …` of a clause of a specification. */
const signature = (type: Term | undefined, outer: Place): string => {
  const at = deeper(outer)
  if (at === undefined) return outer.budget.cut()
  if (!isTuple(type, "type")) return termText(type, at)
  const [, , kind, parts] = type
  if (!isAtom(kind, "bounded_fun")) return funType(parts, at)
  const [fun, constraints] = items(parts)
  const told = joined(items(constraints), ", ", at, (constraint) => {
    const [variable, bound] = items(items(isTuple(constraint) ? constraint[3] : undefined)[1])
    return `${typeText(variable, at)} :: ${typeText(bound, at)}`
  })
  return `${signature(fun, at)} when ${told}`
}

/** `(integer()) -> boolean()` of the parts of a type of funs. */
const funType = (parts: Term | undefined, at: Place): string => {
  const [product, result] = items(parts)
  const isAny = isTuple(product, "type") && isAtom(product[2], "any")
  const given = isAny ? "..." : types(isTuple(product) ? product[3] : undefined, at)
  return `(${given}) -> ${typeText(result, at)}`
}

const types = (all: Term | undefined, at: Place, separator: string = ", "): string =>
  joined(items(all), separator, at, (type) => typeText(type, at))

const typeText = (type: Term | undefined, outer: Place): string => {
  const at = deeper(outer)
  if (at === undefined) return outer.budget.cut()
  if (!isTuple(type)) return termText(type, at)
  const [tag, , first, second] = type
  switch (named(tag)) {
    case "ann_type":
      return types(first, at, " :: ")
    case "paren_type":
      return `(${types(first, at, "")})`
    case "remote_type": {
      const [module, name, given] = items(first)
      return `${typeText(module, at)}:${typeText(name, at)}(${types(given, at)})`
    }
    case "user_type":
      return `${at.budget.atom(named(first))}(${types(second, at)})`
    case "type":
      return builtIn(named(first), second, at)
    default:
      return expression(type, 0, at)
  }
}

const builtIn = (name: string, given: Term | undefined, at: Place): string => {
  const parts = items(given)
  const [first] = parts
  const isAny = isAtom(given, "any")
  switch (name) {
    case "union":
      return joined(parts, " | ", at, (part) =>
        isTuple(part, "ann_type") ? `(${typeText(part, at)})` : typeText(part, at)
      )
    case "nil":
      return "[]"
    case "list":
      return first === undefined ? "list()" : `[${typeText(first, at)}]`
    case "nonempty_list":
      return first === undefined ? "nonempty_list()" : `[${typeText(first, at)}, ...]`
    case "range":
      return types(given, at, "..")
    case "tuple":
      return isAny ? "tuple()" : `{${types(given, at)}}`
    case "map":
      return isAny ? "map()" : `#{${types(given, at)}}`
    case "map_field_assoc":
      return types(given, at, " => ")
    case "map_field_exact":
      return types(given, at, " := ")
    case "field_type":
      return types(given, at, " :: ")
    case "record":
      return `#${typeText(first, at)}{${types(list(parts.slice(1)), at)}}`
    case "fun":
      return first === undefined ? "fun()" : `fun(${funType(given, at)})`
    case "binary":
      return parts.length === 2 ? binaryType(typeText(first, at), typeText(parts[1], at)) : "binary()"
    default:
      return `${at.budget.atom(name)}(${types(given, at)})`
  }
}

const binaryType = (size: string, unit: string): string => {
  const parts = [...(size === "0" ? [] : [`_:${size}`]), ...(unit === "0" ? [] : [`_:_*${unit}`])]
  return `<<${parts.join(", ")}>>`
}

// Expressions

/** How tightly an operator binds, and its two sides: `erl_parse` has the table. */
type Binding = readonly [own: number, left: number, right: number]
const operators: ReadonlyMap<string, Binding> = new Map(
  (
    [
      [["!"], [100, 150, 100]],
      [["orelse"], [150, 160, 150]],
      [["andalso"], [160, 200, 160]],
      [
        ["==", "/=", "=<", "<", ">=", ">", "=:=", "=/="],
        [200, 300, 300]
      ],
      [
        ["++", "--"],
        [300, 400, 300]
      ],
      [
        ["+", "-", "bor", "bxor", "bsl", "bsr", "or", "xor"],
        [400, 400, 500]
      ],
      [
        ["*", "/", "div", "rem", "band", "and"],
        [500, 500, 600]
      ]
    ] satisfies ReadonlyArray<readonly [ReadonlyArray<string>, Binding]>
  ).flatMap(([names, binding]) => names.map((name) => [name, binding] as const))
)
const prefix = 600
const primary = 700

const inParentheses = (text: string, own: number, outer: number): string => (own < outer ? `(${text})` : text)

const commas = (all: Term | undefined, at: Place): string => joined(items(all), ", ", at, (it) => expression(it, 0, at))

/** Expressions one below the other. */
const body = (all: Term | undefined, at: Place): string =>
  joined(items(all), ",\n", at, (it) => `${pad(at)}${expression(it, 0, at)}`)

/** Alternatives of a guard are separated by `;`, its tests by `,`. */
const guard = (guards: Term | undefined, at: Place): string =>
  joined(items(guards), "; ", at, (tests) => commas(tests, at))

const when = (guards: Term | undefined, at: Place): string =>
  items(guards).length === 0 ? "" : ` when ${guard(guards, at)}`

const functionClause = (clause: Term, name: string, at: Place): string => {
  if (!isTuple(clause)) return termText(clause, at)
  const [, , patterns, guards, expressions] = clause
  return `${pad(at)}${name}(${commas(patterns, at)})${when(guards, at)} ->\n${body(expressions, indented(at))}`
}

/** Clauses of `case`, `receive` or `maybe`. */
const caseClauses = (clauses: Term | undefined, at: Place): string =>
  joined(items(clauses), ";\n", at, (clause) => {
    if (!isTuple(clause)) return termText(clause, at)
    const [, , patterns, guards, expressions] = clause
    return `${pad(at)}${commas(patterns, at)}${when(guards, at)} ->\n${body(expressions, indented(at))}`
  })

const ifClauses = (clauses: Term | undefined, at: Place): string =>
  joined(items(clauses), ";\n", at, (clause) => {
    if (!isTuple(clause)) return termText(clause, at)
    const [, , , guards, expressions] = clause
    return `${pad(at)}${guard(guards, at)} ->\n${body(expressions, indented(at))}`
  })

/** A pattern of `catch` is a tuple of class, reason and stack; the stack is `_` where it was not written. */
const catchClauses = (clauses: Term | undefined, at: Place): string =>
  joined(items(clauses), ";\n", at, (clause) => {
    if (!isTuple(clause)) return termText(clause, at)
    const [, , patterns, guards, expressions] = clause
    const [caught] = items(patterns)
    const parts = isTuple(caught, "tuple") ? items(caught[2]).slice(0, 3) : []
    const margin = pad(at)
    const [kind, reason, stack] = parts.map((part) => expression(part, 0, at))
    const head = stack === undefined || stack === "_" ? `${kind}:${reason}` : `${kind}:${reason}:${stack}`
    return `${margin}${head}${when(guards, at)} ->\n${body(expressions, indented(at))}`
  })

const block = (word: string, inside: string, at: Place): string => `${word}\n${inside}\n${pad(at)}end`

const fields = (all: Term | undefined, at: Place): string =>
  joined(items(all), ", ", at, (field) =>
    isTuple(field) ? `${expression(field[2], 0, at)} = ${expression(field[3], 0, at)}` : ""
  )

const character = (code: Term | undefined, at: Place): string => {
  if (typeof code !== "number" || !Number.isInteger(code) || code < 0 || code > 0x10ffff) return termText(code, at)
  const text = String.fromCodePoint(code)
  if (text === " ") return "$\\s"
  return /^[\p{C}\p{Z}\\"]$/u.test(text) ? `$${quoted(text).slice(1, -1)}` : `$${text}`
}

const stringText = (codes: Term | undefined, at: Place): string => {
  const text = charlistText(codes)
  return text === undefined || text.length > at.budget.left ? termText(codes, at) : at.budget.use(quoted(text))
}

const quoted = (text: string): string =>
  `"${text.replace(/[\\"\p{C}]/gu, (char) => escapes[char] ?? `\\x{${char.codePointAt(0)!.toString(16).toUpperCase()}}`)}"`

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\0": "\\0"
}

/** The items of a list in its `cons` cells, and what it ends in where that is not `[]`. */
const listText = (cell: Tuple, at: Place): string => {
  const shown: Array<string> = []
  let rest: Term | undefined = cell
  while (isTuple(rest, "cons")) {
    if (at.budget.left <= 0) return `[${[...shown, at.budget.cut()].join(", ")}]`
    shown.push(expression(rest[2], 0, at))
    rest = rest[3]
  }
  return `[${shown.join(", ")}${isTuple(rest, "nil") ? "" : ` | ${expression(rest, 0, at)}`}]`
}

const element = (part: Term, at: Place): string => {
  if (!isTuple(part)) return termText(part, at)
  const [, , value, size, kinds] = part
  const shown = among(["var", "integer", "float", "char", "string", "atom", "bin"], value, at)
  const given = isAtom(size, "default") ? "" : `:${expression(size, primary, at)}`
  const told = joined(items(kinds), "-", at, (kind) =>
    isTuple(kind) ? `${named(kind[0])}:${termText(kind[1], at)}` : named(kind)
  )
  return `${shown}${given}${told === "" ? "" : `/${told}`}`
}

/** Generators of comprehensions, by how they are written; the strict ones are of OTP 28. */
const arrows: ReadonlyMap<string, string> = new Map([
  ["generate", "<-"],
  ["b_generate", "<="],
  ["m_generate", "<-"],
  ["generate_strict", "<:-"],
  ["b_generate_strict", "<:="],
  ["m_generate_strict", "<:-"]
])

const qualifier = (part: Term, outer: Place): string => {
  const at = deeper(outer)
  if (at === undefined) return outer.budget.cut()
  if (isTuple(part, "zip")) return joined(items(part[2]), " && ", at, (it) => qualifier(it, at))
  const arrow = isTuple(part) ? arrows.get(named(part[0])) : undefined
  if (!isTuple(part) || arrow === undefined) return expression(part, 0, at)
  return `${expression(part[2], 0, at)} ${arrow} ${expression(part[3], 0, at)}`
}

const comprehension = (open: string, part: Tuple, close: string, at: Place): string =>
  `${open}${expression(part[2], 0, at)} || ${joined(items(part[3]), ", ", at, (it) => qualifier(it, at))}${close}`

const receive = ([, , clauses, wait, late]: Tuple, at: Place): string => {
  const inside = caseClauses(clauses, indented(at))
  if (wait === undefined) return block("receive", inside, at)
  const after = `${pad(at)}after ${expression(wait, 0, at)} ->\n${body(late, indented(at))}`
  return block("receive", inside === "" ? after : `${inside}\n${after}`, at)
}

const tryText = ([, , expressions, clauses, caught, after]: Tuple, at: Place): string => {
  const parts = [
    body(expressions, indented(at)),
    ...(items(clauses).length === 0 ? [] : [`${pad(at)}of`, caseClauses(clauses, indented(at))]),
    ...(items(caught).length === 0 ? [] : [`${pad(at)}catch`, catchClauses(caught, indented(at))]),
    ...(items(after).length === 0 ? [] : [`${pad(at)}after`, body(after, indented(at))])
  ]
  return block("try", parts.join("\n"), at)
}

const funText = (of: Term | undefined, at: Place): string => {
  if (!isTuple(of, "function")) return isTuple(of) ? clausesOf("", of[1], at) : termText(of, at)
  const parts = of.slice(1, 4).map((part) => (isTuple(part) ? expression(part, primary, at) : termText(part, at)))
  return parts.length === 2 ? `fun ${parts[0]}/${parts[1]}` : `fun ${parts[0]}:${parts[1]}/${parts[2]}`
}

/** `fun (X) -> … end`, with the name that it calls itself by where it has one. */
const clausesOf = (name: string, clauses: Term | undefined, at: Place): string => {
  const inside = joined(items(clauses), ";\n", at, (clause) => functionClause(clause, name, indented(at)))
  return `fun ${inside.trimStart()}\n${pad(at)}end`
}

/** An expression, in parentheses unless it is one of these. */
const among = (tags: ReadonlyArray<string>, term: Term | undefined, at: Place): string => {
  const text = expression(term, 0, at)
  return tags.some((tag) => isTuple(term, tag)) ? text : `(${text})`
}

const callee = (term: Term | undefined, at: Place): string => among(["atom", "var", "remote"], term, at)

/** What fields are taken from or changed in. */
const whole = (term: Term | undefined, at: Place): string => among(["var", "map", "record", "record_field"], term, at)

/** An expression or a pattern. What binds less tightly than `outer` gets parentheses. */
const expression = (term: Term | undefined, outer: number, place: Place): string => {
  const at = deeper(place)
  if (at === undefined) return place.budget.cut()
  if (!isTuple(term)) return termText(term, at)
  const [tag, , first, second, third] = term
  switch (named(tag)) {
    case "var":
      return first instanceof Atom ? at.budget.use(first.text) : `_${termText(first, at)}`
    case "atom":
    case "integer":
    case "float":
      return termText(first, at)
    case "char":
      return character(first, at)
    case "string":
      return stringText(first, at)
    case "nil":
      return "[]"
    case "cons":
      return listText(term, at)
    case "tuple":
      return `{${commas(first, at)}}`
    case "bin":
      return `<<${joined(items(first), ", ", at, (part) => element(part, at))}>>`
    case "map":
      return second === undefined ? `#{${commas(first, at)}}` : `${whole(first, at)}#{${commas(second, at)}}`
    case "map_field_assoc":
      return `${expression(first, 0, at)} => ${expression(second, 0, at)}`
    case "map_field_exact":
      return `${expression(first, 0, at)} := ${expression(second, 0, at)}`
    case "record":
      return third === undefined
        ? `#${termText(first, at)}{${fields(second, at)}}`
        : `${whole(first, at)}#${termText(second, at)}{${fields(third, at)}}`
    case "record_field":
      return `${whole(first, at)}#${termText(second, at)}.${expression(third, 0, at)}`
    case "record_index":
      return `#${termText(first, at)}.${expression(second, 0, at)}`
    case "match":
      return inParentheses(`${expression(first, 150, at)} = ${expression(second, 100, at)}`, 100, outer)
    case "maybe_match":
      return `${expression(first, 150, at)} ?= ${expression(second, 100, at)}`
    case "op": {
      const operator = named(first)
      if (third === undefined) {
        const operand = expression(second, prefix, at)
        // Two signs in a row would be another operator.
        const space = /^[a-z]/u.test(operator) || /^[-+]/u.test(operand) ? " " : ""
        return inParentheses(`${operator}${space}${operand}`, prefix, outer)
      }
      const [own, left, right] = operators.get(operator) ?? [0, primary, primary]
      const text = `${expression(second, left, at)} ${operator} ${expression(third, right, at)}`
      return inParentheses(text, own, outer)
    }
    case "call":
      return `${callee(first, at)}(${commas(second, at)})`
    case "remote":
      return `${callee(first, at)}:${callee(second, at)}`
    case "catch":
      return inParentheses(`catch ${expression(first, 0, at)}`, 0, outer)
    case "block":
      return block("begin", body(first, indented(at)), at)
    case "if":
      return block("if", ifClauses(first, indented(at)), at)
    case "case":
      return block(`case ${expression(first, 0, at)} of`, caseClauses(second, indented(at)), at)
    case "receive":
      return receive(term, at)
    case "try":
      return tryText(term, at)
    case "maybe": {
      const otherwise = isTuple(second) ? `\n${pad(at)}else\n${caseClauses(second[2], indented(at))}` : ""
      return block("maybe", `${body(first, indented(at))}${otherwise}`, at)
    }
    case "lc":
      return comprehension("[", term, "]", at)
    case "bc":
      return comprehension("<<", term, ">>", at)
    case "mc":
      return comprehension("#{", term, "}", at)
    case "fun":
      return funText(first, at)
    case "named_fun":
      return clausesOf(named(first), second, at)
    default:
      return termText(term, at)
  }
}
