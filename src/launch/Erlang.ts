import { Console, Effect } from "effect"
import { spawn } from "node:child_process"
import { accessSync, constants, statSync } from "node:fs"
import { delimiter, join } from "node:path"
import { createInterface } from "node:readline"
import { execute } from "./Execute.ts"
import { LaunchError } from "./LaunchError.ts"

/** The executables of an Erlang/OTP installation, as absolute paths. */
export interface Erlang {
  readonly erl: string
  readonly erlc: string
  readonly epmd: string
}

interface PackageManager {
  readonly program: string
  readonly asRoot: boolean
  /** Shell commands, in order. Only the last one has to succeed: stale package lists may still do. */
  readonly commands: ReadonlyArray<string>
}

const packageManagers: ReadonlyArray<PackageManager> = [
  {
    program: "apt-get",
    asRoot: true,
    // erlang-base alone holds erl, erlc, epmd and the applications that the demo needs.
    commands: [
      "apt-get update",
      "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends erlang-base"
    ]
  },
  { program: "dnf", asRoot: true, commands: ["dnf install -y erlang"] },
  { program: "apk", asRoot: true, commands: ["apk add --update-cache erlang"] },
  { program: "pacman", asRoot: true, commands: ["pacman -S --needed --noconfirm erlang"] },
  { program: "zypper", asRoot: true, commands: ["zypper --non-interactive install erlang"] },
  { program: "brew", asRoot: false, commands: ["brew install erlang"] }
]

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const onPath = (program: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, program))
    .find(isExecutable)

interface Plan {
  readonly commands: ReadonlyArray<string>
  /** Why we cannot run the commands ourselves. */
  readonly obstacle?: string
}

const plan = (sudo: string): Plan => {
  const manager = packageManagers.find(({ program }) => onPath(program) !== undefined)
  if (manager === undefined) return { commands: [], obstacle: "this system has no package manager that we know" }
  const { asRoot, commands } = manager
  if (!asRoot || process.getuid?.() === 0) return { commands }
  return onPath("sudo") === undefined
    ? { commands, obstacle: "installing it takes root, which we are not, and there is no sudo" }
    : { commands: commands.map((command) => `${sudo} ${command}`) }
}

const missing = (problem: string): LaunchError =>
  new LaunchError({ reason: { _tag: "ErlangMissing", problem, commands: plan("sudo").commands } })

/**
 * The Erlang/OTP that `erl` on the PATH belongs to. It is asked for its own executables: a version manager's stand-in
 * on the PATH only works with the user's HOME and folder. Fails with `ErlangMissing`, whose text says how to install
 * Erlang here.
 */
export const find: Effect.Effect<Erlang, LaunchError> = Effect.gen(function* () {
  const onThePath = onPath("erl")
  if (onThePath === undefined) return yield* missing("there is no erl on the PATH")
  const expression = 'io:format("~ts~n~ts", [code:root_dir(), erlang:system_info(version)]), halt().'
  const answer = yield* Effect.mapError(
    execute(onThePath, ["-noinput", "-boot", "no_dot_erlang", "-eval", expression], {
      // The user's flags may name the node, and a name is taken only once.
      env: { ...process.env, ERL_AFLAGS: "", ERL_FLAGS: "", ERL_ZFLAGS: "" }
    }),
    (output) => missing(`${onThePath} does not run: ${output.trim()}`)
  )
  const [root = "", version = ""] = answer.split("\n")
  const folders = [join(root, "bin"), join(root, `erts-${version}`, "bin")]
  const [erl, erlc, epmd] = ["erl", "erlc", "epmd"].map(
    (program) => folders.map((folder) => join(folder, program)).find(isExecutable) ?? onPath(program)
  )
  return erl === undefined || erlc === undefined || epmd === undefined
    ? yield* missing(`the installation in ${root} is not complete: it takes erl, erlc and epmd`)
    : { erl, erlc, epmd }
})

const confirm: Effect.Effect<boolean> = Effect.callback((resume) => {
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  prompt.once("close", () => resume(Effect.succeed(false)))
  prompt.question("Run this now? [Y/n] ", (answer) => {
    resume(Effect.succeed(/^(y|yes|)$/i.test(answer.trim())))
    prompt.close()
  })
  return Effect.sync(() => prompt.close())
})

/** Runs a command to its end, with its output on our standard error; answers how it failed, if it did. */
const run = (command: string): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const child = spawn(command, { shell: true, stdio: ["ignore", 2, 2] })
    child.once("error", (error) => resume(Effect.succeed(error.message)))
    child.once("exit", (code, signal) =>
      resume(Effect.succeed(code === 0 ? undefined : `'${command}' ended with ${signal ?? `status ${code}`}`))
    )
    return Effect.sync(() => child.kill())
  })

/**
 * The Erlang/OTP on the PATH, installed first through the system's package manager if there is none. What will be run
 * is shown on standard error; on a terminal we ask before, unless told `yes`. Fails with `ErlangMissing`, whose text
 * holds the commands for the user to run, where we cannot or may not.
 */
export const install = Effect.fn("Erlang.install")(function* (options: { readonly yes: boolean }) {
  const present = yield* Effect.option(find)
  if (present._tag === "Some") return present.value
  const terminal = process.stdin.isTTY && process.stderr.isTTY
  // Without a terminal nobody could type the password that sudo asks for.
  const { commands, obstacle } = plan(terminal ? "sudo" : "sudo -n")
  if (obstacle !== undefined) return yield* missing(obstacle)
  yield* Console.error(["Erlang/OTP is missing. This installs it:", ...commands].join("\n  "))
  if (terminal && !options.yes && !(yield* confirm)) return yield* missing("installing it was declined")

  let failure: string | undefined
  for (const command of commands) failure = yield* run(command)
  if (failure !== undefined) return yield* missing(failure)
  return yield* find
})
