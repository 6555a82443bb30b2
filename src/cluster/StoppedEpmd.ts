import { Effect } from "effect"
import { readdir, stat } from "node:fs/promises"
import { basename, join } from "node:path"
import { defaultEpmdPort } from "../dist/EpmdPort.ts"
import { readStart } from "./BoundedFile.ts"
import { Machine, type MachineService } from "./Machine.ts"
import { isStopped, portOf, shares, textsIn } from "./Releases.ts"

/** Processes that are looked at, and how many at once. */
const maxProcesses = 20_000
const atOnce = 32

/** Bytes that are read of a process's arguments, and of its environment. */
const maxBytes = 64 * 1024

/** Whether a process of our own user is an EPMD of this port that is stopped. One that we may not look into is none. */
const isStoppedEpmd = async (pid: string, port: number, machine: MachineService): Promise<boolean> => {
  const folder = join(machine.processes, pid)
  const texts = async (file: string) => textsIn((await readStart(join(folder, file), maxBytes)).bytes)
  try {
    const args = await texts("cmdline")
    if (basename(args[0] ?? "") !== "epmd" || !(await isStopped(machine, pid))) return false
    if ((await stat(folder)).uid !== machine.userId || !(await shares(machine, pid, ["ns/net"]))) return false
    const flag = args.indexOf("-port")
    const name = "ERL_EPMD_PORT="
    const said = flag < 0 ? (await texts("environ")).find((text) => text.startsWith(name)) : args[flag + 1]
    return (portOf(said?.replace(name, "")) ?? defaultEpmdPort) === port
  } catch {
    return false
  }
}

/**
 * The process of our own user that is the EPMD of this machine at a port, where that is stopped by a signal: connections
 * are taken for it, and nobody answers. Only Linux shows it.
 */
export const stoppedEpmd = (port: number): Effect.Effect<number | undefined> =>
  Effect.gen(function* () {
    const machine = yield* Machine
    if (machine.platform !== "linux" || machine.userId === undefined) return undefined
    const listed = yield* Effect.promise(() => readdir(machine.processes).catch((): ReadonlyArray<string> => []))
    const pids = listed.filter((name) => /^\d+$/u.test(name)).slice(0, maxProcesses)
    const stopped = yield* Effect.filter(pids, (pid) => Effect.promise(() => isStoppedEpmd(pid, port, machine)), {
      concurrency: atOnce
    })
    return stopped.length === 1 ? Number(stopped[0]) : undefined
  })
