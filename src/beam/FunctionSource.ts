import type { Effect } from "effect"
import { Buffer } from "node:buffer"
import { decode } from "../etf/Decode.ts"
import { EtfError } from "../etf/EtfError.ts"
import {
  Atom,
  atom,
  Binary,
  binary,
  charlist,
  isAtom,
  isTuple,
  list,
  listItems,
  map,
  MapTerm,
  type Term,
  utf8Text
} from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { lineOf, type NamedForm, readFunction, readSpec } from "../syntax/ErlangForm.ts"
import { atomNames } from "./Applications.ts"
import { type Absent, onDisk, type OnDisk, readAbsent } from "./Code.ts"
import { askAgent } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"
import { textOf } from "./Reading.ts"

/** The chunks of a beam that tell of functions. */
export type Chunk = "Dbgi" | "Docs"

/** Why a chunk cannot be had. */
export type NoChunk = "missing" | "too_large" | "no_file"

export interface FilesQuery {
  readonly chunks: ReadonlyArray<Chunk>
  /** Whether the source is read. */
  readonly source: boolean
  /** The function whose arities are told. */
  readonly function?: string
}

/** What the files of a module hold. */
export interface ModuleFiles {
  readonly module: string
  readonly path: string | undefined
  readonly onDisk: OnDisk
  /** When the beam was last written, in seconds since the Unix epoch. */
  readonly modified: number | undefined
  readonly chunks: ReadonlyMap<string, Uint8Array | NoChunk>
  readonly source: SourceFile | "none" | "too_large"
  /** Arities of the functions with the name that was asked for; none where there is no such. */
  readonly arities: ReadonlyArray<number>
  /** Names of other functions, where there is none of that name. */
  readonly similar: ReadonlyArray<string>
  /** `code_server` where that did not tell of the file, and `left` where it still has the request. */
  readonly incomplete: ReadonlyArray<string>
}

export interface SourceFile {
  readonly path: string
  readonly text: string
  /** In seconds since the Unix epoch. */
  readonly modified: number
}

/** What the files of the first module hold that has one of these names and is loaded. */
export const moduleFiles = (
  node: ErlangNode,
  names: ReadonlyArray<string>,
  { chunks, function: called, source }: FilesQuery
): Effect.Effect<ModuleFiles | Absent, CallError> =>
  askAgent(
    node,
    "beamscope_code:files",
    map([
      [atom("names"), list(names.map(binary))],
      [atom("chunks"), list(chunks.map(charlist))],
      [atom("source"), atom(String(source))],
      ...(called === undefined ? [] : [[atom("function"), binary(called)] as const])
    ]),
    (answer) => readAbsent(answer) ?? readFiles(answer)
  )

const readFiles = (answer: MapTerm): ModuleFiles | undefined => {
  const name = answer.atomKey("name")
  if (!(name instanceof Atom)) return undefined
  const chunks = (listItems(answer.atomKey("chunks")) ?? []).flatMap((chunk) => {
    if (!isTuple(chunk)) return []
    const [id, bytes] = [textOf(chunk[0]), chunk[1]]
    if (id === undefined) return []
    const why = isAtom(bytes, "too_large") ? "too_large" : "missing"
    return [[id, bytes instanceof Binary ? bytes.view() : why] as const]
  })
  return {
    module: name.text,
    path: textOf(answer.atomKey("path")),
    onDisk: onDisk(answer.atomKey("on_disk")),
    modified: readCount(answer.atomKey("modified")),
    chunks: new Map(chunks),
    source: readSource(answer.atomKey("source")),
    arities: (listItems(answer.atomKey("arities")) ?? []).flatMap((arity) => readCount(arity) ?? []),
    similar: [...new Set(atomNames(answer.atomKey("similar")))],
    incomplete: atomNames(answer.atomKey("incomplete"))
  }
}

const readSource = (term: Term | undefined): ModuleFiles["source"] => {
  if (!(term instanceof MapTerm)) return isAtom(term, "too_large") ? "too_large" : "none"
  const [path, bytes, modified] = [textOf(term.atomKey("path")), term.atomKey("bytes"), term.atomKey("modified")]
  return path !== undefined && bytes instanceof Binary
    ? {
        path,
        text: utf8Text(bytes) ?? Buffer.from(bytes.view()).toString("latin1"),
        modified: readCount(modified) ?? 0
      }
    : "none"
}

/** What the compiler of a language left about the functions of a module. */
export type DebugInfo =
  | {
      readonly language: "erlang"
      readonly functions: ReadonlyArray<NamedForm>
      readonly specs: ReadonlyArray<NamedForm>
    }
  | {
      readonly language: "elixir"
      /** The source, from where it was compiled. */
      readonly file: string | undefined
      readonly definitions: ReadonlyArray<Definition>
      readonly specs: ReadonlyArray<NamedForm>
    }
  | { readonly language: "none"; readonly why: string }

/** A function or macro of Elixir, with the lines that its clauses begin on. */
export interface Definition {
  readonly name: string
  readonly arity: number
  /** `def`, `defp`, `defmacro` or `defmacrop`. */
  readonly kind: string
  readonly lines: ReadonlyArray<number>
}

/** Bytes of debug information or documentation, unpacked, and the cells that they may have: some hundred megabytes. */
const limits = { inflatedBytes: 16 * 1024 * 1024, cells: 2_000_000, depth: 50_000, atoms: 200_000 }

const unpack = (bytes: Uint8Array): Term | undefined => {
  try {
    return decode(bytes, limits)
  } catch (error) {
    if (error instanceof EtfError) return undefined
    throw error
  }
}

const reasons: Readonly<Record<NoChunk, string>> = {
  missing: "it was compiled without debug information, or that was stripped",
  too_large: "its debug information is too large to be read",
  no_file: "its file cannot be read"
}

const none = (why: string): DebugInfo => ({ language: "none", why })

/** Reads the chunk `Dbgi`. */
export const readDebugInfo = (chunk: Uint8Array | NoChunk | undefined): DebugInfo => {
  if (!(chunk instanceof Uint8Array)) return none(reasons[chunk ?? "no_file"])
  const info = unpack(chunk)
  if (!isTuple(info, "debug_info_v1")) return none("its debug information is encrypted, or of an unknown form")
  const [, backend, data] = info
  if (isAtom(backend, "erl_abstract_code") && isTuple(data)) {
    const forms = listItems(data[0])
    if (forms === undefined) return none(reasons.missing)
    return { language: "erlang", functions: forms.flatMap((form) => readFunction(form) ?? []), specs: specsIn(forms) }
  }
  if (isAtom(backend, "elixir_erl") && isTuple(data, "elixir_v1") && data[1] instanceof MapTerm) {
    const definitions = listItems(data[1].atomKey("definitions")) ?? []
    return {
      language: "elixir",
      file: textOf(data[1].atomKey("relative_file")) ?? textOf(data[1].atomKey("file")),
      definitions: definitions.flatMap((it) => readDefinition(it) ?? []),
      specs: specsIn(listItems(data[2]) ?? [])
    }
  }
  if (isAtom(data, "none") || (isTuple(data) && isAtom(data[0], "none"))) return none(reasons.missing)
  return none("its debug information is of an unknown form")
}

const specsIn = (forms: ReadonlyArray<Term>): ReadonlyArray<NamedForm> => forms.flatMap((form) => readSpec(form) ?? [])

/** `{{Name, Arity}, Kind, Meta, [{Meta, Arguments, Guards, Body}]}`. */
const readDefinition = (term: Term): Definition | undefined => {
  if (!isTuple(term) || !isTuple(term[0])) return undefined
  const [[name, arity], kind, meta, clauses] = term as readonly [ReadonlyArray<Term>, Term, Term, Term]
  if (!(name instanceof Atom) || typeof arity !== "number") return undefined
  const places = [meta, ...(listItems(clauses) ?? []).map((clause) => (isTuple(clause) ? clause[0] : undefined))]
  const lines = places.flatMap((place) => lineIn(place) ?? [])
  return { name: name.text, arity, kind: kind instanceof Atom ? kind.text : "", lines }
}

const lineIn = (meta: Term | undefined): number | undefined => {
  for (const item of listItems(meta) ?? []) if (isTuple(item, "line") && typeof item[1] === "number") return item[1]
  return undefined
}

/** The line that a function form begins on; 0 where that is not known. */
export const lineOfForm = ({ clauses }: NamedForm): number => lineOf(clauses[0])

/** What functions are documented with: the first paragraph's first line, by `name/arity`. */
export const readDocs = (chunk: Uint8Array | NoChunk | undefined): ReadonlyMap<string, string> => {
  const docs = chunk instanceof Uint8Array ? unpack(chunk) : undefined
  const entries = isTuple(docs, "docs_v1") ? (listItems(docs[6]) ?? []) : []
  return new Map(
    entries.flatMap((entry) => {
      if (!isTuple(entry) || !isTuple(entry[0])) return []
      const [kind, name, arity] = entry[0]
      const doc = entry[3]
      if (!(name instanceof Atom) || typeof arity !== "number" || !(doc instanceof MapTerm)) return []
      const line = firstLine(doc.entries[1])
      const called = isAtom(kind, "macro") ? `MACRO-${name.text}/${arity + 1}` : `${name.text}/${arity}`
      return line === undefined || !["function", "macro"].some((it) => isAtom(kind, it))
        ? []
        : [[called, line] as const]
    })
  )
}

/** Of a text, or of HTML as terms, which OTP up to 26 has in files: `[{p, [], [<<"Returns ">>, {code, [], [...]}]}]`. */
const firstLine = (text: Term | undefined): string | undefined => {
  const lines =
    text instanceof Binary
      ? (utf8Text(text) ?? "").split("\n")
      : (listItems(text) ?? []).map((element) => plainText(element, 0).replaceAll(/\s+/gu, " "))
  return lines.map((line) => line.trim()).find((line) => line !== "")
}

/** Tuples and lists inside of one another whose text is taken. */
const deepestElement = 100

const plainText = (html: Term | undefined, depth: number): string => {
  if (html instanceof Binary) return utf8Text(html) ?? ""
  if (depth > deepestElement) return ""
  const inside = isTuple(html) ? [html[2]] : (listItems(html) ?? [])
  return inside.map((element) => plainText(element, depth + 1)).join("")
}
