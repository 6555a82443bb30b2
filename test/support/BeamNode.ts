import { Effect } from "effect"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import type { Duplex } from "node:stream"
import { setTimeout } from "node:timers/promises"
import { environment } from "../../src/launch/Enclave.ts"

/** An Erlang/OTP release that nodes can be started from. */
export interface OtpRelease {
  /** `"25"` */
  readonly otp: string
  /** Its `erl`. */
  readonly erl: string
}

/**
 * The releases to test against, for `describe.each`: the one whose `erl` is on the PATH comes first, then those named
 * by `BEAMSCOPE_TEST_ERLS`, a list like PATH of executables that behave like `erl`, e.g.
 *
 * ```sh
 * BEAMSCOPE_TEST_ERLS=/opt/otp-27/bin/erl:$HOME/bin/erl-in-a-chroot npm test
 * ```
 *
 * A script will do, as long as it replaces itself by `erl` (`exec`), hands its file descriptors 0 to 3 on, and shares
 * our network and process ids: `exec chroot "$root" erl "$@"` does.
 */
export const otpReleases = (): ReadonlyArray<OtpRelease> => JSON.parse(fromSetup("BEAMSCOPE_TEST_OTP_RELEASES"))

export interface BeamNodeOptions {
  /** Default: the first of {@link otpReleases}. */
  readonly otp?: string
  /** What the node's name begins with, or, with an `@`, the whole name. Names are unique unless given whole. */
  readonly name?: string
  /** `-sname` on localhost in place of `-name` on 127.0.0.1. */
  readonly shortNames?: boolean
  /** Listens on [::1], which is also its host; `args` name the protocol (`-proto_dist inet6_tcp`). */
  readonly ipv6?: boolean
  readonly hidden?: boolean
  readonly cookie?: string
  /** Further arguments of `erl`. */
  readonly args?: ReadonlyArray<string>
  /** Erlang expressions that the node runs before it counts as started, as by {@link BeamNode.evaluate}. */
  readonly eval?: string
  /** Further variables of its environment, as those of a release. */
  readonly variables?: Readonly<Record<string, string>>
  /** Where the node registers. Default: the EPMD of this test run. */
  readonly epmdPort?: number
}

/** A node to test against, and a judge on it that does not depend on what is tested. */
export interface BeamNode {
  readonly name: string
  readonly cookie: string
  /** Of the operating system; the node's own process. */
  readonly pid: number
  readonly otp: string
  /**
   * Evaluates Erlang expressions on the node, without distribution and without the node's I/O system, and answers the
   * value of the last one as `~0tp` prints it; rejects if they raise. They run one after the other in one process that
   * lives as long as the node: what they own (ETS tables, monitors) stays.
   */
  readonly evaluate: (expressions: string) => Promise<string>
  /** What the node has written to standard output and standard error so far: its log. Whole after {@link stop}. */
  readonly log: () => string
  /** Stops the node's clockwork by a signal; resolves when none of its threads runs any more. */
  readonly freeze: () => Promise<void>
  /** Lets a frozen node go on. */
  readonly thaw: () => void
  /** Ends the node. Harmless when it has ended before. */
  readonly stop: () => Promise<void>
}

// Frames are length, id, and text one way; length, id, 0 or 1 for a value or an exception, and text the other way.
// End of file means that whoever started the node is gone.
const judge = `
spawn(fun() ->
  Port = open_port({fd, 3, 3}, [{packet, 4}, binary, eof]),
  Value = fun(Text) ->
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text)),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Result, _} = erl_eval:exprs(Expressions, []),
    Result
  end,
  {Evaluator, _} = spawn_monitor(fun() ->
    process_flag(trap_exit, true),
    (fun Evaluate() ->
      receive {evaluate, Id, Text} ->
        {Status, Term} = try {0, Value(Text)} catch Class:Reason:Stack -> {1, {Class, Reason, Stack}} end,
        port_command(Port, [<<Id:32, Status>>, unicode:characters_to_binary(io_lib:format("~0tp", [Term]))]),
        Evaluate()
      end
    end)()
  end),
  (fun Read() ->
    receive
      {Port, {data, <<Id:32, Text/binary>>}} -> Evaluator ! {evaluate, Id, Text}, Read();
      {Port, eof} -> halt(0, [{flush, false}]);
      {'DOWN', _, process, Evaluator, _} -> halt(70)
    end
  end)()
end).`

/** A node that does not see its end of file, because it was stopped or swamped, is killed after this. */
const graceMillis = 2_000

let started = 0

const fromSetup = (variable: string): string => {
  const value = process.env[variable]
  if (value === undefined) throw new Error(`${variable} is not set: test/support/globalSetup.ts has not run`)
  return value
}

const release = (otp: string | undefined): OtpRelease => {
  const releases = otpReleases()
  const found = otp === undefined ? releases[0] : releases.find((release) => release.otp === otp)
  if (found === undefined) throw new Error(`no OTP ${otp} here: ${JSON.stringify(releases)}`)
  return found
}

/** Starts a node; resolved when it has booted and has run `options.eval`. */
export const startNode = async (options: BeamNodeOptions = {}): Promise<BeamNode> => {
  const { erl, otp } = release(options.otp)
  const { name: base = "node", shortNames = false, ipv6 = false, cookie = randomBytes(12).toString("hex") } = options
  started += 1
  const host = shortNames ? "localhost" : ipv6 ? "::1" : "127.0.0.1"
  const unique = `${base}_${process.pid}_${started}@${host}`
  const name = base.includes("@") ? base : unique
  const child = spawn(
    erl,
    [
      ["-noinput", "-boot", "no_dot_erlang", "-start_epmd", "false"],
      [shortNames ? "-sname" : "-name", name, "-setcookie", cookie],
      ["-kernel", "inet_dist_use_interface", ipv6 ? "{0,0,0,0,0,0,0,1}" : "{127,0,0,1}"],
      options.hidden === true ? ["-hidden"] : [],
      options.args ?? [],
      ["-eval", judge]
    ].flat(),
    {
      // With a cookie on the command line no node looks for a home.
      env: {
        ...environment("/nonexistent", options.epmdPort ?? Number(fromSetup("ERL_EPMD_PORT"))),
        ...options.variables
      },
      // An interrupt at the terminal goes to vitest alone, which then stops the nodes.
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "pipe"]
    }
  )

  let log = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => void (log += text))
  }

  const waiting = new Map<number, { resolve: (value: string) => void; reject: (error: Error) => void }>()
  let status: string | undefined
  const closed = new Promise<void>((resolve) => {
    const end = (how: string) => {
      status ??= how
      for (const { reject } of waiting.values()) reject(new Error(`${name} ended (${status}). Its log: ${log}`))
      waiting.clear()
      resolve()
    }
    child.once("error", (error) => end(error.message))
    child.once("close", (code, signal) => end(signal ?? `exit status ${code}`))
  })

  const channel = child.stdio[3] as Duplex
  let unread = Buffer.alloc(0)
  channel.on("error", () => {})
  channel.on("data", (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk])
    while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
      const frame = unread.subarray(4, 4 + unread.readUInt32BE(0))
      unread = unread.subarray(4 + frame.length)
      const id = frame.readUInt32BE(0)
      const text = frame.toString("utf8", 5)
      const caller = waiting.get(id)
      waiting.delete(id)
      if (frame[4] === 0) caller?.resolve(text)
      else caller?.reject(new Error(`on ${name}: ${text}`))
    }
  })

  let lastId = 0
  const evaluate = (expressions: string): Promise<string> => {
    if (status !== undefined) return Promise.reject(new Error(`${name} has ended (${status}). Its log: ${log}`))
    lastId += 1
    const id = lastId
    const text = Buffer.from(/\.\s*$/.test(expressions) ? expressions : `${expressions}.`)
    const head = Buffer.alloc(8)
    head.writeUInt32BE(4 + text.length, 0)
    head.writeUInt32BE(id, 4)
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      channel.write(Buffer.concat([head, text]))
    })
  }

  const stop = async (): Promise<void> => {
    channel.destroy()
    const timer = globalThis.setTimeout(() => child.kill("SIGKILL"), graceMillis)
    await closed
    clearTimeout(timer)
  }

  try {
    const pid = Number(JSON.parse(await evaluate("os:getpid()")))
    if (options.eval !== undefined) await evaluate(options.eval)
    const freeze = async (): Promise<void> => {
      process.kill(pid, "SIGSTOP")
      // Its threads may go on for a moment after the signal was sent.
      while (!/\) T /u.test(await readFile(`/proc/${pid}/stat`, "utf8"))) await setTimeout(1)
    }
    const thaw = () => void process.kill(pid, "SIGCONT")
    return { name, cookie, pid, otp, evaluate, log: () => log, freeze, thaw, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** {@link startNode}, ended with the scope. */
export const start = (options: BeamNodeOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => startNode(options)),
    (node) => Effect.promise(() => node.stop())
  )
