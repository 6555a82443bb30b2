import { Effect } from "effect"
import { execFile } from "node:child_process"
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
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

const erl = 'echo "${0%/*}/otp"; echo 15.0'

/** Puts Erlang where it is looked for, as an installation does. */
const installs = `cd "\${0%/*}" && ln -s elsewhere erl`

const expected = () => ({ erl: inOtp("bin/erl"), erlc: inOtp("bin/erlc"), epmd: inOtp("erts-15.0/bin/epmd") })

const inOtp = (path: string) => join(bin, "otp", path)

beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), "beamscope-test-"))
  for (const name of ["sh", "env", "ln"]) await symlink(await real(name), join(bin, name))
  await program("elsewhere", erl)
  await mkdir(inOtp("erts-15.0/bin"), { recursive: true })
  await mkdir(inOtp("bin"))
  for (const path of Object.values(expected())) await symlink(await real("sh"), path)
  vi.stubEnv("PATH", [join(bin, "absent"), bin].join(delimiter))
  stderr = vi.spyOn(console, "error").mockReturnValue()
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await rm(bin, { recursive: true })
})

describe("finding Erlang", () => {
  it("asks the erl on the PATH where it comes from", async () => {
    vi.stubEnv("ERL_FLAGS", "-name mine@127.0.0.1")
    await program("erl", `test -z "$ERL_FLAGS" && ${erl}`)
    expect(await Effect.runPromise(Erlang.find)).toEqual(expected())
    expect(await Effect.runPromise(install)).toEqual(expected())
  })

  it("looks on the PATH for what an installation keeps elsewhere", async () => {
    await program("erl", erl)
    await rm(expected().epmd)
    expect((await failure(Erlang.find)).message).toContain(`the installation in ${join(bin, "otp")} is not complete`)
    await program("epmd", "")
    expect(await Effect.runPromise(Erlang.find)).toEqual({ ...expected(), epmd: join(bin, "epmd") })
  })

  it("says how to install it here, and installs nothing", async () => {
    user(0)
    await program("apt-get", "")
    expect((await failure(Erlang.find)).message).toBe(
      [
        "Erlang/OTP is needed, but there is no erl on the PATH. These commands install it:",
        "  apt-get update",
        "  env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends erlang-base"
      ].join("\n")
    )
    expect(await ran("apt-get")).toEqual([])
  })

  it("says what is wrong with an erl that does not run", async () => {
    await program("erl", "echo 'no such release' >&2; exit 1")
    expect((await failure(Erlang.find)).message).toContain(`${join(bin, "erl")} does not run: no such release.`)
    await chmod(join(bin, "erl"), 0o644)
    expect((await failure(Erlang.find)).message).toContain("there is no erl on the PATH")
  })
})

describe("installing Erlang", () => {
  it("shows and runs apt-get as root, with fresh package lists", async () => {
    user(0)
    await program("apt-get", `test "$1" = update || (${installs})`)
    expect(await Effect.runPromise(install)).toEqual(expected())
    expect(await ran("apt-get")).toEqual(["apt-get update", "apt-get install -y --no-install-recommends erlang-base"])
    expect(stderr.mock.calls.join("\n")).toContain("apt-get install -y")
  })

  it("goes on with stale package lists", async () => {
    user(0)
    await program("apt-get", `test "$1" != update && (${installs})`)
    expect(await Effect.runPromise(install)).toEqual(expected())
  })

  it("uses sudo without a question where nobody could answer, and tells people to use it with one", async () => {
    user(1000)
    await program("dnf", installs)
    await program("sudo", 'shift; exec "$@"')
    expect(await Effect.runPromise(install)).toEqual(expected())
    expect(await ran("sudo")).toEqual(["sudo -n dnf install -y erlang"])

    await rm(join(bin, "erl"))
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
    expect(await Effect.runPromise(install)).toEqual(expected())
  })

  it("says so when the system is unknown, and when the installation brought nothing", async () => {
    user(0)
    expect((await failure(install)).message).toContain(
      "no package manager that we know. Install Erlang/OTP 25 or newer"
    )
    await program("zypper", "")
    expect((await failure(install)).message).toContain("there is no erl on the PATH")
  })
})
