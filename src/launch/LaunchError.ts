import { Data } from "effect"
import { shortages } from "../dist/Shortage.ts"

/** Why Erlang/OTP, a node of ours, or a tunnel could not be had on this machine. */
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
  /** The operating system gave no port of this machine for the tunnel. */
  | { readonly _tag: "NoPort"; readonly code: string }
  /** The operating system did not start the tunnel's command. */
  | { readonly _tag: "TunnelMissing"; readonly program: string; readonly code: string }
  /**
   * The tunnel's command ended: before its port took connections, or (`wasOpen`) after that. `said` is the end of
   * what it wrote to its outputs, in one line and without secrets.
   */
  | {
      readonly _tag: "TunnelEnded"
      readonly program: string
      readonly status: string
      readonly wasOpen: boolean
      readonly said: string
    }
  | {
      readonly _tag: "TunnelSilent"
      readonly program: string
      readonly port: number
      readonly millis: number
      readonly said: string
    }
  /** The port that was meant for the tunnel is another program's; `user`: the id of whose, where that has shown it. */
  | { readonly _tag: "TunnelTaken"; readonly port: number; readonly user?: number }

const indented = (text: string): string =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n")

const withLog = (sentence: string, log: string): string =>
  log.trim() === "" ? `${sentence} It logged nothing.` : `${sentence} Its log ends with:\n${indented(log)}`

const withWords = (sentence: string, said: string): string =>
  said === "" ? `${sentence} It said nothing.` : `${sentence} It said: ${said}`

const byHand = "Run it by hand, with a free port for {port}, to see what it lacks."

const shortage = "Close what is open here, or raise the limits (ulimit -n, ulimit -u)."

/**
 * Whether this is how the operating system says that it has not enough of something: of processes (`EAGAIN`), of ports for
 * connections within this machine (`EADDRNOTAVAIL`), or of what any connection needs.
 */
export const isShortOf = (code: string): boolean => shortages.has(code) || code === "EAGAIN" || code === "EADDRNOTAVAIL"

/** Whether the operating system had not enough of something: nothing is wrong with what was to be started. */
export const isShortage = (reason: LaunchReason): boolean =>
  reason._tag === "NoPort" || (reason._tag === "TunnelMissing" && isShortOf(reason.code))

/** How a command ends that has done what it was for, or has put itself in the background. */
const inPeace = "exit status 0"
const inBackground =
  ", as one does that puts itself in the background. It must stay in the foreground for as long as the tunnel is needed, by hand, too (ssh: without -f, with -S none, since ControlPersist does the same)."

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
    case "NoPort":
      return `this machine gives no port for the tunnel, or no connection to it (${reason.code}). ${shortage}`
    case "TunnelMissing":
      if (isShortage(reason))
        return `the tunnel's command ${reason.program} could not be started (${reason.code}). ${shortage}`
      return reason.code === "ENOENT"
        ? `the tunnel's command ${reason.program} is neither on the PATH nor a file. Install it, or write its path into the entry's tunnel.`
        : `the tunnel's command ${reason.program} could not be started (${reason.code}). Check that it is a program that this user may run.`
    case "TunnelEnded":
      return withWords(
        reason.wasOpen
          ? `the tunnel's command ${reason.program} ended (${reason.status}), and with it the link through it${reason.status === inPeace ? inBackground : "."}`
          : `the tunnel's command ${reason.program} ended (${reason.status}) before it took connections${reason.status === inPeace ? inBackground : `. ${byHand} Nobody can answer it here: it has no terminal and no input.`}`,
        reason.said
      )
    case "TunnelTaken":
      return `port ${reason.port} of this machine, free a moment ago and meant for the tunnel, is another program's${reason.user === undefined ? "" : ` (of the user ${reason.user})`}. Nothing was said to it. Try again: each attempt takes another port.`
    case "TunnelSilent":
      return withWords(
        `the tunnel's command ${reason.program} took no connections on port ${reason.port} within ${reason.millis} ms. Check that {port} is where it is to listen. ${byHand}`,
        reason.said
      )
  }
}

/** Something that we start on this machine did not start. Catch the class, look at `reason`. */
export class LaunchError extends Data.TaggedError("LaunchError")<{ readonly reason: LaunchReason }> {
  override get message(): string {
    return text(this.reason)
  }
}
