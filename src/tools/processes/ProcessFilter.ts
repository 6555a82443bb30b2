import { Effect, Schema } from "effect"
import { type ProcessFilter, processStatuses, type Scanned } from "../../beam/ProcessQuery.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { parseMfa } from "../../syntax/Mfa.ts"
import { FunctionText } from "../ArgumentText.ts"
import { atomName, namePart } from "../AtomName.ts"
import { FilterText } from "../Listing.ts"
import { amount } from "../Quantity.ts"
import type { Session } from "../Session.ts"
import { partPattern } from "../TermPart.ts"
import type { Terms } from "../Terms.ts"
import { ToolError } from "../ToolError.ts"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const text = Schema.optionalKey(FilterText)

/** Which processes a tool looks at. */
export const Filter = Schema.Struct({
  name: text,
  module: text,
  behaviour: text,
  initial_call: Schema.optionalKey(FunctionText.annotate({ description: "mod:fun/arity" })),
  label: text,
  application: text,
  status: Schema.optionalKey(Schema.Literals(processStatuses)),
  min_memory_bytes: Schema.optionalKey(Count),
  min_message_queue_length: Schema.optionalKey(Count),
  min_reductions: Schema.optionalKey(Count)
})

/** Behaviours that Elixir has a module of its own for. */
const sameBehaviours = [
  ["gen_server", "Elixir.GenServer"],
  ["supervisor", "Elixir.Supervisor"],
  ["application", "Elixir.Application"]
] as const

/** Under which other names of their own Elixir starts what has this one. */
const startedAs: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["Elixir.DynamicSupervisor", ["Elixir.Supervisor.Default"]],
  ["Elixir.Registry", ["Elixir.Registry.Supervisor", "Elixir.Registry.Partition"]]
])

const behavioursOf = (name: string): ReadonlyArray<string> => [
  ...(sameBehaviours.find((names) => names.some((it) => it === name)) ?? [name]),
  ...(startedAs.get(name) ?? [])
]

export const toFilter = Effect.fnUntraced(function* (
  { application, behaviour, initial_call, label, module, name, status, ...least }: typeof Filter.Type,
  node: ErlangNode,
  terms: Terms
): Effect.fn.Return<ProcessFilter, ToolError, Session> {
  const initialCall = initial_call === undefined ? undefined : parseMfa(initial_call)
  if (initial_call !== undefined && initialCall === undefined) {
    const example = terms.mfa({ module: "my_server", name: "init", arity: 1 })
    return yield* new ToolError({
      code: "invalid_input",
      message: `\`initial_call\`: '${excerpt(initial_call)}' is no function. Write module, function and arity, like ${example}; for all functions of a module, use \`module\`.`,
      retryable: false
    })
  }
  return {
    ...(name !== undefined && { name: namePart(name) }),
    ...(module !== undefined && { module: atomName(module) }),
    ...(behaviour !== undefined && { behaviours: behavioursOf(atomName(behaviour)) }),
    ...(initialCall !== undefined && { initialCall }),
    ...(label !== undefined && { label: { text: label, pattern: yield* partPattern(node, label) } }),
    ...(application !== undefined && { application: atomName(application) }),
    ...(status !== undefined && { status }),
    ...(least.min_memory_bytes !== undefined && { minMemory: least.min_memory_bytes }),
    ...(least.min_message_queue_length !== undefined && { minMessageQueueLength: least.min_message_queue_length }),
    ...(least.min_reductions !== undefined && { minReductions: least.min_reductions })
  }
})

/** What is said where no process passes a filter; `known` is part of a name that was looked for anywhere. */
export const none = (
  filter: ProcessFilter,
  { gone, seen, undecided, unmeasured }: Scanned,
  terms: Terms,
  known?: string
): string => {
  const { application, behaviours, initialCall, label, module, name } = filter
  const wanted = [
    ...(name === undefined ? [] : [`a registered name with '${excerpt(name)}' in it`]),
    ...(known === undefined ? [] : [`a name with '${excerpt(known)}' in it`]),
    ...(module === undefined ? [] : [`the module ${terms.atom(module)}`]),
    ...(behaviours === undefined ? [] : [`the behaviour ${terms.atom(behaviours[0]!)}`]),
    ...(initialCall === undefined ? [] : [`the initial call ${terms.mfa(initialCall)}`]),
    ...(label === undefined ? [] : [`a label with '${excerpt(label.text)}' in it`]),
    ...(application === undefined ? [] : [`the application ${terms.atom(application)}`])
  ]
  const others = Object.keys(filter).length > wanted.length
  // An order leaves none out.
  const unread = (module ?? behaviours ?? initialCall) === undefined ? 0 : (undecided?.count ?? 0)
  const measured = amount(seen - unmeasured.count - unread, "process", "processes")
  const which = [
    ...(unmeasured.count > 0 ? ["that could be measured"] : []),
    ...(unread > 0 ? ["whose callback could be read"] : [])
  ].join(" and ")
  const looked = (name ?? known) !== undefined ? "No process" : `None of ${measured}${which === "" ? "" : ` ${which}`}`
  if (seen === 0 && (name ?? known) === undefined) return "No process was looked at."
  const ended = gone === 0 ? "" : `; ${amount(gone, "process", "processes")} ended meanwhile`
  if (wanted.length === 0) return `${looked} passes the filter${ended}.`
  return `${looked} has ${wanted.join(" and ")}${others ? " and passes the rest of the filter" : ""}${ended}.`
}

/** What is not seen where a process is known by `$initial_call`. */
export const laterCallback =
  "A process is known by the callback module that it began with: one that it has taken on since, as by gen_server2's become, enter_loop or change_callback_module, is not seen."

/** What is not certain of those that Elixir starts in a way that leaves no name of their behaviour. */
const guesses: ReadonlyMap<string, string> = new Map([
  [
    "Elixir.Agent",
    "An Agent is known by the fun that it began with, while it waits: one that is at work or hibernates, or was started with arguments, is not seen, and another gen_server that began with a fun may be taken for one."
  ],
  [
    "Elixir.Task",
    "A Task is known by its $callers: who is none, and keeps such in its dictionary, may be taken for one."
  ],
  [
    "Elixir.DynamicSupervisor",
    "Those that run Supervisor.Default, without a module of their own, may be plain Supervisors: get_gen_server_state tells."
  ]
])

/** What keeps a search for a behaviour from telling all that have it, and no others: what it tells is not complete. */
export const guessedBehaviours = ({ behaviours = [] }: ProcessFilter): ReadonlyArray<string> =>
  behaviours.flatMap((name) => guesses.get(name) ?? [])

/** What is meant by a module or a behaviour that is searched for; nothing is missing by that. */
export const laterCallbacks = ({ behaviours, module }: ProcessFilter): ReadonlyArray<string> =>
  module === undefined && behaviours === undefined ? [] : [laterCallback]

/** That none was found would say that there is none. */
export const noLabels = ({ capabilities, name }: ErlangNode) =>
  new ToolError({
    code: "unsupported",
    message: `${name} runs OTP ${capabilities.otpRelease}, where labels of processes cannot be searched or sorted by: that takes 26.2 or later. Take name, module or application.`,
    retryable: false,
    next: "find_process"
  })
