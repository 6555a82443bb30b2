import { once } from "node:events"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { text } from "node:stream/consumers"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import * as Enclave from "../../../src/launch/Enclave.ts"

let bin = ""
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), "beamscope-enclave-test-"))
  vi.stubEnv("PATH", `${bin}${delimiter}${process.env["PATH"]}`)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(bin, { recursive: true, force: true })
})

/** An executable that notes its name and each time it runs, then does this. */
const program = (name: string, script: string): string => {
  const file = join(bin, name)
  writeFileSync(file, `#!/bin/sh\necho ${name} "$@" >>"${bin}/log"\n${script}\n`)
  chmodSync(file, 0o755)
  return file
}

/** Runs `echo ran` in an enclave with this EPMD to its end; `log` tells what ran, in order. */
const run = async (epmd: string) => {
  const folder = join(bin, "enclave")
  mkdirSync(folder)
  const child = Enclave.spawn({
    folder,
    epmd: program("epmd", epmd),
    epmdPort: 1,
    command: "echo",
    args: ["ran"],
    stdio: ["ignore", "pipe", "pipe"]
  })
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, "exit")])
  return { stdout, stderr, status, log: readFileSync(join(bin, "log"), "utf8").trim().split("\n") }
}

describe("an enclave", () => {
  it("asks whether EPMD listens at its leisure, and then runs its command", async () => {
    program("sleep", "")
    // Listens when it is asked for the third time.
    const { log, ...told } = await run(`
      case "$*" in
        *-names) test "$(grep -c -e -names "${bin}/log")" -ge 3 ;;
        *) exec tail -f /dev/null ;;
      esac
    `)
    expect(told).toEqual({ stdout: "ran\n", stderr: "", status: 0 })
    const asked = log.filter((line) => !line.includes("-address"))
    expect(asked.map((line) => line.replace(/^epmd .*-names$/u, "asked"))).toEqual([
      "asked",
      "sleep 0.02",
      "asked",
      "sleep 0.02",
      "asked"
    ])
  })

  it("says that EPMD does not run, and runs nothing", async () => {
    const told = await run("exit 1")
    expect(told).toMatchObject({ stdout: "", stderr: "EPMD does not run on port 1.\n", status: 1 })
  })
})
