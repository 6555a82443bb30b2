import { Effect, Schema } from "effect"
import { type DebugInfo, lineOfForm, type ModuleFiles, moduleFiles, readDebugInfo } from "../../beam/FunctionSource.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { printFunction, printSpec } from "../../syntax/ErlangForm.ts"
import { escapeWithin, visible, visibleEscaper } from "../../syntax/Escape.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { enclosingFunction, parseAnonymous, parseMfa } from "../../syntax/Mfa.ts"
import { type Excerpted, findInElixir, findInErlang } from "../../syntax/SourceText.ts"
import { FunctionText } from "../ArgumentText.ts"
import { didYouMean } from "../DidYouMean.ts"
import { notLoaded, serverNote } from "./ModuleArgument.ts"
import { agree, amount } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"

/** A function as it is asked for; without an arity those of all arities are meant. */
interface Wanted {
  readonly module: string
  readonly name: string
  readonly arity: number | undefined
}

const readWanted = (text: string): Wanted | undefined => {
  const whole = parseMfa(text) ?? parseAnonymous(text)
  if (whole !== undefined) return whole
  const open = parseMfa(`${text.trim()}/0`)
  return open && { ...open, arity: undefined }
}

/** The source that was found, and where. */
interface Found {
  readonly from: "source_file" | "debug_info"
  readonly file: string | undefined
  readonly parts: ReadonlyArray<Excerpted>
  /** Whether nothing was left out. */
  readonly isWhole: boolean
}

/**
 * What of the source holds a function: of an anonymous one the function that it stands in, of what a macro of Elixir is
 * compiled to the macro.
 */
const written = (wanted: Wanted): Wanted => {
  const { arity, module, name } = wanted
  const macro = module.startsWith("Elixir.") && name.startsWith("MACRO-")
  if (macro) return { module, name: name.slice("MACRO-".length), arity: arity && arity - 1 }
  return enclosingFunction({ module, name, arity: 0 }) ?? wanted
}

const inSource = ({ source }: ModuleFiles, info: DebugInfo, { name }: Wanted, arities: ReadonlyArray<number>) => {
  if (typeof source === "string") return undefined
  const parts = /\.exs?$/u.test(source.path)
    ? findInElixir(source.text, linesOf(info, name, arities))
    : findInErlang(source.text, name, arities)
  return parts.length === 0
    ? undefined
    : ({ from: "source_file", file: source.path, parts, isWhole: true } satisfies Found)
}

const linesOf = (info: DebugInfo, name: string, arities: ReadonlyArray<number>): ReadonlyArray<number> =>
  info.language === "elixir"
    ? info.definitions.filter((it) => it.name === name && arities.includes(it.arity)).flatMap(({ lines }) => lines)
    : []

const inDebugInfo = (
  { path }: ModuleFiles,
  info: DebugInfo,
  { name }: Wanted,
  arities: ReadonlyArray<number>
): Found | undefined => {
  if (info.language !== "erlang") return undefined
  const parts = info.functions
    .filter((form) => form.name === name && arities.includes(form.arity))
    .map((form) => {
      const spec = info.specs.find((it) => it.name === name && it.arity === form.arity)
      const printed = [...(spec === undefined ? [] : [printSpec(spec)]), printFunction(form)]
      const text = printed.map((it) => it.text).join("\n")
      return { firstLine: lineOfForm(form), lastLine: 0, text, isWhole: printed.every((it) => it.complete) }
    })
  const isWhole = parts.every((part) => part.isWhole)
  return parts.length === 0 ? undefined : { from: "debug_info", file: path, parts, isWhole }
}

const notFound = (message: string, next: string, meant: ReadonlyArray<string> = []) =>
  new ToolError({ code: "not_found", message, retryable: false, next, didYouMean: meant })

const noFunction = (node: ErlangNode, { module, name }: Wanted, files: ModuleFiles, terms: Terms) =>
  notFound(
    `${terms.atom(module)} has no function '${excerpt(name)}' on ${node.name}.`,
    `list_module_functions ${JSON.stringify({ module: terms.atom(module), all: true })}`,
    didYouMean(name, files.similar).map(visible)
  )

const noSource = (
  { incomplete, module, path, source }: ModuleFiles,
  info: DebugInfo,
  called: string,
  lines: ReadonlyArray<number>,
  terms: Terms
): ToolError => {
  const text =
    source === "too_large"
      ? "its source file is too large"
      : source === "none"
        ? "the node has no source file of it"
        : `it was not found in ${visible(source.path)}`
  const rest =
    incomplete.length > 0
      ? "its code_server, which is busy, stuck or suspended, did not tell where its file with debug information is"
      : info.language === "none"
        ? info.why
        : info.language === "elixir"
          ? `only Elixir's own code can print what Elixir keeps as debug information. It is defined in line ${lines[0] ?? "unknown"} of ${visible(info.file ?? "an unknown file")}`
          : `the debug information in ${visible(path ?? "its file")} does not have it either`
  return notFound(
    `No source of ${called} can be had: ${text}, and ${rest}.`,
    `list_module_functions ${JSON.stringify({ module: terms.atom(module) })}`
  )
}

/** Characters of source in one result, and for each that a printed term may take. */
const maxSource = 6_000
const sourceShare = 2

/** The beginning of a line that is too long to be shown, up to a comma or a space where it has one. */
const lineStart = (line: string, characters: number): string => {
  const { taken } = escapeWithin(line, visibleEscaper, characters)
  const end = Math.max(taken.lastIndexOf(","), taken.lastIndexOf(" ")) + 1 || taken.length
  return `${visible(line.slice(0, end))}… ${line.length - end} more ${agree(line.length - end, "character", "characters")} in this line`
}

/** As many lines as fit; where some are left, a last one says how to have them. Always one, which may be cut. */
const fitting = (lines: ReadonlyArray<string>, skipped: number, characters: number): string => {
  const most = Math.min(maxSource, characters * sourceShare)
  const shown: Array<string> = []
  let length = 0
  for (const line of lines) {
    const text = visible(line)
    // The last one ends without a break.
    if ((length += text.length + 1) > most + 1) break
    shown.push(text)
  }
  if (shown.length === 0 && lines.length > 0) shown.push(lineStart(lines[0]!, most))
  const left = lines.length - shown.length
  return [
    ...shown,
    ...(left > 0 ? [`... ${left} more ${agree(left, "line", "lines")}: skip_lines ${skipped + shown.length}`] : [])
  ].join("\n")
}

const getFunctionSource = Tool.make({
  toolset: "code",
  access: "inspect",
  cost: "moderate",
  target: "connected",
  name: "get_function_source",
  title: "Source of a function",
  description:
    "The source of a function of a loaded module: from its source file, if the node has that, else from debug information. Says which, and whether the file changed since.",
  timeoutMillis: 10_000,
  input: {
    function: FunctionText.annotate({ description: "lists:map/2 or MyApp.Worker.run/1; without /arity all arities" }),
    skip_lines: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))
      .annotate({ description: "0 to 100000, default 0: to go on in a long one", default: 0 })
      .pipe(Schema.withDecodingDefaultKey(Effect.succeed(0)))
  },
  output: {
    module: Schema.String,
    from: Schema.Literals(["source_file", "debug_info"]),
    file: Schema.optionalKey(Schema.String),
    first_line: Schema.optionalKey(Schema.Int),
    last_line: Schema.optionalKey(Schema.Int),
    source: Schema.optionalKey(Schema.String)
  },
  run: Effect.fnUntraced(function* ({ function: given, skip_lines: skipped }, node) {
    const terms = yield* termsOf(node)
    const named = readWanted(given)
    if (named === undefined)
      return yield* new ToolError({
        code: "invalid_input",
        message: `'${excerpt(given)}' names no function. Write it as lists:map/2 or MyApp.Worker.run/1.`,
        retryable: false
      })
    const asked = written(named)
    const { name } = asked
    const isElixir = asked.module.startsWith("Elixir.")
    const files = yield* moduleFiles(node, [asked.module], {
      chunks: isElixir ? ["Dbgi"] : [],
      source: true,
      function: name
    })
    if (!("module" in files)) return yield* notLoaded(node, terms.atom(asked.module), files, terms)
    const wanted = { ...asked, module: files.module }
    const early = isElixir ? readDebugInfo(files.chunks.get("Dbgi")) : undefined
    const macros = early?.language === "elixir" ? early.definitions.filter((it) => it.name === name) : []
    const there = [...new Set([...files.arities, ...macros.map(({ arity }) => arity)])].toSorted((a, b) => a - b)
    const arities = wanted.arity === undefined ? there : there.filter((arity) => arity === wanted.arity)
    if (there.length === 0) return yield* noFunction(node, wanted, files, terms)
    if (arities.length === 0)
      return yield* notFound(
        `${terms.atom(wanted.module)} has '${excerpt(name)}', but with ${there.join(" or ")} arguments.`,
        `get_function_source ${JSON.stringify({ function: terms.mfa({ ...wanted, arity: there[0]! }) })}`
      )
    const called = arities.map((arity) => terms.mfa({ ...wanted, arity })).join(", ")
    const isInside = named.name !== name && named.arity !== undefined
    const inside = isInside
      ? `, where ${terms.mfa({ ...wanted, name: named.name, arity: named.arity })} is written`
      : ""
    const textual = inSource(files, early ?? { language: "none", why: "" }, wanted, arities)
    const later =
      textual === undefined && !isElixir
        ? yield* moduleFiles(node, [files.module], { chunks: ["Dbgi"], source: false })
        : undefined
    const info = early ?? readDebugInfo(later !== undefined && "module" in later ? later.chunks.get("Dbgi") : undefined)
    const found = textual ?? inDebugInfo(files, info, wanted, arities)
    if (found === undefined) return yield* noSource(files, info, called, linesOf(info, name, arities), terms)
    const { file, from, isWhole, parts } = found
    const text = parts.map((part) => part.text).join("\n\n")
    const lines = text.split(/\r?\n/u).map((line) => line.replaceAll("\t", "    "))
    const rest = lines.slice(skipped)
    const isLong = rest.map(visible).join("\n").length > maxSource
    const isNewer =
      from === "source_file" &&
      typeof files.source !== "string" &&
      files.modified !== undefined &&
      files.source.modified > files.modified
    return {
      summary: `${called}${inside}, from ${from === "source_file" ? `its source file ${visible(file ?? "")}` : "debug information, without comments and macros"}.`,
      complete: !isLong && isWhole && files.incomplete.length === 0,
      notes: [
        ...(rest.length === 0
          ? [`It has ${amount(lines.length, "line")}: behind skip_lines ${skipped} there is nothing.`]
          : []),
        ...(isLong
          ? [`Too long for one result (${amount(lines.length, "line")}): its last line says what is left out.`]
          : []),
        ...(isWhole ? [] : ["Some of it is nested too deeply, or too long, to be printed: ... stands in its place."]),
        ...(isNewer
          ? ["The source file was written after the module's file: what runs may be of an older version of it."]
          : []),
        ...(files.onDisk === "changed_on_disk"
          ? ["The module's file holds other code than runs, so this may not be what runs."]
          : []),
        ...files.incomplete.map(serverNote)
      ],
      data: (characters: number) => ({
        module: terms.atom(files.module),
        from,
        file: file && visible(file),
        first_line: parts[0]!.firstLine || undefined,
        last_line: parts.at(-1)!.lastLine || undefined,
        source: rest.length === 0 ? "" : fitting(rest, skipped, characters)
      })
    }
  })
})

/** The tools of the code toolset that show source. */
export const functionSourceTools: ReadonlyArray<Tool.Tool> = [getFunctionSource]
