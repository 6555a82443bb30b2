import { Data } from "effect"

/** Why Erlang/OTP, or a node of ours, could not be had on this machine. */
export type LaunchReason =
  /** No usable Erlang/OTP, and we did not or could not install it. `commands` would, if we know any for this system. */
  | { readonly _tag: "ErlangMissing"; readonly problem: string; readonly commands: ReadonlyArray<string> }
  /** A file of this package is not where the package keeps it. */
  | { readonly _tag: "PackageIncomplete"; readonly path: string; readonly searchedFrom: string }
  /** A folder or file for the node could not be made. */
  | { readonly _tag: "NoRoom"; readonly detail: string }
  | { readonly _tag: "CompileFailed"; readonly output: string }
  /** The node ended before it said that it was ready. */
  | { readonly _tag: "NodeEnded"; readonly status: string; readonly log: string }
  | { readonly _tag: "NodeSilent"; readonly millis: number; readonly log: string }

const indented = (text: string): string =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n")

const withLog = (sentence: string, log: string): string =>
  log.trim() === "" ? `${sentence} It logged nothing.` : `${sentence} Its log ends with:\n${indented(log)}`

const text = (reason: LaunchReason): string => {
  switch (reason._tag) {
    case "ErlangMissing": {
      const sentence = `Erlang/OTP is needed, but ${reason.problem}.`
      return reason.commands.length === 0
        ? `${sentence} Install Erlang/OTP 25 or newer, then try again.`
        : `${sentence} These commands install it:\n${indented(reason.commands.join("\n"))}`
    }
    case "PackageIncomplete":
      return `the package lacks ${reason.path} (searched from ${reason.searchedFrom} upwards). Install it again.`
    case "NoRoom":
      return `the node's temporary folder could not be made: ${reason.detail}.`
    case "CompileFailed":
      return `the node's modules do not compile with the erlc on the PATH:\n${indented(reason.output)}`
    case "NodeEnded":
      return withLog(`the node ended (${reason.status}) before it was ready.`, reason.log)
    case "NodeSilent":
      return withLog(`the node was not ready within ${reason.millis} ms.`, reason.log)
  }
}

/** Something that we start on this machine did not start. Catch the class, look at `reason`. */
export class LaunchError extends Data.TaggedError("LaunchError")<{ readonly reason: LaunchReason }> {
  override get message(): string {
    return text(this.reason)
  }
}
