import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger, Scope } from "effect"
import type { Buffer } from "node:buffer"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, vi } from "vitest"
import type { LaunchError } from "../../../src/launch/LaunchError.ts"
import * as Tunnel from "../../../src/launch/Tunnel.ts"
import { eventually } from "../../support/eventually.ts"
import { runs } from "../../support/processes.ts"
import { isWindows } from "../../support/isWindows.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "beamscope-tunnel-"))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const relay = fileURLToPath(new URL("../../support/relay.ts", import.meta.url))
const startTunnel = fileURLToPath(new URL("../../support/startTunnel.ts", import.meta.url))

const open = (commandOf: (port: number) => ReadonlyArray<string>, timeoutMillis = 20_000) =>
  Tunnel.open({ to: "a node", commandOf, timeoutMillis, clean: (text) => text })

/** What becomes of a tunnel by this shell script, which has the port for its `$1`. */
const failure = (script: string, timeoutMillis?: number): Effect.Effect<LaunchError> =>
  Effect.scoped(
    Effect.flip(open((port) => ["/bin/sh", "-c", script, "way", String(port)], timeoutMillis))
  ) as Effect.Effect<LaunchError>

/** A script that notes its process and one that it starts, and then does this. */
const noting = (then: string) =>
  `sleep 600 & echo "$$ $!" > "${folder}/new"; mv "${folder}/new" "${folder}/pids"; ${then}`

/** The processes of such a script, once there are some. */
const noted = Effect.gen(function* () {
  const file = join(folder, "pids")
  yield* eventually(Effect.sync(() => existsSync(file)))
  return readFileSync(file, "utf8").trim().split(" ").map(Number)
})

const gone = (pids: ReadonlyArray<number>) => eventually(Effect.sync(() => !pids.some(runs)))

/** A server that answers whatever it is told; its port. */
const echo = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer((socket) => void socket.pipe(socket)).listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) => Effect.sync(() => void server.close())
).pipe(Effect.map((server) => (server.address() as { readonly port: number }).port))

/** What comes back of words that are sent there. */
const told = (port: number, words: string) =>
  Effect.promise(async () => {
    const socket = connect(port, "127.0.0.1")
    socket.write(words)
    const [answer] = (await once(socket, "data")) as [Buffer]
    socket.destroy()
    return answer.toString()
  })

describe("a tunnel", () => {
  it.live("leads where its command does, and is gone with the scope", () => {
    const logged: Array<string> = []
    return Effect.scoped(
      Effect.gen(function* () {
        const to = yield* echo
        const scope = yield* Scope.make()
        const script = noting(`exec "${process.execPath}" "${relay}" $1 ${to}`)
        const { host, port } = yield* open((port) => ["/bin/sh", "-c", script, "way", String(port)]).pipe(
          Scope.provide(scope)
        )
        expect(host).toBe("127.0.0.1")
        expect(yield* told(port, "hello")).toBe("hello")
        const pids = yield* noted
        expect(pids.map(runs)).toEqual([true, true])
        yield* Scope.close(scope, Exit.void)
        yield* gone(pids)
        expect(logged).toEqual([])
      })
    ).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])))
  })

  it.live("tells what its command says while it is open, with a moment for a word that is on its way", () =>
    Effect.gen(function* () {
      const far = `
        const server = require("node:net").createServer((socket) => {
          if (socket.end()) setTimeout(() => process.stderr.write("connect failed\\n"), 20)
        })
        server.listen(process.argv[1], "127.0.0.1")`
      const { port, program, said } = yield* open((port) => [process.execPath, "-e", far, String(port)])
      expect(program).toBe(process.execPath)
      yield* Effect.promise(() => once(connect(port, "127.0.0.1").resume(), "close"))
      expect(yield* said).toContain("connect failed")
    }).pipe(Effect.scoped)
  )

  it.live("says that its command has ended, also where that comes a moment behind the end of a connection", () =>
    Effect.gen(function* () {
      const far = `
        const server = require("node:net").createServer((socket) => {
          if (socket.destroy()) setTimeout(() => process.exit(0), 20)
        })
        server.listen(process.argv[1], "127.0.0.1")`
      const { ended, port } = yield* open((port) => [process.execPath, "-e", far, String(port)])
      const closed = connect(port, "127.0.0.1").resume()
      yield* Effect.promise(() => once(closed, "close"))
      const told = yield* ended
      expect(told).toContain(`ended (exit status 0), and with it the link through it, as one does that puts itself`)
      expect(told).toContain("must stay in the foreground")
    }).pipe(Effect.scoped)
  )

  it.live("says nothing of an end while its command runs", () =>
    Effect.gen(function* () {
      const to = yield* echo
      const { ended } = yield* open((port) => [process.execPath, relay, String(port), String(to)])
      expect(yield* ended).toBeUndefined()
    }).pipe(Effect.scoped)
  )

  it.live("ends also where its command does not want to", () =>
    Effect.gen(function* () {
      const error = yield* failure(noting("trap '' TERM; while :; do sleep 1; done"), 500)
      expect(error.message).toMatch(/took no connections on port \d+ within 500 ms\. .*by hand.* It said nothing\.$/u)
      yield* gone(yield* noted)
    })
  )

  it.live("is given up with those who wait for it", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(failure(noting("wait"), 600_000))
      const pids = yield* noted
      expect(pids.map(runs)).toEqual([true, true])
      yield* Fiber.interrupt(waiting)
      yield* gone(pids)
    })
  )

  it.live("goes when we are killed, also where its command does not want to", () =>
    Effect.gen(function* () {
      const script = `trap '' TERM; ${noting(`"${process.execPath}" "${relay}" $1 1 & while :; do sleep 1; done`)}`
      const us = spawn(process.execPath, [startTunnel, "/bin/sh", "-c", script, "way", "{port}"], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      yield* Effect.promise(() => once(us.stdout, "data"))
      const pids = yield* noted
      expect(pids.map(runs)).toEqual([true, true])
      us.kill("SIGKILL")
      yield* gone(pids)
    })
  )

  it.live.skipIf(isWindows)("warns of what has put itself in the background and goes on", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => void logged.push(String(message)))
    const file = join(folder, "pid")
    const background = `
      const { spawn } = require("node:child_process")
      const { pid } = spawn(process.execPath, process.argv.slice(2), { detached: true, stdio: "ignore" })
      require("node:fs").writeFileSync(process.argv[1], String(pid))
      setInterval(() => {}, 1_000)`
    return Effect.gen(function* () {
      const to = yield* echo
      yield* Effect.addFinalizer(() => Effect.sync(() => process.kill(Number(readFileSync(file, "utf8")), "SIGKILL")))
      const { port } = yield* Effect.scoped(
        open((port) => [process.execPath, "-e", background, file, relay, String(port), String(to)])
      )
      expect(logged).toEqual([
        expect.stringMatching(
          `^a node: port ${port} of this machine still takes connections although .*ssh: without -f`
        )
      ])
      expect(yield* told(port, "hello")).toBe("hello")
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
  })

  it.live("does not begin where another program has taken its port", () =>
    Effect.gen(function* () {
      let taken = createServer()
      yield* Effect.addFinalizer(() => Effect.sync(() => taken.close()))
      const error = yield* Effect.flip(
        Effect.scoped(
          open((port) => {
            taken = createServer((socket) => socket.destroy()).listen(port, "127.0.0.1")
            return ["/bin/sh", "-c", noting("sleep 600")]
          })
        )
      )
      expect(error.reason).toEqual({ _tag: "TunnelTaken", port: expect.any(Number) })
      expect(existsSync(join(folder, "pids"))).toBe(false)
    }).pipe(Effect.scoped)
  )

  // Only root can be somebody else here.
  it.live.skipIf(process.platform !== "linux" || process.getuid?.() !== 0)(
    "does not lead to another user's program",
    () =>
      Effect.gen(function* () {
        const stranger = `
        process.setuid(65534)
        require("node:net").createServer().listen(Number(process.argv[1]), "127.0.0.1")`
        const error = yield* Effect.flip(
          Effect.scoped(open((port) => [process.execPath, "-e", stranger, String(port)]))
        )
        expect(error).toMatchObject({ reason: { _tag: "TunnelTaken", user: 65534 } })
        expect(error.message).toContain("another program's (of the user 65534)")
      })
  )

  it.live("takes along what its command leaves behind, and says when it ends too early", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => void logged.push(String(message)))
    return Effect.scoped(
      Effect.gen(function* () {
        const script = noting(`"${process.execPath}" "${relay}" $1 $2 & wait`)
        const to = yield* echo
        yield* open((port) => ["/bin/sh", "-c", script, "way", String(port), String(to)])
        const [leader, ...others] = yield* noted
        process.kill(leader!, "SIGUSR1")
        yield* gone(others)
        yield* eventually(Effect.sync(() => logged.length > 0))
        expect(logged.join()).toBe(
          "a node: the tunnel's command /bin/sh ended (SIGUSR1), and with it the link through it. It said nothing."
        )
      })
    ).pipe(Effect.provide(Logger.layer([logger])))
  })
})

describe("a tunnel that does not open", () => {
  it.live("says that its command is not there", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(open(() => ["no-such-program", "x"])))
      expect((error as LaunchError).message).toBe(
        "the tunnel's command no-such-program is neither on the PATH nor a file. Install it, or write its path into the entry's tunnel."
      )
      const folderOf = yield* Effect.flip(Effect.scoped(open(() => [folder])))
      expect((folderOf as LaunchError).message).toContain("could not be started (EACCES)")
      const within = yield* Effect.flip(Effect.scoped(open(() => [`${relay}/x`])))
      expect((within as LaunchError).message).toContain("could not be started (ENOTDIR)")
      const impossible = yield* Effect.flip(Effect.scoped(open(() => ["a\0b"])))
      expect((impossible as LaunchError).message).toContain("could not be started (ERR_INVALID_ARG_VALUE)")
    })
  )

  it.live("says of a command that ends in peace before that it is to stay in the foreground", () =>
    Effect.gen(function* () {
      expect((yield* failure("echo Forked >&2")).message).toMatch(
        /ended \(exit status 0\) before it took connections, as one does that puts itself in the background\. .*ssh: without -f.* It said: Forked$/u
      )
      expect((yield* failure("exit 1")).message).not.toContain("background")
    })
  )

  it.live("says what its command said last, in one line, cut and cleaned", () =>
    Effect.gen(function* () {
      const short = yield* failure(String.raw`printf 'Permission \033[31mdenied\n\n  (publickey).\r\n' >&2; exit 255`)
      expect(short.message).toBe(
        String.raw`the tunnel's command /bin/sh ended (exit status 255) before it took connections. Run it by hand, with a free port for {port}, to see what it lacks. Nobody can answer it here: it has no terminal and no input. It said: Permission \u{1B}[31mdenied | (publickey).`
      )
      const long = yield* failure(`i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1`)
      expect(long.message).toMatch(/It said: ….*line 1998 \| line 1999$/u)
      expect(long.message.length).toBeLessThan(900)
      const again = yield* failure("for i in 1 2 3; do echo refused >&2; done; echo over >&2; exit 1")
      expect(again.message).toMatch(/It said: refused \| over$/u)
      const blank = yield* failure(`printf 'begin%4000s end' '' >&2; exit 1`)
      expect(blank.message).toMatch(/It said: …end$/u)
      const out = yield* failure("echo 'pod shop-7 not found'; exit 1")
      expect(out.message).toMatch(/It said: pod shop-7 not found$/u)
      expect((yield* failure("exit 3")).message).toMatch(/\(exit status 3\) .*It said nothing\.$/u)
    })
  )

  it.live("hands its arguments on as they are, without a shell", () =>
    Effect.gen(function* () {
      const args = ["$(touch x)", "`id`", "a b", "*", "; exit 0"]
      const script = "process.stderr.write(JSON.stringify(process.argv.slice(1))); process.exit(1)"
      const error = yield* Effect.flip(
        Effect.scoped(open((port) => [process.execPath, "-e", script, "--", ...args, String(port)]))
      )
      const { said } = (error as LaunchError).reason as { readonly said: string }
      expect((JSON.parse(said) as ReadonlyArray<string>).slice(0, -1)).toEqual(args)
    })
  )

  it.live("has shown its command no cookie", () =>
    Effect.gen(function* () {
      vi.stubEnv("BEAMSCOPE_COOKIE", "PRECIOUS")
      for (const name of ["RELEASE_COOKIE", "LIVEBOOK_COOKIE", "RABBITMQ_ERLANG_COOKIE"]) vi.stubEnv(name, "PRECIOUS")
      for (const name of ["ERL_AFLAGS", "ERL_FLAGS", "ERL_ZFLAGS", "ERL_OTP25_FLAGS", "ELIXIR_ERL_OPTIONS"])
        vi.stubEnv(name, "-setcookie PRECIOUS")
      vi.stubEnv("SSH_AUTH_SOCK", "/run/agent")
      const error = yield* failure("env | grep -E 'PRECIOUS|SSH_AUTH_SOCK' >&2; exit 1")
      expect(error.message).toMatch(/It said: SSH_AUTH_SOCK=\/run\/agent$/u)
    })
  )
})
