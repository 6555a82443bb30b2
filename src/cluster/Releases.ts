import { Effect } from "effect"
import { access, readdir, readlink, stat } from "node:fs/promises"
import type { Buffer } from "node:buffer"
import { basename, isAbsolute, join } from "node:path"
import { defaultEpmdPort } from "../dist/EpmdPort.ts"
import { parseNodeName } from "../dist/NodeName.ts"
import { steadyMillis } from "../node/Moment.ts"
import { readStart } from "./BoundedFile.ts"
import { failed, type Look, partial, type Patience, type Sighting, maxSightings, together } from "./Look.ts"
import { Machine, type MachineService, shortHost } from "./Machine.ts"
import { shortName } from "./Merge.ts"

/** Processes that are looked at, and how many at once. */
const maxProcesses = 20_000
const atOnce = 32

/** Bytes that are read of a process's arguments, and of its environment. */
const maxArgumentBytes = 128 * 1024
const maxEnvironmentBytes = 256 * 1024

/** Bytes of what Linux tells of a process's state, which is one line of figures. */
const maxStatBytes = 1024

/** What is taken of a process's environment; the rest, and what its arguments say of a cookie, is not looked at. */
const variables = ["RELEASE_ROOT", "ERL_EPMD_PORT"] as const
type Variables = { readonly [Name in (typeof variables)[number]]?: string }

/** A node as its own arguments say. */
interface StartedNode {
  /** Full, or without a host where only the node knows what it calls this machine. */
  readonly node: string
  /** Whether its host is what the machine is called where it runs. */
  readonly isCalledByMachine: boolean
  readonly isHidden: boolean
  /** Whether others can connect to it; it connects to them either way (`-dist_listen false`). */
  readonly isListening: boolean
  /** Whether it speaks distribution over TLS (`-proto_dist`). */
  readonly isTls: boolean
  /** Without EPMD: where it listens (`-erl_epmd_port`, which `ERL_DIST_PORT` sets). */
  readonly port: number | undefined
}

/** A port as a flag or a variable has it. */
export const portOf = (text: string | undefined): number | undefined => {
  const port = /^\d{1,5}$/u.test(text ?? "") ? Number(text) : 0
  return port > 0 && port < 65_536 ? port : undefined
}

/** A name as `-name` or `-sname` has it, with the host that follows from that. */
const fullName = (name: string, isShort: boolean, machine: MachineService): string | undefined => {
  const full = name.includes("@") || !isShort ? name : `${name}@${shortHost(machine)}`
  const parsed = parseNodeName(full.includes("@") ? full : `${full}@host`)
  // A name that the node's first peer will give it is none yet.
  return "problem" in parsed || parsed.name === "undefined" ? undefined : full
}

/** The node that a process is, by its arguments; `undefined` for one that is no node, or no process of a BEAM. */
export const nodeIn = (args: ReadonlyArray<string>, machine: MachineService): StartedNode | undefined => {
  if (!/^beam(?:\.|$)/u.test(basename(args[0] ?? ""))) return undefined
  const extra = args.indexOf("-extra")
  const flags = extra < 0 ? args : args.slice(0, extra)
  const behind = (flag: string): string | undefined => {
    const at = flags.indexOf(flag)
    return at < 0 ? undefined : flags[at + 1]
  }
  const short = behind("-sname")
  const name = short ?? behind("-name")
  const node = name === undefined ? undefined : fullName(name, short !== undefined, machine)
  return node === undefined
    ? undefined
    : {
        node,
        isCalledByMachine: name?.includes("@") !== true,
        isHidden: flags.includes("-hidden"),
        isListening: behind("-dist_listen") !== "false",
        isTls: /^inet6?_tls$/u.test(behind("-proto_dist") ?? ""),
        port: portOf(behind("-erl_epmd_port"))
      }
}

const pick = (entries: ReadonlyArray<string>): Variables =>
  Object.fromEntries(
    entries.flatMap((entry) => {
      const [name] = entry.split("=", 1) as [string]
      return (variables as ReadonlyArray<string>).includes(name) ? [[name, entry.slice(name.length + 1)]] : []
    })
  )

/** The texts in a list as Linux has them of a process: each ends with a zero. */
export const textsIn = (bytes: Buffer): ReadonlyArray<string> => bytes.toString("utf8").split("\0")

/** The file in which a release made by Mix keeps its cookie, if it is there. It is not opened. */
const cookieFileOf = async (root: string | undefined): Promise<string | undefined> => {
  // Another process's working folder is not ours.
  if (root === undefined || !isAbsolute(root)) return undefined
  const path = join(root, "releases", "COOKIE")
  return access(path).then(
    () => path,
    () => undefined
  )
}

const linkOf = (path: string): Promise<string | undefined> => readlink(path).catch(() => undefined)

/** Whether a process sees what we see at a path: files from the same root, or ports in the same network. */
export const shares = async (
  { processes }: MachineService,
  pid: string,
  links: ReadonlyArray<string>
): Promise<boolean> => {
  for (const link of links) {
    const [ours, theirs] = await Promise.all([
      linkOf(join(processes, "self", link)),
      linkOf(join(processes, pid, link))
    ])
    if (ours !== theirs) return false
  }
  return true
}

/**
 * Whether a process is stopped by a signal, so that nothing in it runs: the state behind the name of its program, which may have
 * brackets in it. Source: proc_pid_stat(5).
 */
export const isStopped = async ({ processes }: MachineService, pid: string): Promise<boolean> => {
  const { bytes } = await readStart(join(processes, pid, "stat"), maxStatBytes)
  return /\) T [^)]*$/u.test(bytes.toString("latin1"))
}

const sightingOf = (
  { isHidden, isListening, isTls, node, port }: StartedNode,
  given: Variables,
  part: string,
  at: {
    readonly cookieFile: string | undefined
    readonly isHere: boolean
    readonly process: NonNullable<Sighting["process"]>
  }
): Sighting => ({
  node,
  part,
  ...(at.isHere && { host: "localhost" }),
  ...(at.isHere && isListening && port !== undefined && { port }),
  ...(at.isHere && isListening && port === undefined && { epmdPort: portOf(given.ERL_EPMD_PORT) ?? defaultEpmdPort }),
  ...(isHidden && { isHidden }),
  ...(!isListening && { isListening }),
  ...(isTls && { isTls }),
  ...(at.cookieFile !== undefined && { cookieFile: at.cookieFile }),
  ...(at.isHere && { process: at.process })
})

/** A node in a container, say: what the machine is called there, and the node with it, cannot be seen from here. */
interface Nameless {
  readonly short: string
}

/** The node that a process of our own user is. One that ends meanwhile, or that we may not look into, is none. */
const nodeOfProcess = async (pid: string, machine: MachineService): Promise<Sighting | Nameless | undefined> => {
  const folder = join(machine.processes, pid)
  try {
    if ((await stat(folder)).uid !== machine.userId) return undefined
    const { bytes } = await readStart(join(folder, "cmdline"), maxArgumentBytes)
    const started = nodeIn(textsIn(bytes), machine)
    if (started === undefined) return undefined
    const isHere = await shares(machine, pid, ["ns/net"])
    if (started.isCalledByMachine && !(isHere && (await shares(machine, pid, ["ns/uts"])))) {
      return { short: shortName(started.node) }
    }
    const environ = await readStart(join(folder, "environ"), maxEnvironmentBytes)
    const given = pick(textsIn(environ.bytes))
    const seesOurs = await shares(machine, pid, ["root", "ns/mnt"])
    return sightingOf(started, given, `process ${pid}`, {
      cookieFile: seesOurs ? await cookieFileOf(given.RELEASE_ROOT) : undefined,
      isHere,
      process: { pid: Number(pid), isStopped: await isStopped(machine, pid) }
    })
  } catch {
    return undefined
  }
}

/** The nodes that run on this machine under our user, where the machine shows us. */
const runningNodes = (machine: MachineService, { until }: Patience): Effect.Effect<Look> =>
  Effect.gen(function* () {
    if (machine.platform !== "linux" || machine.userId === undefined) {
      return failed("which nodes run on this machine can be seen on Linux only; EPMD has those that are registered.")
    }
    const listed = yield* Effect.option(Effect.tryPromise(() => readdir(machine.processes)))
    if (listed._tag === "None") return failed(`${machine.processes}, where Linux shows its processes, cannot be read.`)
    const pids = listed.value.filter((name) => /^\d+$/u.test(name))
    let late = 0
    const nodes = yield* Effect.forEach(
      pids.slice(0, maxProcesses),
      Effect.fnUntraced(function* (pid) {
        if ((yield* steadyMillis) < until) return yield* Effect.promise(() => nodeOfProcess(pid, machine))
        late++
        return undefined
      }),
      { concurrency: atOnce }
    )
    const found = nodes.filter((node) => node !== undefined && "node" in node)
    const nameless = nodes.filter((node) => node !== undefined && "short" in node)
    const isCut = pids.length > maxProcesses || found.length > maxSightings
    return together([
      { sightings: found.slice(0, maxSightings), failures: [] },
      isCut
        ? partial(`of ${pids.length} processes at most ${maxProcesses} are looked at, and ${maxSightings} nodes taken.`)
        : together([]),
      nameless.length > 0
        ? partial(
            `nodes that run in a container with a name or a network of its own are called there what cannot be seen from here: ${nameless
              .slice(0, 5)
              .map(({ short }) => short)
              .join(", ")}${nameless.length > 5 ? ", …" : ""}.`
          )
        : together([]),
      late > 0 ? failed(`time was over before ${late} of ${pids.length} processes were looked at.`) : together([])
    ])
  })

/** The release that we were started in, as `bin/NAME` of a Mix release sets it in the environment. */
const ownRelease = (machine: MachineService): Effect.Effect<Look> =>
  Effect.gen(function* () {
    const { environment } = machine
    const name = environment["RELEASE_NODE"]
    const distribution = environment["RELEASE_DISTRIBUTION"] ?? "sname"
    if (name === undefined || name === "" || distribution === "none") return together([])
    const node = fullName(name, distribution === "sname", machine)
    if (node === undefined) return failed("RELEASE_NODE in the environment is no node's name.", "environment")
    const cookieFile = yield* Effect.promise(() => cookieFileOf(environment["RELEASE_ROOT"]))
    return {
      sightings: [{ node, part: "environment", ...(cookieFile !== undefined && { cookieFile }) }],
      failures: []
    }
  })

/**
 * Nodes of this machine: the release in whose environment we run, and the processes of our own user that are nodes. Of
 * their environments and arguments only names, ports and folders are taken; a cookie is told of by the path of its file.
 */
export const lookAtReleases = (patience: Patience): Effect.Effect<Look> =>
  Effect.flatMap(Machine, (machine) =>
    Effect.map(
      Effect.all([ownRelease(machine), runningNodes(machine, patience)], { concurrency: "unbounded" }),
      together
    )
  )
