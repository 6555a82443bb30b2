import { Effect, Schema } from "effect"
import {
  type Module,
  type ModuleFunction,
  moduleFunctions,
  moduleInfo,
  modules,
  moduleStates,
  type OnDisk,
  type Runners,
  runnersOfOldCode
} from "../../beam/Code.ts"
import { moduleFiles, readDebugInfo, readDocs } from "../../beam/FunctionSource.ts"
import { type NamedForm, printSpec } from "../../syntax/ErlangForm.ts"
import { visible } from "../../syntax/Escape.ts"
import { beginningOf } from "../../syntax/Excerpt.ts"
import { parseMfa } from "../../syntax/Mfa.ts"
import { atomName, namePart } from "../AtomName.ts"
import { countCutValues, cutNote } from "../CutValues.ts"
import { remainingMillis, scanMillis, whyLate } from "../Deadline.ts"
import { functionSourceTools } from "./FunctionSource.ts"
import {
  cursor,
  FilterText,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { moduleComparisonTools } from "./ModuleComparison.ts"
import { moduleArgument, moduleNames, notLoaded, serverNote } from "./ModuleArgument.ts"
import { agree, amount } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const shared = { toolset: "code", access: "inspect", target: "connected" } as const

const Text = Schema.optionalKey(Schema.String)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))
const Count = Schema.optionalKey(Schema.Int)

const moduleFields = { module: Schema.String, application: Text, path: Text, marks: Texts }

const showModule = ({ application, marks, name, path }: Module, terms: Terms) => ({
  module: terms.atom(name),
  application: application && terms.atom(application),
  path: path && visible(path),
  marks: marks.map(visible)
})

const input = (tool: string, value: Readonly<Record<string, unknown>>): string => `${tool} ${JSON.stringify(value)}`

const listNote = (why: string): string =>
  why === "deadline"
    ? `Time ran out before all files were read. Allow more with timeout_ms, or filter. ${whyLate}`
    : serverNote(why)

const listModules = Tool.make({
  ...shared,
  cost: "moderate",
  name: "list_modules",
  title: "List modules",
  description:
    "Modules that are loaded, with application and file. By state: old code still there, cover-compiled, sticky; changed_on_disk and file_missing read every file (narrow by application). Next: get_module_info.",
  timeoutMillis: 15_000,
  input: {
    sort_by: sortBy(["name", "application"], "name"),
    filter: Schema.optionalKey(
      Schema.Struct({
        name: Schema.optionalKey(FilterText),
        application: Schema.optionalKey(FilterText),
        state: Schema.optionalKey(Schema.Literals(moduleStates))
      })
    ),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: { ...listOutput, modules: Schema.optionalKey(Schema.Array(Schema.Struct(moduleFields))) },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter: { application, name, state } = {}, limit, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const listed = yield* modules(node, {
      ...(yield* listBounds(limit, after)),
      sort,
      filter: {
        name: name && namePart(name),
        application: application === undefined ? undefined : atomName(application),
        state
      }
    })
    const { incomplete, matched, rows, total } = listed
    const [first] = rows
    return {
      summary: (shown: number) =>
        `${shownOf(shown, matched, "module")}${state === undefined ? "" : ` with the mark ${state}`}; ${amount(total, "is", "are")} loaded.`,
      complete: incomplete.length === 0,
      notes: incomplete.map(listNote),
      data: { total, matched, modules: rows.map(({ row }) => showModule(row, terms)) },
      page: pageOf("modules", listed),
      hints: first === undefined ? [] : [input("get_module_info", { module: terms.atom(first.row.name) })]
    }
  })
})

const onDiskTexts: Readonly<Record<OnDisk, string>> = {
  same: "its file holds the same code",
  changed_on_disk: "its file holds other code than runs",
  file_missing: "its file is gone",
  no_file: "it came from no file",
  unreadable: "its file cannot be read",
  unknown: "from which file it was loaded is not known"
}

/** Exported functions that are named of a module. */
const namedFunctions = 30

/** Processes that are named of those that run old code, and milliseconds for asking all. */
const namedRunners = 5
const runnersMillis = 1_000

const getModuleInfo = Tool.make({
  ...shared,
  cost: "cheap",
  name: "get_module_info",
  title: "About a module",
  description:
    "A loaded module: application, file and whether it is what runs, version, MD5, source, compiler options, behaviours, attributes, old code and who runs it, first exports. Next: list_module_functions.",
  input: { module: moduleArgument },
  output: {
    ...moduleFields,
    on_disk: Schema.String,
    file_bytes: Count,
    file_modified: Text,
    md5: Schema.String,
    version: Text,
    behaviours: Texts,
    attributes: Texts,
    source: Text,
    compiler: Text,
    compiler_options: Text,
    debug_info_bytes: Count,
    docs_bytes: Count,
    function_count: Schema.Int,
    export_count: Schema.Int,
    exports: Texts,
    old_code_processes: Count,
    old_code_pids: Texts
  },
  run: Effect.fnUntraced(function* ({ module }, node) {
    const terms = yield* termsOf(node)
    const info = yield* moduleInfo(node, moduleNames(module))
    if (!("name" in info)) return yield* notLoaded(node, module, info, terms)
    const functions = yield* moduleFunctions(node, {
      ...(yield* listBounds(namedFunctions, undefined)),
      names: [info.name],
      all: false,
      sort: "name",
      filter: {}
    })
    const exported = "rows" in functions ? functions.rows : []
    const name = terms.atom(info.name)
    const runners = info.marks.includes("old_code")
      ? yield* runnersOfOldCode(node, info.name, {
          limit: namedRunners,
          deadlineMillis: Math.min(runnersMillis, scanMillis(yield* remainingMillis))
        })
      : undefined
    const { version } = info
    return {
      summary: `${name}${info.application === undefined ? "" : ` of ${terms.atom(info.application)}`} exports ${amount(info.exports, "function")}; ${onDiskTexts[info.onDisk]}${runners === undefined ? "" : `; ${saysRunners(runners)}`}.`,
      complete: info.incomplete.length === 0 && (runners === undefined || runners.seen === runners.total),
      notes: [...info.incomplete.map(serverNote), ...(runners === undefined ? [] : runnerNotes(runners))],
      cut: (characters: number) => {
        const others = [version, info.options].flatMap((term) =>
          term === undefined ? [] : [[undefined, term] as const]
        )
        return cutNote(countCutValues([...info.attributes, ...others], terms, characters), "value")
      },
      data: (characters: number) => ({
        ...showModule(info, terms),
        on_disk: info.onDisk,
        file_bytes: info.bytes,
        file_modified: info.modified === undefined ? undefined : iso(info.modified),
        md5: info.md5,
        version: version === undefined ? undefined : terms.print(version, characters),
        behaviours: info.behaviours.map(terms.atom),
        attributes: info.attributes.map(
          ([key, value]) => `${terms.print(key)}: ${terms.value(key, value, characters)}`
        ),
        source: info.source && visible(info.source),
        compiler: info.compiler && visible(info.compiler),
        compiler_options: info.options === undefined ? undefined : terms.print(info.options, characters),
        debug_info_bytes: info.chunks.get("Dbgi"),
        docs_bytes: info.chunks.get("Docs"),
        function_count: info.functions,
        export_count: info.exports,
        exports: exported.map(({ row }) => `${terms.atom(row.name)}/${row.arity}`),
        old_code_processes: runners?.count,
        old_code_pids: runners?.pids.map((it) => terms.print(it))
      }),
      hints: [
        input("list_module_functions", { module: name }),
        ...(runners?.pids ?? []).slice(0, 1).map((it) => input("get_process_stacktrace", { pid: terms.print(it) }))
      ]
    }
  })
})

/** What a summary says of those that run old code. */
const saysRunners = ({ count, seen, total }: Runners): string =>
  count > 0
    ? `${seen < total ? "at least " : ""}${amount(count, "process runs", "processes run")} old code of it`
    : seen < total
      ? `none of ${amount(seen, "process that was", "processes that were")} asked runs its old code`
      : "no process runs its old code"

const runnerNotes = ({ count, seen, total }: Runners): ReadonlyArray<string> => [
  `There is old code of this module. A process that runs it is killed when a third version is loaded${count === 0 ? "" : "; it gets out of it by a call with the name of the module"}.`,
  ...(seen < total
    ? [
        `Of ${amount(total, "process", "processes")} ${seen.toLocaleString("en-US")} told whether ${agree(seen, "it runs", "they run")} it; the others were not asked, or did not answer in time.`
      ]
    : [])
]

/** A date that a file of a node may bear, which may be any number. */
const iso = (seconds: number): string | undefined => {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** Characters of a specification, and of the line of documentation beside it. */
const specCharacters = 600
const docCharacters = 200

const showFunction = (
  { arity, isExported, module, name }: ModuleFunction,
  specs: ReadonlyArray<NamedForm>,
  docs: ReadonlyMap<string, string>,
  terms: Terms,
  characters: number
) => {
  const spec = specs.find((it) => it.name === name && it.arity === arity)
  const doc = docs.get(`${name}/${arity}`)
  return {
    function: terms.mfa({ module, name, arity }),
    local: isExported ? undefined : true,
    spec: spec && visible(printSpec(spec, Math.min(specCharacters, characters)).text),
    doc: doc && beginningOf(doc, Math.min(docCharacters, characters))
  }
}

/** A function as lists show it is meant with its arity: `:lists.map/2`, `map/2`. */
const functionFilter = ({ arity, name }: { readonly name?: string; readonly arity?: number }) => {
  if (name === undefined) return arity === undefined ? {} : { arity }
  const [, local, count] = /^(.+)\/(\d{1,3})$/su.exec(name.trim()) ?? []
  const whole = parseMfa(name) ?? {
    name: namePart(local ?? name),
    arity: count === undefined ? undefined : Number(count)
  }
  const wanted = arity ?? whole.arity
  return { name: whole.name, ...(wanted !== undefined && { arity: wanted }) }
}

const listModuleFunctions = Tool.make({
  ...shared,
  cost: "moderate",
  name: "list_module_functions",
  title: "Functions of a module",
  description:
    "The exported functions of a loaded module, with all the local ones too; with specifications and the first line of documentation where its file has them. Next: get_function_source.",
  timeoutMillis: 10_000,
  input: {
    module: moduleArgument,
    all: Schema.optionalKey(Schema.Boolean),
    sort_by: sortBy(["name", "arity"], "name"),
    filter: Schema.optionalKey(
      Schema.Struct({
        name: Schema.optionalKey(FilterText),
        arity: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
      })
    ),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: {
    ...listOutput,
    functions: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({ function: Schema.String, local: Schema.optionalKey(Schema.Boolean), spec: Text, doc: Text })
      )
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ all = false, filter = {}, limit, module, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const names = moduleNames(module)
    const bounds = yield* listBounds(limit, after)
    const [listed, files] = yield* Effect.all(
      [
        moduleFunctions(node, { ...bounds, names, all, sort, filter: functionFilter(filter) }),
        moduleFiles(node, names, { chunks: ["Dbgi", "Docs"], source: false })
      ],
      { concurrency: "unbounded" }
    )
    if (!("rows" in listed)) return yield* notLoaded(node, module, listed, terms)
    const { matched, rows, total } = listed
    const chunks = "module" in files ? files.chunks : new Map<string, never>()
    const info = readDebugInfo(chunks.get("Dbgi"))
    const docs = readDocs(chunks.get("Docs"))
    const specs = "specs" in info ? info.specs : []
    const called = rows[0]?.row.module ?? names[0]!
    const untold = "module" in files ? files.incomplete : []
    const isChanged = "onDisk" in files && files.onDisk === "changed_on_disk" && specs.length + docs.size > 0
    return {
      summary: (shown: number) =>
        `${shownOf(shown, matched, all ? "function" : "exported function")} of ${terms.atom(called)}${matched === total ? "" : ` (${total} in all)`}.`,
      complete: info.language !== "none" && untold.length === 0,
      notes: [
        ...untold.map(serverNote),
        ...(untold.length === 0 && info.language === "none"
          ? [`Specifications of this module are not known: ${info.why}.`]
          : []),
        ...(isChanged ? ["Specifications and documentation are of the file, which holds other code than runs."] : [])
      ],
      data: (characters: number) => ({
        total,
        matched,
        functions: rows.map(({ row }) => showFunction(row, specs, docs, terms, characters))
      }),
      page: pageOf("functions", listed),
      hints: rows
        // Bodies of funs have names that begin so.
        .filter(({ row }) => !/^(?:-|__|module_info)/u.test(row.name))
        .slice(0, 1)
        .map(({ row }) => input("get_function_source", { function: terms.mfa(row) }))
    }
  })
})

/** The code toolset. */
export const codeTools: ReadonlyArray<Tool.Tool> = [
  listModules,
  getModuleInfo,
  listModuleFunctions,
  ...functionSourceTools,
  ...moduleComparisonTools
]
