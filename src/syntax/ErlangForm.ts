import { Atom, charlistText, isAtom, isTuple, listItems, type Term, type Tuple } from "../etf/Term.ts"
import { erlang } from "./Erlang.ts"

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
  return typeof place === "number" ? place : (annotated(place) ?? 0)
}

/** A place is a line, `{Line, Column}`, or a list of properties with a `location`. */
const annotated = (place: Term | undefined): number | undefined => {
  if (isTuple(place) && typeof place[0] === "number") return place[0]
  for (const item of listItems(place) ?? []) {
    if (!isTuple(item, "location")) continue
    const at = item[1]
    return typeof at === "number" ? at : annotated(at)
  }
  return undefined
}

/** A function as source, with its dot. */
export const printFunction = ({ clauses, name }: NamedForm): string =>
  `${clauses.map((clause) => functionClause(clause, atomText(name), 0)).join(";\n")}.`

/** A specification as source, with its dot; on one line. */
export const printSpec = ({ clauses, name }: NamedForm): string =>
  `-spec ${atomText(name)}${clauses.map(signature).join("; ")}.`

const atomText = (name: string): string => erlang.atom(name)
const termText = (term: Term | undefined): string => (term === undefined ? "" : erlang.print(term).text)
const items = (term: Term | undefined): ReadonlyArray<Term> => listItems(term) ?? []
const pad = (depth: number): string => "    ".repeat(depth)
const named = (term: Term | undefined): string => (term instanceof Atom ? term.text : "")

// Types

/** `(integer()) -> boolean() when …` of a clause of a specification. */
const signature = (type: Term): string => {
  if (!isTuple(type, "type")) return termText(type)
  const [, , kind, parts] = type
  if (isAtom(kind, "bounded_fun")) {
    const [fun, constraints] = items(parts)
    const told = items(constraints).map((constraint) => {
      const [variable, bound] = items(items(isTuple(constraint) ? constraint[3] : undefined)[1])
      return `${typeText(variable)} :: ${typeText(bound)}`
    })
    return `${signature(fun!)} when ${told.join(", ")}`
  }
  const [product, result] = items(parts)
  const given = isTuple(product, "type") && isAtom(product[2], "any") ? "(...)" : `(${types(product)})`
  return `${given} -> ${typeText(result)}`
}

const types = (product: Term | undefined): string =>
  items(isTuple(product) ? product[3] : undefined)
    .map(typeText)
    .join(", ")

const typeText = (type: Term | undefined): string => {
  if (!isTuple(type)) return termText(type)
  const [tag, , first, second] = type
  switch (named(tag)) {
    case "ann_type":
      return items(first).map(typeText).join(" :: ")
    case "paren_type":
      return `(${items(first).map(typeText).join("")})`
    case "remote_type": {
      const [module, name, given] = items(first)
      return `${typeText(module)}:${typeText(name)}(${items(given).map(typeText).join(", ")})`
    }
    case "user_type":
      return `${atomText(named(first))}(${items(second).map(typeText).join(", ")})`
    case "type":
      return builtIn(named(first), second)
    default:
      return expression(type, 0, 0)
  }
}

const builtIn = (name: string, given: Term | undefined): string => {
  const parts = items(given)
  const all = parts.map(typeText)
  const isAny = isAtom(given, "any")
  switch (name) {
    case "union":
      return parts.map((part, at) => (isTuple(part, "ann_type") ? `(${all[at]})` : all[at])).join(" | ")
    case "nil":
      return "[]"
    case "list":
      return all.length === 0 ? "list()" : `[${all[0]}]`
    case "nonempty_list":
      return all.length === 0 ? "nonempty_list()" : `[${all[0]}, ...]`
    case "range":
      return all.join("..")
    case "tuple":
      return isAny ? "tuple()" : `{${all.join(", ")}}`
    case "map":
      return isAny ? "map()" : `#{${all.join(", ")}}`
    case "map_field_assoc":
      return all.join(" => ")
    case "map_field_exact":
      return all.join(" := ")
    case "field_type":
      return all.join(" :: ")
    case "record":
      return `#${all[0]}{${all.slice(1).join(", ")}}`
    case "fun":
      return parts.length === 0 ? "fun()" : `fun(${signature([new Atom("type"), 0, new Atom("fun"), given!])})`
    case "binary":
      return all.length === 2 ? binaryType(all[0]!, all[1]!) : "binary()"
    default:
      return `${atomText(name)}(${all.join(", ")})`
  }
}

const binaryType = (size: string, unit: string): string => {
  const parts = [...(size === "0" ? [] : [`_:${size}`]), ...(unit === "0" ? [] : [`_:_*${unit}`])]
  return `<<${parts.join(", ")}>>`
}

// Expressions

/** How tightly an operator binds, and its two sides: `erl_parse` has the table. */
type Binding = readonly [own: number, left: number, right: number]
const operators: Readonly<Record<string, Binding>> = Object.fromEntries(
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

const commas = (all: ReadonlyArray<Term>, depth: number): string => all.map((it) => expression(it, 0, depth)).join(", ")

/** Expressions one below the other. */
const body = (all: ReadonlyArray<Term>, depth: number): string =>
  all.map((it) => `${pad(depth)}${expression(it, 0, depth)}`).join(",\n")

/** Alternatives of a guard are separated by `;`, its tests by `,`. */
const guard = (guards: Term | undefined, depth: number): string => {
  const told = items(guards).map((tests) => commas(items(tests), depth))
  return told.length === 0 ? "" : ` when ${told.join("; ")}`
}

const functionClause = (clause: Term, name: string, depth: number): string => {
  if (!isTuple(clause)) return termText(clause)
  const [, , patterns, guards, expressions] = clause
  return `${pad(depth)}${name}(${commas(items(patterns), depth)})${guard(guards, depth)} ->\n${body(items(expressions), depth + 1)}`
}

/** A clause of `case`, `receive`, `maybe` or, with its class in front, of `try`. */
const caseClause = (clause: Term, depth: number): string => {
  if (!isTuple(clause)) return termText(clause)
  const [, , patterns, guards, expressions] = clause
  return `${pad(depth)}${commas(items(patterns), depth)}${guard(guards, depth)} ->\n${body(items(expressions), depth + 1)}`
}

const caseClauses = (clauses: Term | undefined, depth: number): string =>
  items(clauses)
    .map((clause) => caseClause(clause, depth))
    .join(";\n")

const ifClauses = (clauses: Term | undefined, depth: number): string =>
  items(clauses)
    .map((clause) => {
      if (!isTuple(clause)) return termText(clause)
      const [, , , guards, expressions] = clause
      const tests = guard(guards, depth).replace(/^ when /u, "")
      return `${pad(depth)}${tests} ->\n${body(items(expressions), depth + 1)}`
    })
    .join(";\n")

/** A pattern of `catch` is a tuple of class, reason and stack; the stack is `_` where it was not written. */
const catchClauses = (clauses: Term | undefined, depth: number): string =>
  items(clauses)
    .map((clause) => {
      if (!isTuple(clause)) return termText(clause)
      const [, , patterns, guards, expressions] = clause
      const [caught] = items(patterns)
      const parts = isTuple(caught, "tuple") ? items(caught[2]) : []
      const [kind, reason, stack] = parts.map((part) => expression(part, 0, depth))
      const head = stack === undefined || stack === "_" ? `${kind}:${reason}` : `${kind}:${reason}:${stack}`
      return `${pad(depth)}${head}${guard(guards, depth)} ->\n${body(items(expressions), depth + 1)}`
    })
    .join(";\n")

const block = (word: string, inside: string, depth: number): string => `${word}\n${inside}\n${pad(depth)}end`

const fields = (all: Term | undefined, depth: number): string =>
  items(all)
    .map((field) => (isTuple(field) ? `${expression(field[2], 0, depth)} = ${expression(field[3], 0, depth)}` : ""))
    .join(", ")

const character = (code: Term | undefined): string => {
  if (typeof code !== "number" || code < 0 || code > 0x10ffff) return termText(code)
  const text = String.fromCodePoint(code)
  if (text === " ") return "$\\s"
  return /^[\p{C}\p{Z}\\"]$/u.test(text) ? `$${quoted(text).slice(1, -1)}` : `$${text}`
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
const listText = (cell: Tuple, depth: number): string => {
  const shown: Array<string> = []
  let rest: Term | undefined = cell
  while (isTuple(rest, "cons")) {
    shown.push(expression(rest[2], 0, depth))
    rest = rest[3]
  }
  return `[${shown.join(", ")}${isTuple(rest, "nil") ? "" : ` | ${expression(rest, 0, depth)}`}]`
}

const element = (part: Term, depth: number): string => {
  if (!isTuple(part)) return termText(part)
  const [, , value, size, kinds] = part
  const told = items(kinds).map((kind) => (isTuple(kind) ? `${named(kind[0])}:${termText(kind[1])}` : named(kind)))
  const given = isAtom(size, "default") ? "" : `:${expression(size, primary, depth)}`
  const shown = among(["var", "integer", "float", "char", "string", "atom", "bin"], value, depth)
  return `${shown}${given}${told.length === 0 ? "" : `/${told.join("-")}`}`
}

/** Generators of comprehensions, by how they are written; the strict ones are of OTP 28. */
const arrows: Readonly<Record<string, string>> = {
  generate: "<-",
  b_generate: "<=",
  m_generate: "<-",
  generate_strict: "<:-",
  b_generate_strict: "<:=",
  m_generate_strict: "<:-"
}

const qualifier = (part: Term, depth: number): string => {
  const arrow = isTuple(part) ? arrows[named(part[0])] : undefined
  if (isTuple(part, "zip"))
    return items(part[2])
      .map((it) => qualifier(it, depth))
      .join(" && ")
  if (!isTuple(part) || arrow === undefined) return expression(part, 0, depth)
  return `${expression(part[2], 0, depth)} ${arrow} ${expression(part[3], 0, depth)}`
}

const comprehension = (open: string, part: Tuple, close: string, depth: number): string =>
  `${open}${expression(part[2], 0, depth)} || ${items(part[3])
    .map((it) => qualifier(it, depth))
    .join(", ")}${close}`

const receive = ([, , clauses, wait, late]: Tuple, depth: number): string => {
  const inside = caseClauses(clauses, depth + 1)
  if (wait === undefined) return block("receive", inside, depth)
  const after = `${pad(depth)}after ${expression(wait, 0, depth)} ->\n${body(items(late), depth + 1)}`
  return block("receive", inside === "" ? after : `${inside}\n${after}`, depth)
}

const tryText = ([, , expressions, clauses, caught, after]: Tuple, depth: number): string => {
  const parts = [
    body(items(expressions), depth + 1),
    ...(items(clauses).length === 0 ? [] : [`${pad(depth)}of`, caseClauses(clauses, depth + 1)]),
    ...(items(caught).length === 0 ? [] : [`${pad(depth)}catch`, catchClauses(caught, depth + 1)]),
    ...(items(after).length === 0 ? [] : [`${pad(depth)}after`, body(items(after), depth + 1)])
  ]
  return block("try", parts.join("\n"), depth)
}

const funText = (of: Term | undefined, depth: number): string => {
  if (!isTuple(of)) return termText(of)
  const parts = of.slice(1).map((part) => (isTuple(part) ? expression(part, primary, depth) : termText(part)))
  if (isAtom(of[0], "function")) {
    return parts.length === 2 ? `fun ${parts[0]}/${parts[1]}` : `fun ${parts[0]}:${parts[1]}/${parts[2]}`
  }
  return clausesOf("", of[1], depth)
}

/** `fun (X) -> … end`, with the name that it calls itself by where it has one. */
const clausesOf = (name: string, clauses: Term | undefined, depth: number): string =>
  `fun ${items(clauses)
    .map((clause) => functionClause(clause, name, depth + 1))
    .join(";\n")
    .trimStart()}\n${pad(depth)}end`

/** An expression, in parentheses unless it is one of these. */
const among = (tags: ReadonlyArray<string>, term: Term | undefined, depth: number): string => {
  const text = expression(term, 0, depth)
  return tags.some((tag) => isTuple(term, tag)) ? text : `(${text})`
}

const callee = (term: Term | undefined, depth: number): string => among(["atom", "var", "remote"], term, depth)

/** What fields are taken from or changed in. */
const whole = (term: Term | undefined, depth: number): string =>
  among(["var", "map", "record", "record_field"], term, depth)

/** An expression or a pattern. What binds less tightly than `outer` gets parentheses. */
const expression = (term: Term | undefined, outer: number, depth: number): string => {
  if (!isTuple(term)) return termText(term)
  const [tag, , first, second, third] = term
  switch (named(tag)) {
    case "var":
      return first instanceof Atom ? first.text : `_${termText(first)}`
    case "atom":
    case "integer":
    case "float":
      return termText(first)
    case "char":
      return character(first)
    case "string":
      return quoted(charlistText(first) ?? "")
    case "nil":
      return "[]"
    case "cons":
      return listText(term, depth)
    case "tuple":
      return `{${commas(items(first), depth)}}`
    case "bin":
      return `<<${items(first)
        .map((part) => element(part, depth))
        .join(", ")}>>`
    case "map":
      return second === undefined
        ? `#{${commas(items(first), depth)}}`
        : `${whole(first, depth)}#{${commas(items(second), depth)}}`
    case "map_field_assoc":
      return `${expression(first, 0, depth)} => ${expression(second, 0, depth)}`
    case "map_field_exact":
      return `${expression(first, 0, depth)} := ${expression(second, 0, depth)}`
    case "record":
      return third === undefined
        ? `#${termText(first)}{${fields(second, depth)}}`
        : `${whole(first, depth)}#${termText(second)}{${fields(third, depth)}}`
    case "record_field":
      return `${whole(first, depth)}#${termText(second)}.${expression(third, 0, depth)}`
    case "record_index":
      return `#${termText(first)}.${expression(second, 0, depth)}`
    case "match":
      return inParentheses(`${expression(first, 150, depth)} = ${expression(second, 100, depth)}`, 100, outer)
    case "maybe_match":
      return `${expression(first, 150, depth)} ?= ${expression(second, 100, depth)}`
    case "op": {
      const operator = named(first)
      if (third === undefined) {
        const operand = expression(second, prefix, depth)
        // Two signs in a row would be another operator.
        const space = /^[a-z]/u.test(operator) || /^[-+]/u.test(operand) ? " " : ""
        return inParentheses(`${operator}${space}${operand}`, prefix, outer)
      }
      const [own, left, right] = operators[operator] ?? [0, primary, primary]
      const text = `${expression(second, left, depth)} ${operator} ${expression(third, right, depth)}`
      return inParentheses(text, own, outer)
    }
    case "call":
      return `${callee(first, depth)}(${commas(items(second), depth)})`
    case "remote":
      return `${callee(first, depth)}:${callee(second, depth)}`
    case "catch":
      return inParentheses(`catch ${expression(first, 0, depth)}`, 0, outer)
    case "block":
      return block("begin", body(items(first), depth + 1), depth)
    case "if":
      return block("if", ifClauses(first, depth + 1), depth)
    case "case":
      return block(`case ${expression(first, 0, depth)} of`, caseClauses(second, depth + 1), depth)
    case "receive":
      return receive(term, depth)
    case "try":
      return tryText(term, depth)
    case "maybe": {
      const otherwise = isTuple(second) ? `\n${pad(depth)}else\n${caseClauses(second[2], depth + 1)}` : ""
      return block("maybe", `${body(items(first), depth + 1)}${otherwise}`, depth)
    }
    case "lc":
      return comprehension("[", term, "]", depth)
    case "bc":
      return comprehension("<<", term, ">>", depth)
    case "mc":
      return comprehension("#{", term, "}", depth)
    case "fun":
      return funText(first, depth)
    case "named_fun":
      return clausesOf(named(first), second, depth)
    default:
      return termText(term)
  }
}
