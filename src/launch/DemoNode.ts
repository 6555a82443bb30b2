import { Effect, Redacted, type Scope } from "effect"
import type { ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { copyFile, type FileHandle, mkdir, mkdtemp, open, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import type { NodeTarget } from "../node/Targets.ts"
import * as Enclave from "./Enclave.ts"
import type { Erlang } from "./Erlang.ts"
import { execute } from "./Execute.ts"
import { LaunchError, type LaunchReason } from "./LaunchError.ts"
import * as PackageFile from "./PackageFile.ts"

/**
 * A running demo node: an OTP application to look around in (`erlang/demo`: a supervision tree with a pool, named
 * servers, an ETS table, a process whose mailbox grows, a busy one). It has an EPMD of its own, on loopback only.
 */
export interface DemoNode extends NodeTarget {
  readonly epmdPort: number
  /** The operating system's id of the node's process. */
  readonly pid: number
  /** Where OTP's own file with the cookie lies, for its owner alone; it goes with the node. */
  readonly cookieFile: string
  /** A shell command that ends the node, its EPMD and its folder. */
  readonly stopCommand: string
}

/** Boots in well under a second; a loaded machine may take longer. */
const readyMillis = 30_000

/** A node that is told to end does so at once; one that is stopped or swamped is killed after this. */
const graceMillis = 2_000

const logTailBytes = 2_000

const orNoRoom = <A>(attempt: () => Promise<A>): Effect.Effect<A, LaunchError> =>
  Effect.tryPromise({
    try: attempt,
    catch: (cause) => new LaunchError({ reason: { _tag: "NoRoom", detail: String(cause) } })
  })

const compile = Effect.fnUntraced(function* (erlc: string, ebin: string) {
  const sources = yield* PackageFile.locate("erlang/demo/src")
  const modules = (yield* orNoRoom(() => readdir(sources))).filter((file) => file.endsWith(".erl"))
  yield* orNoRoom(async () => {
    await mkdir(ebin)
    await copyFile(join(sources, "shop.app.src"), join(ebin, "shop.app"))
  })
  yield* Effect.mapError(
    execute(erlc, ["-o", ebin, ...modules], { cwd: sources }),
    (output) => new LaunchError({ reason: { _tag: "CompileFailed", output } })
  )
})

/** Through our own descriptor: when the node has ended, its folder is gone. */
const tail = async (log: FileHandle): Promise<string> => {
  const { size } = await log.stat()
  const { buffer, bytesRead } = await log.read({
    buffer: Buffer.alloc(logTailBytes),
    position: Math.max(0, size - logTailBytes)
  })
  return buffer.toString("utf8", 0, bytesRead)
}

/** The node's pid, once it has said that it is ready. */
const untilReady = (child: ChildProcess, log: FileHandle): Effect.Effect<number, LaunchError> => {
  const readiness = child.stdio[3] as Readable
  const fail = (reason: (log: string) => LaunchReason) =>
    Effect.flatMap(
      Effect.promise(() => tail(log)),
      (text) => Effect.fail(new LaunchError({ reason: reason(text) }))
    )
  return Effect.callback<number, LaunchError>((resume) => {
    const ended = (status: string) => resume(fail((log) => ({ _tag: "NodeEnded", status, log })))
    child.once("error", (error) => ended(error.message))
    child.once("exit", (code, signal) => ended(signal ?? `exit status ${code}`))
    let line = ""
    readiness.setEncoding("utf8").on("data", (text: string) => {
      line += text
      if (line.endsWith("\n")) resume(Effect.succeed(Number(line)))
    })
  }).pipe(
    Effect.timeoutOrElse({
      duration: readyMillis,
      orElse: () => fail((log) => ({ _tag: "NodeSilent", millis: readyMillis, log }))
    }),
    // An open pipe would keep our event loop going.
    Effect.ensuring(Effect.sync(() => readiness.destroy()))
  )
}

const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (hasEnded(child)) resume(Effect.void)
    else child.once("exit", () => resume(Effect.void))
  })

const stop = (child: ChildProcess): Effect.Effect<void> =>
  Effect.gen(function* () {
    child.stdin?.destroy()
    const inTime = yield* Effect.timeoutOption(ended(child), graceMillis)
    const { pid } = child
    if (inTime._tag === "None" && pid !== undefined) {
      yield* Effect.ignore(Effect.try(() => process.kill(-pid, "SIGKILL")))
      yield* ended(child)
    }
  })

/**
 * Starts the demo node. Closing the scope ends it and removes its folder; should our process die without that, the node
 * sees its standard input end and does the same by itself. With `keep` it stays until `stopCommand` is run.
 */
export const start = Effect.fn("DemoNode.start")(function* (options: {
  readonly erlang: Erlang
  readonly keep?: boolean
}): Effect.fn.Return<DemoNode, LaunchError, Scope.Scope> {
  const { erl, erlc, epmd } = options.erlang
  const keep = options.keep ?? false
  let released = false
  const unlessReleased = (finalizer: Effect.Effect<void>) => Effect.suspend(() => (released ? Effect.void : finalizer))

  const folder = yield* Effect.acquireRelease(
    orNoRoom(() => mkdtemp(join(tmpdir(), "beamscope-demo-"))),
    (folder) => unlessReleased(Effect.promise(() => rm(folder, { recursive: true, force: true })))
  )
  const ebin = join(folder, "ebin")
  yield* compile(erlc, ebin)

  // OTP's own place for the cookie: on the command line or in the environment others could read it.
  const cookie = randomBytes(20).toString("hex")
  const cookieFile = join(folder, ".erlang.cookie")
  yield* orNoRoom(() => writeFile(cookieFile, cookie, { mode: 0o400 }))
  const log = yield* Effect.acquireRelease(
    orNoRoom(() => open(join(folder, "node.log"), "a+")),
    (log) => Effect.promise(() => log.close())
  )
  const epmdPort = yield* Effect.promise(() => Enclave.freePort())
  const name = "demo@127.0.0.1"

  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      Enclave.spawn({
        folder,
        epmd,
        epmdPort,
        command: erl,
        args: [
          ["-noshell", "-boot", "no_dot_erlang", "-pa", ebin, "-s", "shop_main", keep ? "detached" : "attached"],
          ["-name", name, "-start_epmd", "false", "-kernel", "inet_dist_use_interface", "{127,0,0,1}"],
          // Idle schedulers sleep at once: the shop does a little a hundred times a second.
          ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]
        ].flat(),
        stdio: [keep ? "ignore" : "pipe", log.fd, log.fd, "pipe"]
      })
    ),
    (child) => unlessReleased(stop(child))
  )
  const pid = yield* untilReady(child, log)
  if (keep) {
    released = true
    child.unref()
  }
  return { name, cookie: Redacted.make(cookie), cookieFile, epmdPort, pid, stopCommand: `kill ${pid}` }
})
