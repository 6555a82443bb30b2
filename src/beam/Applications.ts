import { Effect } from "effect"
import { Atom, atom, binary, isAtom, isTuple, listItems, map, type MapTerm, Pid, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { askAgent, askList, type Listed, type ListQuery } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"
import { nameOf, textOf } from "./Reading.ts"

export const applicationStates = ["loaded", "starting", "running"] as const
export type ApplicationState = (typeof applicationStates)[number]

/** By what applications can be ranked: names ascend, figures descend. */
export type ApplicationKey = "name" | "processes" | "memory"

/** An application that is loaded. Source: `application_controller`, and the group leaders of processes. */
export interface Application {
  readonly name: string
  /** `loaded` also where it is a library that runs, but the controller does not answer. */
  readonly state: ApplicationState
  readonly version: string
  readonly description: string
  /** `permanent`, `transient` or `temporary`; `undefined` where it was not started, or the controller does not answer. */
  readonly startType: string | undefined
  /** Whose group leader is its application master. */
  readonly processes: number
  /** Bytes, of all processes but the unmeasured. */
  readonly memory: number
  /** Processes that were not asked for their memory, since their message queue is long. */
  readonly unmeasured: number
}

type Bounds = Pick<ListQuery, "after" | "deadlineMillis" | "limit">

export interface ApplicationQuery extends Bounds {
  readonly sort: ApplicationKey
  /** Part of the name, in any case. */
  readonly name: string | undefined
  readonly state: ApplicationState | undefined
}

/** A page of the applications that are loaded. */
export const applications = (
  node: ErlangNode,
  { name, sort, state, ...bounds }: ApplicationQuery
): Effect.Effect<Listed<Application>, CallError> =>
  askList(
    node,
    "beamscope_applications:list",
    {
      ...bounds,
      sort,
      order: sort === "name" ? "ascending" : "descending",
      filters: { name, state: state && atom(state) }
    },
    readApplication
  )

const isState = (text: string | undefined): text is ApplicationState =>
  applicationStates.some((state) => state === text)

const readApplication = (row: MapTerm): Application | undefined => {
  const [name, state] = [row.atomKey("name"), nameOf(row.atomKey("state"))]
  const [processes, memory] = [readCount(row.atomKey("processes")), readCount(row.atomKey("memory"))]
  if (!(name instanceof Atom) || !isState(state) || processes === undefined || memory === undefined) return undefined
  return {
    name: name.text,
    state,
    version: textOf(row.atomKey("version")) ?? "",
    description: textOf(row.atomKey("description")) ?? "",
    startType: nameOf(row.atomKey("start_type")),
    processes,
    memory,
    unmeasured: readCount(row.atomKey("unmeasured")) ?? 0
  }
}

/** A number of names, and the first of them. */
export interface Names {
  readonly count: number
  readonly first: ReadonlyArray<string>
}

export interface ApplicationInfo extends Application {
  /** Those that have to run before it. */
  readonly applications: ReadonlyArray<string>
  /** Those among them that may be absent. */
  readonly optional: ReadonlyArray<string>
  readonly included: ReadonlyArray<string>
  /** Loaded applications that name it among those that have to run before them. */
  readonly neededBy: ReadonlyArray<string>
  readonly modules: Names
  readonly registered: Names
  /** The callback module; a library has none. */
  readonly startModule: string | undefined
  /** What the start of the callback module returned: as a rule the topmost supervisor. */
  readonly supervisor: Pid | undefined
  /** Who should have told the supervisor and did not: its application master, or who has started it for that. */
  readonly stuck: Pid | undefined
  readonly directory: string | undefined
  /** Keys of the environment. */
  readonly environmentKeys: number
  /** Why something may be missing, in the agent's own words. */
  readonly incomplete: ReadonlyArray<string>
}

/** One application; where none of that name is loaded, the names of those that are. */
export const applicationInfo = (
  node: ErlangNode,
  name: string,
  { deadlineMillis, limit }: { readonly limit: number; readonly deadlineMillis: number }
): Effect.Effect<ApplicationInfo | { readonly names: ReadonlyArray<string> }, CallError> =>
  askAgent(
    node,
    "beamscope_applications:information",
    map([
      [atom("name"), binary(name)],
      [atom("limit"), limit],
      [atom("deadline_ms"), Math.floor(deadlineMillis)]
    ]),
    (answer) => {
      const names = answer.atomKey("names")
      return names === undefined ? readInfo(answer) : { names: atomNames(names) }
    }
  )

/** The state of one application, at no cost to speak of; where none of that name is loaded, the names of those that are. */
export const applicationState = (
  node: ErlangNode,
  name: string,
  { deadlineMillis }: Pick<ListQuery, "deadlineMillis">
): Effect.Effect<
  Pick<ApplicationInfo, "name" | "state" | "incomplete"> | { readonly names: ReadonlyArray<string> },
  CallError
> =>
  askAgent(
    node,
    "beamscope_applications:state",
    map([
      [atom("name"), binary(name)],
      [atom("deadline_ms"), Math.floor(deadlineMillis)]
    ]),
    (answer) => {
      const names = answer.atomKey("names")
      if (names !== undefined) return { names: atomNames(names) }
      const [called, state] = [nameOf(answer.atomKey("name")), nameOf(answer.atomKey("state"))]
      if (called === undefined || !isState(state)) return undefined
      return { name: called, state, incomplete: atomNames(answer.atomKey("incomplete")) }
    }
  )

/** The names of the atoms in a list. */
export const atomNames = (term: Term | undefined): ReadonlyArray<string> =>
  (listItems(term) ?? []).flatMap((item) => (item instanceof Atom ? [item.text] : []))

const readInfo = (answer: MapTerm): ApplicationInfo | undefined => {
  const application = readApplication(answer)
  if (application === undefined) return undefined
  const names = (key: "modules" | "registered", count: string): Names => ({
    count: readCount(answer.atomKey(count)) ?? 0,
    first: atomNames(answer.atomKey(key))
  })
  const [supervisor, stuck] = [answer.atomKey("supervisor"), answer.atomKey("stuck")]
  return {
    ...application,
    applications: atomNames(answer.atomKey("applications")),
    optional: atomNames(answer.atomKey("optional")),
    included: atomNames(answer.atomKey("included")),
    neededBy: atomNames(answer.atomKey("needed_by")),
    modules: names("modules", "module_count"),
    registered: names("registered", "registered_count"),
    startModule: nameOf(answer.atomKey("start_module")),
    supervisor: isTuple(supervisor) && supervisor[0] instanceof Pid ? supervisor[0] : undefined,
    stuck: stuck instanceof Pid ? stuck : undefined,
    directory: textOf(answer.atomKey("directory")),
    environmentKeys: readCount(answer.atomKey("environment")) ?? 0,
    incomplete: atomNames(answer.atomKey("incomplete"))
  }
}

/** A key of an application's environment, with its value. */
export interface Setting {
  readonly key: Term
  /** `undefined` where it is too large for the node to copy. */
  readonly value: Term | undefined
  /** Of the value in external format; `undefined` where that cannot be told without a copy. */
  readonly bytes: number | undefined
  /** Whether the node has cut the value, since it is large. */
  readonly isCut: boolean
}

/** By what settings can be ranked: names of keys ascend, bytes of values descend. */
export type SettingKey = "name" | "bytes"

/** A page of the environment of an application that is loaded. */
export const applicationEnvironment = (
  node: ErlangNode,
  name: string,
  {
    pattern,
    sort,
    ...bounds
  }: Bounds & {
    readonly sort: SettingKey
    /** Finds something in the key as Erlang prints it. */
    readonly pattern: string | undefined
  }
): Effect.Effect<Listed<Setting>, CallError> =>
  askList(
    node,
    "beamscope_applications:environment",
    { ...bounds, sort, order: sort === "name" ? "ascending" : "descending", filters: { name, pattern } },
    (row) => {
      const [key, value, bytes] = [row.atomKey("key"), row.atomKey("value"), readCount(row.atomKey("bytes"))]
      if (key === undefined || (value === undefined) !== (bytes === undefined)) return undefined
      return { key, value, bytes, isCut: isAtom(row.atomKey("is_cut"), "true") }
    }
  )

/** Names of the applications that run and have processes, from the table of their controller, which is not asked. */
export const runningApplications = (node: ErlangNode): Effect.Effect<ReadonlyArray<string>, CallError> =>
  Effect.map(
    node.call("ets", "match", [atom("ac_tab"), [[atom("application_master"), atom("$1")], atom("_")]]),
    (names) => (listItems(names) ?? []).flatMap((it) => nameOf(listItems(it)?.[0]) ?? [])
  )

/** A page of the modules of an application that is loaded, or of its registered names, as its resource file names them. */
export const applicationNames = (
  node: ErlangNode,
  name: string,
  {
    list,
    part,
    ...bounds
  }: Bounds & {
    readonly list: "modules" | "registered"
    /** Of the name, in any case. */
    readonly part: string | undefined
  }
): Effect.Effect<Listed<string>, CallError> =>
  askList(
    node,
    "beamscope_applications:names",
    { ...bounds, sort: "name", order: "ascending", filters: { name, part, list: atom(list) } },
    (row) => nameOf(row.atomKey("name"))
  )
