import { Effect } from "effect"
import { execFile } from "node:child_process"
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest"
import * as Erlang from "../../../src/launch/Erlang.ts"
import type { LaunchError } from "../../../src/launch/LaunchError.ts"

// A machine of our making: its programs are scripts in one folder, which is all of the PATH.
let bin: string
let stderr: MockInstance<typeof globalThis.console.error>

const real = async (name: string) => (await promisify(execFile)("sh", ["-c", `command -v ${name}`])).stdout.trim()

const program = async (name: string, script: string) => {
  await writeFile(join(bin, name), `#!/bin/sh\necho "${name} $*" >> "$0.ran"\n${script}\n`)
  await chmod(join(bin, name), 0o755)
}

const ran = async (name: string): Promise<ReadonlyArray<string>> => {
  const text = await readFile(join(bin, `${name}.ran`), "utf8").catch(() => "")
  return text.split("\n").slice(0, -1)
}

const user = (uid: number) => vi.spyOn(process, "getuid").mockReturnValue(uid)

const failure = (effect: Effect.Effect<unknown, LaunchError>) => effect.pipe(Effect.flip, Effect.runPromise)

const install = Erlang.install({ yes: true })

/** Puts the executables where they are looked for, as an installation does. */
const installs = 'cd "${0%/*}" && for name in erl erlc epmd; do ln -s sh $name; done'

beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), "beamscope-test-"))
  for (const name of ["sh", "env", "ln"]) await symlink(await real(name), join(bin, name))
  vi.stubEnv("PATH", [join(bin, "absent"), bin].join(delimiter))
  stderr = vi.spyOn(console, "error").mockReturnValue()
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await rm(bin, { recursive: true })
})

const installed = () => ({ erl: join(bin, "erl"), erlc: join(bin, "erlc"), epmd: join(bin, "epmd") })

describe("finding Erlang", () => {
  it("takes what is on the PATH", async () => {
    for (const name of ["erl", "erlc", "epmd"]) await program(name, "exit 1")
    expect(await Effect.runPromise(Erlang.find)).toEqual(installed())
    expect(await Effect.runPromise(install)).toEqual(installed())
  })

  it("names what is missing, and how to install it here", async () => {
    user(0)
    await program("erl", "")
    await program("apt-get", "")
    const error = await failure(Erlang.find)
    expect(error.message).toBe(
      [
        "Erlang/OTP is needed (not on the PATH: erlc, epmd), but it is not installed, or not complete. These commands install it:",
        "  apt-get update",
        "  env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends erlang-base"
      ].join("\n")
    )
    expect(await ran("apt-get")).toEqual([])
  })

  it("does not take what cannot be run", async () => {
    for (const name of ["erl", "erlc", "epmd"]) await program(name, "")
    await chmod(join(bin, "epmd"), 0o644)
    expect((await failure(Erlang.find)).reason).toMatchObject({ _tag: "ErlangMissing", missing: ["epmd"] })
  })
})

describe("installing Erlang", () => {
  it("shows and runs apt-get as root, with fresh package lists", async () => {
    user(0)
    await program("apt-get", `test "$1" = update || (${installs})`)
    expect(await Effect.runPromise(install)).toEqual(installed())
    expect(await ran("apt-get")).toEqual(["apt-get update", "apt-get install -y --no-install-recommends erlang-base"])
    expect(stderr.mock.calls.join("\n")).toContain("apt-get install -y")
  })

  it("goes on with stale package lists", async () => {
    user(0)
    await program("apt-get", `test "$1" != update && (${installs})`)
    expect(await Effect.runPromise(install)).toEqual(installed())
  })

  it("uses sudo without a question where nobody could answer, and tells people to use it with one", async () => {
    user(1000)
    await program("dnf", installs)
    await program("sudo", 'shift; exec "$@"')
    expect(await Effect.runPromise(install)).toEqual(installed())
    expect(await ran("sudo")).toEqual(["sudo -n dnf install -y erlang"])

    for (const name of ["erl", "erlc", "epmd"]) await rm(join(bin, name))
    await program("sudo", "exit 1")
    const error = await failure(install)
    expect(error.message).toContain("'sudo -n dnf install -y erlang' ended with status 1")
    expect(error.reason).toMatchObject({ commands: ["sudo dnf install -y erlang"] })
  })

  it("gives the commands where it cannot run them", async () => {
    user(1000)
    await program("apk", installs)
    const error = await failure(install)
    expect(error.message).toMatch(
      /takes root, which we are not, and there is no sudo\. .*:\n {2}apk add --update-cache erlang$/
    )
    expect(await ran("apk")).toEqual([])
  })

  it("needs no root for brew", async () => {
    user(1000)
    await program("brew", installs)
    expect(await Effect.runPromise(install)).toEqual(installed())
  })

  it("says so when the system is unknown, and when the installation brought nothing", async () => {
    user(0)
    expect((await failure(install)).message).toContain(
      "no package manager that we know. Install Erlang/OTP 25 or newer"
    )
    await program("zypper", "")
    expect((await failure(install)).message).toContain("it is still not there after the installation")
  })
})
