import { Effect } from "effect"
import {
  atom,
  Atom,
  Binary,
  charlistText,
  ExternalFun,
  isAtom,
  isList,
  isTuple,
  list,
  listItems,
  Pid,
  type Term
} from "../etf/Term.ts"
import { CallError } from "./CallError.ts"
import type { Calls } from "./Calls.ts"

/** What a node can do, probed once a connection instead of guessed from its version. */
export interface Capabilities {
  /** `erlang:system_info(otp_release)`, e.g. 25. */
  readonly otpRelease: number
  /** `erlang:system_info(version)`, the emulator's own version, e.g. `13.1.5`. */
  readonly ertsVersion: string
  /** Bytes in a word: 8, or 4 on a 32-bit emulator. */
  readonly wordBytes: number
  /** Whether workers can be started by SPAWN_REQUEST and `erpc`; else calls go through `rex` and cannot be cancelled. */
  readonly spawnRequest: boolean
  /** `process_info/2` items that this release knows beyond those that every release has: `label`, `parent`, … */
  readonly processInfoItems: ReadonlySet<string>
  /** `process_info(Pid, {dictionary, Key})`: one entry without copying the rest (OTP 26.2+). */
  readonly dictionaryKey: boolean
  /** The `trace` module with isolated sessions (OTP 27+). */
  readonly traceSessions: boolean
  /** `erlang:processes_iterator/0` (OTP 28+). */
  readonly processesIterator: boolean
  /** How modules come in: an embedded system (a release) loads none by itself. */
  readonly codeMode: "interactive" | "embedded"
  /** Elixir's version when it runs on the node. */
  readonly elixirVersion?: string
}

/** `process_info/2` items that came after OTP 23, each asked for once: one unknown item in a list fails the whole call. */
const newerItems = ["label", "parent", "async_dist", "priority_messages"] as const

/** Asks a node what it can do: a handful of calls at once, each of them constant in cost. */
export const probe = (calls: Calls, node: string, spawnRequest: boolean): Effect.Effect<Capabilities, CallError> => {
  const unreadable = (target: string) =>
    new CallError({ node, target, reason: { _tag: "UndecodableReply", detail: "it is not what OTP answers" } })
  const isExported = (module: string, func: string, arity: number) =>
    Effect.map(calls.call("erlang", "function_exported", [atom(module), atom(func), arity]), isTrue)
  return Effect.gen(function* () {
    const systemInfo = calls.call("lists", "map", [
      new ExternalFun(atom("erlang"), atom("system_info"), 1),
      list([atom("otp_release"), atom("version"), [atom("wordsize"), atom("external")]])
    ])
    const [system, init, sessions, traceFile, iterator, mode, elixir] = yield* Effect.all(
      [
        systemInfo,
        calls.call("erlang", "whereis", [atom("init")]),
        isExported("trace", "session_create", 3),
        calls.call("code", "which", [atom("trace")]),
        isExported("erlang", "processes_iterator", 0),
        calls.call("code", "get_mode", []),
        calls.call("application", "get_key", [atom("elixir"), atom("vsn")])
      ],
      { concurrency: "unbounded" }
    )
    const [release, version, wordBytes] = listItems(system) ?? []
    const otpRelease = Number(charlistText(release))
    const ertsVersion = charlistText(version)
    if (!Number.isInteger(otpRelease) || ertsVersion === undefined || typeof wordBytes !== "number")
      return yield* Effect.fail(unreadable("erlang:system_info/1"))
    if (!(init instanceof Pid)) return yield* Effect.fail(unreadable("erlang:whereis/1"))
    const known = yield* Effect.filter(newerItems, (item) => hasProcessInfoItem(calls, init, atom(item)), {
      concurrency: "unbounded"
    })
    const dictionaryKey = yield* hasProcessInfoItem(calls, init, [atom("dictionary"), atom("$initial_call")])
    const elixirVersion = isTuple(elixir, "ok") ? charlistText(elixir[1]) : undefined
    return {
      otpRelease,
      ertsVersion,
      wordBytes,
      spawnRequest,
      processInfoItems: new Set<string>(known),
      dictionaryKey,
      traceSessions: sessions || (otpRelease >= 27 && isFileName(traceFile)),
      processesIterator: iterator,
      codeMode: isAtom(mode, "embedded") ? "embedded" : "interactive",
      ...(elixirVersion === undefined ? {} : { elixirVersion })
    }
  })
}

const hasProcessInfoItem = (calls: Calls, pid: Pid, item: Term): Effect.Effect<boolean, CallError> =>
  calls.call("erlang", "process_info", [pid, item]).pipe(
    Effect.as(true),
    Effect.catchReason("CallError", "Raised", (raised, error) =>
      isAtom(raised.reason, "badarg") ? Effect.succeed(false) : Effect.fail(error)
    )
  )

const isTrue = (term: Term): boolean => isAtom(term, "true")

/** `code:which/1` gives a file name, or an atom that says why there is none. */
const isFileName = (term: Term): boolean => !(term instanceof Atom) && (isList(term) || term instanceof Binary)
