import { Effect } from "effect"
import { atom, charlistText, ExternalFun, isAtom, isTuple, list, listItems, Pid, type Term } from "../etf/Term.ts"
import { CallError } from "./CallError.ts"
import type { Call } from "./Call.ts"

/** What a node can do, probed once a connection instead of guessed from its version. */
export interface Capabilities {
  /** `erlang:system_info(otp_release)`, e.g. 25. */
  readonly otpRelease: number
  /** `erlang:system_info(version)`, the emulator's own version, e.g. `13.1.5`. */
  readonly ertsVersion: string
  /** Bytes in a word: 8, or 4 on a 32-bit emulator. */
  readonly wordBytes: number
  /** `process_info/2` items that this release knows beyond those that every release has: `label`, `parent`, … */
  readonly processInfoItems: ReadonlySet<string>
  /** `process_info(Pid, {dictionary, Key})`: one entry without copying the rest (OTP 26.2+). */
  readonly dictionaryKey: boolean
  /** Elixir's version when it runs on the node. */
  readonly elixirVersion?: string
}

/** `process_info/2` items that came after OTP 23, each asked for once: one unknown item in a list fails the whole call. */
const newerItems = ["label", "parent", "async_dist", "priority_messages"] as const

/** Asks a node what it can do: a handful of calls at once, each of them constant in cost. */
export const probe = (call: Call, node: string): Effect.Effect<Capabilities, CallError> => {
  const unreadable = (target: string) =>
    new CallError({ node, target, reason: { _tag: "UndecodableReply", detail: "it is not what OTP answers" } })
  return Effect.gen(function* () {
    const systemInfo = call("lists", "map", [
      new ExternalFun(atom("erlang"), atom("system_info"), 1),
      list([atom("otp_release"), atom("version"), [atom("wordsize"), atom("external")]])
    ])
    const [system, init, elixir] = yield* Effect.all(
      [
        systemInfo,
        call("erlang", "whereis", [atom("init")]),
        call("application", "get_key", [atom("elixir"), atom("vsn")])
      ],
      { concurrency: "unbounded" }
    )
    const [release, version, wordBytes] = listItems(system) ?? []
    const otpRelease = Number(charlistText(release))
    const ertsVersion = charlistText(version)
    if (!Number.isInteger(otpRelease) || ertsVersion === undefined || typeof wordBytes !== "number")
      return yield* unreadable("erlang:system_info/1")
    if (!(init instanceof Pid)) return yield* unreadable("erlang:whereis/1")
    const [dictionaryKey, ...known] = yield* Effect.forEach(
      [[atom("dictionary"), atom("$initial_call")], ...newerItems.map(atom)],
      (item) => hasProcessInfoItem(call, init, item),
      { concurrency: "unbounded" }
    )
    const elixirVersion = isTuple(elixir, "ok") ? charlistText(elixir[1]) : undefined
    return {
      otpRelease,
      ertsVersion,
      wordBytes,
      processInfoItems: new Set<string>(newerItems.filter((_, index) => known[index] === true)),
      dictionaryKey: dictionaryKey === true,
      ...(elixirVersion === undefined ? {} : { elixirVersion })
    }
  })
}

const hasProcessInfoItem = (call: Call, pid: Pid, item: Term): Effect.Effect<boolean, CallError> =>
  call("erlang", "process_info", [pid, item]).pipe(
    Effect.as(true),
    Effect.catchReason("CallError", "Raised", (raised, error) =>
      isAtom(raised.reason, "badarg") ? Effect.succeed(false) : Effect.fail(error)
    )
  )
