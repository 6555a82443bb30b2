import { Effect } from "effect"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A folder that goes with its scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "beamscope-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const terminated = (texts: ReadonlyArray<string>): string => texts.map((text) => `${text}\0`).join("")

/** A folder like /proc, with a process of our own user. */
export const addProcess = (
  processes: string,
  pid: number | "self",
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {},
  { network = "net:[1]", host = "uts:[1]", mounts = "mnt:[1]", root = "/", state = "S" } = {}
) => {
  const place = join(processes, String(pid))
  mkdirSync(join(place, "ns"), { recursive: true })
  symlinkSync(root, join(place, "root"))
  symlinkSync(mounts, join(place, "ns/mnt"))
  symlinkSync(network, join(place, "ns/net"))
  symlinkSync(host, join(place, "ns/uts"))
  writeFileSync(join(place, "cmdline"), terminated(args))
  writeFileSync(join(place, "stat"), `${pid} (beam) T) ${state} 1 10 10 0 -1 4194560 0\n`)
  writeFileSync(
    join(place, "environ"),
    terminated(Object.entries(environment).map(([key, value]) => `${key}=${value}`))
  )
}

/** The program that a node is. */
export const beam = "/usr/lib/erlang/erts-15.0/bin/beam.smp"
