import { Effect } from "effect"
import { Buffer } from "node:buffer"
import { Atom, atom, Binary, binary, isTuple, list, listItems, map, type MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { atomNames } from "./Applications.ts"
import { askAgent, askList, type Listed, type ListQuery, questionOf, readListed } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"
import { nameOf, textOf } from "./Reading.ts"

/** What can be said of a module beside where it comes from. The last two take a look at its file. */
export const moduleStates = [
  "sticky",
  "preloaded",
  "cover_compiled",
  "old_code",
  "changed_on_disk",
  "file_missing"
] as const
export type ModuleState = (typeof moduleStates)[number]

const onDisks = ["same", "changed_on_disk", "file_missing", "no_file", "unreadable", "unknown"] as const

/**
 * How a loaded module is to the file that it was loaded from. `no_file`: it came from none. `unknown`: the code server did
 * not tell from which.
 */
export type OnDisk = (typeof onDisks)[number]

const isOnDisk = (text: string | undefined): text is OnDisk => onDisks.some((state) => state === text)

export const onDisk = (term: Term | undefined): OnDisk => {
  const text = nameOf(term)
  return isOnDisk(text) ? text : "unreadable"
}

/** A module that is loaded. Source: `code`. */
export interface Module {
  readonly name: string
  readonly application: string | undefined
  readonly path: string | undefined
  readonly marks: ReadonlyArray<string>
}

type Bounds = Pick<ListQuery, "after" | "deadlineMillis" | "limit">

export interface ModuleFilter {
  /** Part of the name, in any case. */
  readonly name?: string | undefined
  readonly application?: string | undefined
}

export interface ModuleQuery extends Bounds {
  readonly sort: "name" | "application"
  readonly filter: ModuleFilter & { readonly state?: ModuleState | undefined }
}

/** A page of the modules that are loaded. */
export const modules = (
  node: ErlangNode,
  { filter: { application, name, state }, ...query }: ModuleQuery
): Effect.Effect<Listed<Module>, CallError> =>
  askList(
    node,
    "beamscope_code:modules",
    { ...query, order: "ascending", filters: { name, application, state: state && atom(state) } },
    readModule
  )

const readModule = (row: MapTerm): Module | undefined => {
  const name = row.atomKey("name")
  if (!(name instanceof Atom)) return undefined
  return {
    name: name.text,
    application: nameOf(row.atomKey("application")),
    path: textOf(row.atomKey("path")),
    marks: atomNames(row.atomKey("marks"))
  }
}

/** What is told where no module of a name is loaded. */
export interface Absent {
  /** The file that it would be loaded from. */
  readonly wouldBeFrom: string | undefined
  /** Whether that is not known, since the code server did not tell. */
  readonly isUnknown: boolean
  /** Modules that are loaded, with names that begin alike. */
  readonly similar: ReadonlyArray<string>
}

export const readAbsent = (answer: MapTerm): Absent | undefined => {
  const path = answer.atomKey("absent")
  if (path === undefined) return undefined
  return {
    wouldBeFrom: textOf(path),
    isUnknown: atomNames(answer.atomKey("incomplete")).length > 0,
    similar: atomNames(answer.atomKey("similar"))
  }
}

export interface ModuleInfo extends Module {
  readonly onDisk: OnDisk
  /** Of the file. */
  readonly bytes: number | undefined
  /** When the file was last written, in seconds since the Unix epoch. */
  readonly modified: number | undefined
  /** The chunks of the file, with their bytes. */
  readonly chunks: ReadonlyMap<string, number>
  /** In hexadecimal digits. */
  readonly md5: string
  readonly exports: number
  /** The exported and the local ones. */
  readonly functions: number
  /** The attribute `vsn`, where someone wrote one. */
  readonly version: Term | undefined
  readonly behaviours: ReadonlyArray<string>
  /** The other attributes. */
  readonly attributes: ReadonlyArray<readonly [key: Term, value: Term]>
  readonly compiler: string | undefined
  readonly options: Term | undefined
  readonly source: string | undefined
  /** `code_server` where that did not tell, and `left` where it still has the request. */
  readonly incomplete: ReadonlyArray<string>
}

/** In place of a digest that the node does not tell, as of a module that is purged at this moment. */
export const unknownDigest = "unknown"

const hex = (term: Term | undefined): string =>
  term instanceof Binary ? Buffer.from(term.view()).toString("hex") : unknownDigest

const pairs = (term: Term | undefined): ReadonlyArray<readonly [Term, Term]> =>
  (listItems(term) ?? []).flatMap((pair) => (isTuple(pair) && pair.length === 2 ? [[pair[0]!, pair[1]!] as const] : []))

const namesTerm = (names: ReadonlyArray<string>) => [atom("names"), list(names.map(binary))] as const

/** The first module that has one of these names and is loaded. */
export const moduleInfo = (
  node: ErlangNode,
  names: ReadonlyArray<string>
): Effect.Effect<ModuleInfo | Absent, CallError> =>
  askAgent(node, "beamscope_code:module", map([namesTerm(names)]), (answer) => readAbsent(answer) ?? readInfo(answer))

/** Who runs old code of a module, and is killed when that is purged. */
export interface Runners {
  readonly count: number
  /** The first of them. */
  readonly pids: ReadonlyArray<Pid>
  /** Processes that there are. */
  readonly total: number
  /** Processes that told whether they run it. */
  readonly seen: number
}

/** Asks the processes of a node whether they run old code of a module; `undefined` where it is not loaded any more. */
export const runnersOfOldCode = (
  node: ErlangNode,
  module: string,
  { deadlineMillis, limit }: Pick<ListQuery, "deadlineMillis" | "limit">
): Effect.Effect<Runners | undefined, CallError> =>
  Effect.map(
    askAgent(
      node,
      "beamscope_code:runners",
      map([namesTerm([module]), [atom("limit"), limit], [atom("deadline_ms"), Math.floor(deadlineMillis)]]),
      (answer) => readAbsent(answer) ?? readRunners(answer)
    ),
    (told) => ("similar" in told ? undefined : told)
  )

const readRunners = (answer: MapTerm): Runners | undefined => {
  const count = (key: string) => readCount(answer.atomKey(key))
  const [running, total, seen] = [count("running"), count("total"), count("seen")]
  if (running === undefined || total === undefined || seen === undefined) return undefined
  const pids = (listItems(answer.atomKey("pids")) ?? []).flatMap((pid) => (pid instanceof Pid ? [pid] : []))
  return { count: running, pids, total, seen }
}

/** The MD5 digest of the code as one number in a list, as compilers leave it for a `vsn`. */
const compiledDigest = (vsn: Term | undefined): bigint | undefined => {
  const [first, ...others] = listItems(vsn) ?? []
  return typeof first === "bigint" && others.length === 0 ? first : undefined
}

/** A `vsn` that someone wrote; `undefined` for none, and for the digest that compilers leave. */
const writtenVersion = (vsn: Term | undefined): Term | undefined =>
  (listItems(vsn) ?? []).length === 0 || compiledDigest(vsn) !== undefined ? undefined : vsn

const readInfo = (answer: MapTerm): ModuleInfo | undefined => {
  const module = readModule(answer)
  if (module === undefined) return undefined
  const chunks = pairs(answer.atomKey("held")).map(([id, size]) => [textOf(id) ?? "", readCount(size) ?? 0] as const)
  const given = (key: string) => {
    const term = answer.atomKey(key)
    return nameOf(term) === undefined && term instanceof Atom ? undefined : term
  }
  return {
    ...module,
    onDisk: onDisk(answer.atomKey("on_disk")),
    bytes: readCount(answer.atomKey("bytes")),
    modified: readCount(answer.atomKey("modified")),
    chunks: new Map(chunks),
    md5: hex(answer.atomKey("md5")),
    exports: readCount(answer.atomKey("exports")) ?? 0,
    functions: readCount(answer.atomKey("functions")) ?? 0,
    version: writtenVersion(given("version")),
    behaviours: atomNames(answer.atomKey("behaviours")),
    attributes: pairs(answer.atomKey("attributes")),
    compiler: textOf(answer.atomKey("compiler")),
    options: given("options"),
    source: textOf(answer.atomKey("source")),
    incomplete: atomNames(answer.atomKey("incomplete"))
  }
}

export interface ModuleFunction {
  readonly module: string
  readonly name: string
  readonly arity: number
  readonly isExported: boolean
}

export interface FunctionQuery extends Bounds {
  readonly names: ReadonlyArray<string>
  /** The local ones, too. */
  readonly all: boolean
  readonly sort: "name" | "arity"
  readonly filter: {
    /** Part of the name of a function, in any case. */
    readonly name?: string
    readonly arity?: number
  }
}

/** A page of the functions of a module. */
export const moduleFunctions = (
  node: ErlangNode,
  { all, filter, names, ...query }: FunctionQuery
): Effect.Effect<Listed<ModuleFunction> | Absent, CallError> =>
  askAgent(
    node,
    "beamscope_code:functions",
    questionOf({
      ...query,
      order: "ascending",
      filters: { ...filter, names: list(names.map(binary)), all: atom(String(all)) }
    }),
    (answer) => readAbsent(answer) ?? readListed(answer, readModuleFunction)
  )

const readModuleFunction = (row: MapTerm): ModuleFunction | undefined => {
  const [module, name, arity] = [row.atomKey("module"), row.atomKey("name"), readCount(row.atomKey("arity"))]
  if (!(module instanceof Atom) || !(name instanceof Atom) || arity === undefined) return undefined
  return { module: module.text, name: name.text, arity, isExported: nameOf(row.atomKey("exported")) === "true" }
}

/** The modules that are loaded, with the MD5 digests of their code in hexadecimal digits. */
export interface Digests {
  readonly digests: ReadonlyMap<string, string>
  /** The applications of those that belong to one that is loaded. */
  readonly applications: ReadonlyMap<string, string>
  /** Whether there are more than can be told. */
  readonly isCut: boolean
}

export const moduleDigests = (
  node: ErlangNode,
  { application, name }: ModuleFilter
): Effect.Effect<Digests, CallError> =>
  askAgent(
    node,
    "beamscope_code:digests",
    map([
      ...(name === undefined ? [] : [[atom("name"), binary(name)] as const]),
      ...(application === undefined ? [] : [[atom("application"), binary(application)] as const])
    ]),
    (answer) => {
      const told = (listItems(answer.atomKey("digests")) ?? []).flatMap((row) => {
        const [module, digest, application] = isTuple(row) ? row : []
        return module instanceof Atom ? [{ module: module.text, digest, application: nameOf(application) }] : []
      })
      return {
        digests: new Map(told.map(({ digest, module }) => [module, hex(digest)])),
        applications: new Map(
          told.flatMap(({ application, module }) => (application === undefined ? [] : [[module, application] as const]))
        ),
        isCut: atomNames(answer.atomKey("incomplete")).length > 0
      }
    }
  )

/** Which version of a module there is. */
export interface ModuleVersion {
  readonly application: string | undefined
  /** Of the application. */
  readonly applicationVersion: string | undefined
  /** The attribute `vsn`, where someone wrote one. */
  readonly version: Term | undefined
  /** The digest that the compiler leaves as `vsn` where nobody wrote one: of the code alone, whatever else the file holds. */
  readonly codeDigest: bigint | undefined
}

/** The versions of those of these modules that are loaded. */
export const moduleVersions = (
  node: ErlangNode,
  names: ReadonlyArray<string>
): Effect.Effect<ReadonlyMap<string, ModuleVersion>, CallError> =>
  askAgent(node, "beamscope_code:versions", map([namesTerm(names)]), (answer) => {
    const versions = listItems(answer.atomKey("versions")) ?? []
    return new Map(
      versions.flatMap((told) => {
        if (!isTuple(told) || !(told[0] instanceof Atom)) return []
        const [{ text }, application, applicationVersion, vsn] = told as readonly [Atom, Term, Term, Term]
        const version: ModuleVersion = {
          application: nameOf(application),
          applicationVersion: textOf(applicationVersion),
          version: writtenVersion(vsn),
          codeDigest: compiledDigest(vsn)
        }
        return [[text, version] as const]
      })
    )
  })
