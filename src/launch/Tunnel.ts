import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { connect } from "node:net"
import type { Address } from "../dist/Transport.ts"
import { visible } from "../syntax/Escape.ts"
import { freePort } from "./Enclave.ts"
import { type Clean, LastWords, shownOf } from "./LastWords.ts"
import { isShortOf, LaunchError, type LaunchReason } from "./LaunchError.ts"
import { listeners } from "./Listeners.ts"

/** A command of the operator's that forwards a port of this machine: `ssh -L`, `kubectl port-forward`. */
export interface TunnelOptions {
  /** What it leads to, for the log. */
  readonly to: string
  /** The program and its arguments, for the port that it is to listen on. No shell sees them. */
  readonly commandOf: (port: number) => ReadonlyArray<string>
  /** Milliseconds until the port has to take connections. */
  readonly timeoutMillis: number
  /** Takes the secrets out of what the command has said, as it came: line by line, and before any of it is left out. */
  readonly clean: Clean
}

/** A tunnel that is open: where it ends on this machine, and its command. */
export interface OpenTunnel extends Address {
  readonly program: string
  /** The end of what the command has said, in one line and without secrets; waits a moment for a first word. */
  readonly said: Effect.Effect<string>
  /** That the command has ended, how, and what it said, once it has; waits a moment for an end that is on its way. */
  readonly ended: Effect.Effect<string | undefined>
}

/** Milliseconds between two looks at the port. */
const pollMillis = 50

/** Milliseconds that the command has to end by itself. */
const graceMillis = 1_000

/** Milliseconds that a command has for a word of why what came through it was closed. */
const lastWordsMillis = 100

/** Milliseconds that its end may come behind that of a connection through it; up to `pollMillis` of it are for its words. */
const endMillis = 250

/** Our own settings, whatever is called a cookie, and arguments for `erl` and `elixir`, which may hold one. */
const keptBack = /^BEAMSCOPE_|COOKIE|^ERL_(?:A|Z)?FLAGS$|^ERL_OTP\d+_FLAGS$|^ELIXIR_ERL_OPTIONS$/iu

/**
 * The command's environment: ours, since `ssh` and `kubectl` need much of it (HOME, agents, proxies, KUBECONFIG), but
 * without the cookies in it.
 */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !keptBack.test(name)))

const isWindows = process.platform === "win32"

/** Signals a process and those that it started: while it is there, or has gone this moment, and its number is no other's. */
const signal = (child: ChildProcess, name: NodeJS.Signals): void => {
  if (child.pid === undefined) return
  try {
    if (isWindows) child.kill(name)
    else process.kill(-child.pid, name)
  } catch {
    // There is nothing left to signal.
  }
}

// Standard input ends when we do, however we do: then the group is told to end, and made to. Takes the group's id.
const watchdog = `read -r _; kill -TERM "-$1"; sleep ${graceMillis / 1_000}; kill -KILL "-$1"`

/** A process that ends the command should we be killed before we can. */
const watch = (child: ChildProcess): ChildProcess | undefined => {
  if (isWindows || child.pid === undefined) return undefined
  const dog = spawn("/bin/sh", ["-c", watchdog, "tunnel", String(child.pid)], {
    env: { PATH: process.env["PATH"] },
    detached: true,
    stdio: ["pipe", "ignore", "ignore"]
  })
  // Without a watchdog the tunnel is as good, as long as we live.
  dog.on("error", () => {})
  dog.stdin?.on("error", () => {})
  return dog
}

const codeOf = ({ code, message }: NodeJS.ErrnoException): string => code ?? message

const missing = (program = "", error: NodeJS.ErrnoException): LaunchReason => ({
  _tag: "TunnelMissing",
  program: visible(program),
  code: codeOf(error)
})

/** A command that runs. */
class Running {
  readonly child: ChildProcess
  readonly program: string
  /** Whether its port has taken connections. */
  isOpen = false
  /** What it has written to standard output, where some tell of a failure, and to standard error. */
  readonly #outputs = [new LastWords(), new LastWords()]
  readonly #clean: Clean
  #end: LaunchReason | undefined
  readonly #onEnd: Array<() => void> = []

  constructor([program = "", ...args]: ReadonlyArray<string>, clean: Clean) {
    this.#clean = clean
    this.program = visible(program)
    this.child = spawn(program, args, {
      env: environment(),
      // The leader of a group of its own: an interrupt at the terminal is ours to handle, and no terminal asks anything.
      detached: !isWindows,
      stdio: ["ignore", "pipe", "pipe"],
      windowsHide: true
    })
    const streams = [this.child.stdout, this.child.stderr]
    for (const [at, output] of this.#outputs.entries())
      streams[at]?.setEncoding("utf8").on("data", (text: string) => output.add(text))
    this.child.once("error", (error: NodeJS.ErrnoException) => this.#ended(missing(program, error)))
    const dog = watch(this.child)
    this.child.once("exit", () => {
      signal(this.child, "SIGKILL")
      dog?.kill("SIGKILL")
      // What it wrote last may still be on its way; who has left the group may keep the pipes open for ever.
      setTimeout(() => streams.forEach((stream) => stream?.destroy()), pollMillis)
    })
    this.child.once("close", (code, name) => this.#ended(this.#over(code, name)))
  }

  #over(code: number | null, name: NodeJS.Signals | null): LaunchReason {
    const status = name ?? `exit status ${code}`
    return { _tag: "TunnelEnded", program: this.program, status, wasOpen: this.isOpen, said: this.said() }
  }

  #ended(end: LaunchReason): void {
    if (this.#end !== undefined) return
    this.#end = end
    for (const tell of this.#onEnd) tell()
  }

  /** The end of what it has said, in one line and without secrets. */
  said(): string {
    return shownOf(this.#outputs, this.#clean)
  }

  /** The same, where something has shown that it may have a word to say, which is then on its way. */
  readonly words: Effect.Effect<string> = Effect.suspend(() =>
    this.#outputs.every(({ isEmpty }) => isEmpty)
      ? Effect.map(Effect.sleep(lastWordsMillis), () => this.said())
      : Effect.succeed(this.said())
  )

  /** Why it does not run any more, once it does not. */
  readonly end: Effect.Effect<LaunchReason> = Effect.callback((resume) => {
    const tell = () => resume(Effect.succeed(this.#end!))
    if (this.#end === undefined) this.#onEnd.push(tell)
    else tell()
  })

  /** The same in words, where it comes to an end now. */
  readonly ended: Effect.Effect<string | undefined> = Effect.map(
    Effect.timeoutOption(
      Effect.suspend(() => this.end),
      endMillis
    ),
    (end) => (end._tag === "Some" ? new LaunchError({ reason: end.value }).message : undefined)
  )

  /** Ends it, and whatever it has started. */
  readonly stop: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const inTime = Effect.timeoutOption(this.end, graceMillis)
    if (this.#end !== undefined) return
    signal(this.child, "SIGTERM")
    if ((yield* inTime)._tag === "Some" || this.#end !== undefined) return
    signal(this.child, "SIGKILL")
    yield* inTime
  })

  silent(port: number, millis: number): LaunchReason {
    return { _tag: "TunnelSilent", program: this.program, port, millis, said: this.said() }
  }
}

/** Whether somebody takes connections there now. Fails where this machine cannot even ask. */
const takesConnections = ({ host, port }: Address): Effect.Effect<boolean, LaunchError> =>
  Effect.callback((resume) => {
    const socket = connect({ host, port })
    const is = (answer: Effect.Effect<boolean, LaunchError>) => {
      socket.destroy()
      resume(answer)
    }
    socket
      .once("connect", () => is(Effect.succeed(true)))
      .once("error", (error: NodeJS.ErrnoException) => {
        const code = codeOf(error)
        is(isShortOf(code) ? failed({ _tag: "NoPort", code }) : Effect.succeed(false))
      })
    return Effect.sync(() => socket.destroy())
  })

const untilOpen = (at: Address): Effect.Effect<void, LaunchError> =>
  Effect.flatMap(takesConnections(at), (is) =>
    is ? Effect.void : Effect.andThen(Effect.sleep(pollMillis), untilOpen(at))
  )

const untilClosed = (at: Address): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.orElseSucceed(takesConnections(at), () => false),
    (is) => (is ? Effect.andThen(Effect.sleep(pollMillis), untilClosed(at)) : Effect.void)
  )

/**
 * Tells of what has survived the end of the command. Nothing on a system says who started a process that has left its
 * group, so it is the port that shows it.
 */
const warnOfSurvivors = (to: string, at: Address): Effect.Effect<void> =>
  Effect.flatMap(Effect.timeoutOption(untilClosed(at), graceMillis), (closed) =>
    closed._tag === "Some"
      ? Effect.void
      : Effect.logWarning(
          `${to}: port ${at.port} of this machine still takes connections although the tunnel's command was ended: it, or what it started, has put itself in the background, or another program has taken the port before it. End what went to the background by hand, and keep the command in the foreground (ssh: without -f, with -S none).`
        )
  )

/**
 * Refuses the port where it is another user's program that takes connections there: anybody can take a port, and the
 * command's arguments, which everybody here can read, tell which. Root's may be the command (`sudo`), and need no trick.
 */
const refuseStrangers = ({ port }: Address) =>
  Effect.flatMap(listeners(port), (users) => {
    const user = users.find((each) => each !== 0 && each !== process.getuid?.())
    return user === undefined ? Effect.void : failed({ _tag: "TunnelTaken", port, user })
  })

const failed = (reason: LaunchReason) => Effect.fail(new LaunchError({ reason }))

/**
 * Starts a tunnel, and waits until its port of this machine takes connections. Closing the scope ends the command and
 * what it has started; so does the end of our process, whatever kind it is. What has left the command's process group
 * outlives both, and is warned of where it still serves the port when the scope has closed. Fails with what the command
 * said where it cannot be started, ends, or takes no connections in time, and where the port is another program's.
 */
export const open = Effect.fn("Tunnel.open")(function* ({
  clean,
  commandOf,
  timeoutMillis,
  to
}: TunnelOptions): Effect.fn.Return<OpenTunnel, LaunchError, Scope.Scope> {
  const port = yield* Effect.tryPromise({
    try: freePort,
    catch: (error) => new LaunchError({ reason: { _tag: "NoPort", code: codeOf(error as NodeJS.ErrnoException) } })
  })
  const at = { host: "127.0.0.1", port }
  const command = commandOf(at.port)
  if (yield* takesConnections(at)) return yield* failed({ _tag: "TunnelTaken", port: at.port })
  const running = yield* Effect.acquireRelease(
    // Of what keeps a command from starting, Node throws a part and tells the rest by an event.
    Effect.try({
      try: () => new Running(command, clean),
      catch: (error) => new LaunchError({ reason: missing(command[0], error as NodeJS.ErrnoException) })
    }),
    ({ stop }) => Effect.andThen(stop, warnOfSurvivors(to, at))
  )
  yield* untilOpen(at).pipe(
    Effect.raceFirst(Effect.flatMap(running.end, failed)),
    Effect.timeoutOrElse({
      duration: timeoutMillis,
      orElse: () => failed(running.silent(at.port, Math.round(timeoutMillis)))
    })
  )
  yield* refuseStrangers(at)
  running.isOpen = true
  yield* running.end.pipe(
    Effect.flatMap((reason) => Effect.logWarning(`${to}: ${new LaunchError({ reason }).message}`)),
    Effect.forkScoped
  )
  return { ...at, program: running.program, said: running.words, ended: running.ended }
})
