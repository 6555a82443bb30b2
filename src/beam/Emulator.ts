import { Effect } from "effect"
import { Atom, atom, charlistText, listItems, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { readCount } from "./ProcessRow.ts"
import { mapOver } from "./Reply.ts"

/** How the emulator was built and started; whatever a release does not tell is `undefined`. */
export interface Emulator {
  /** `jit`, or `emu` for the interpreter, the only one before OTP 24. */
  readonly flavor: string | undefined
  /** As on a command line: `+P 200000 +MBas aobf`. */
  readonly flags: string | undefined
  /** `interactive` loads a module when it is first called, `embedded` all at the start. */
  readonly codeLoading: string | undefined
  readonly schedulerBindType: string | undefined
  /** Other than `enabled` where somebody has stopped all schedulers but one. */
  readonly multiScheduling: string | undefined
  /** Bytes that may wait for a connection before its senders are suspended: `+zdbbl`. */
  readonly distBufferBytes: number | undefined
}

/** Nothing of it is worth a failure: an emulator that does not know an item just does not tell. */
const tell = (node: ErlangNode, items: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Term>, CallError> =>
  mapOver(node, "system_info", items.map(atom)).pipe(
    Effect.catchReason("CallError", "Raised", () => Effect.succeed([]))
  )

/** `erlang:system_info/1`, constant in cost. */
export const emulator = (node: ErlangNode): Effect.Effect<Emulator, CallError> =>
  Effect.map(
    Effect.all(
      [
        tell(node, ["emu_flavor"]),
        tell(node, ["emu_args", "scheduler_bind_type", "multi_scheduling", "dist_buf_busy_limit"])
      ],
      { concurrency: "unbounded" }
    ),
    ([[flavor], [args, bindType, multiScheduling, busyLimit]]) => {
      const given = listItems(args)?.flatMap((arg) => charlistText(arg) ?? [])
      return {
        flavor: nameOf(flavor) ?? (node.capabilities.otpRelease < 24 ? "emu" : undefined),
        flags: given && emulatorFlags(given),
        codeLoading: given && (argumentOf(given, "-mode") ?? "interactive"),
        schedulerBindType: nameOf(bindType),
        multiScheduling: nameOf(multiScheduling),
        distBufferBytes: readCount(busyLimit)
      }
    }
  )

const nameOf = (term: Term | undefined): string | undefined => (term instanceof Atom ? term.text : undefined)

/** A flag of the emulator with the sign that `erl` takes for it. */
export const asWritten = (flag: string): string => flag.replace(/^-(?=[A-Za-z])/u, "+")

/** What stands before the first `--` is the emulator's, with the sign that `erl` writes as `+`; behind it `init`'s. */
const emulatorFlags = (args: ReadonlyArray<string>): string => {
  const end = args.indexOf("--")
  return args
    .slice(1, end === -1 ? 1 : end)
    .map(asWritten)
    .join(" ")
}

const argumentOf = (args: ReadonlyArray<string>, flag: string): string | undefined => {
  const at = args.lastIndexOf(flag)
  return at === -1 ? undefined : args[at + 1]
}
