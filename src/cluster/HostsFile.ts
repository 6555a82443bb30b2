import { Effect } from "effect"
import { realpath, stat } from "node:fs/promises"
import { delimiter, dirname, join } from "node:path"
import { Atom, type Term } from "../etf/Term.ts"
import { endpointText } from "../dist/Transport.ts"
import { consultText } from "../syntax/Consult.ts"
import { codeOf, readStart } from "./BoundedFile.ts"
import { lookAtEpmd } from "./Epmd.ts"
import { failed, type Look, lookAtEach, maxParts, partial, type Patience, together } from "./Look.ts"
import { Machine, type MachineService } from "./Machine.ts"
import { hostProblem, type Source } from "./Source.ts"

const fileName = ".hosts.erlang"

/** Bytes of a hosts file, at most: a list of some thousand hosts. */
const maxBytes = 64 * 1024

/** Hosts in a file, at most; more than are asked, so that it can be told which are not. */
const maxHosts = 10 * maxParts

/** The folder of the OTP on the PATH: `code:root_dir()`, under which its `bin/erl` stands. */
const otpRoot = async ({ environment }: MachineService): Promise<string | undefined> => {
  for (const folder of (environment["PATH"] ?? "").split(delimiter)) {
    if (folder === "") continue
    try {
      return dirname(dirname(await realpath(join(folder, "erl"))))
    } catch {
      // The next folder may have it.
    }
  }
  return undefined
}

/** Where the file may be, in the order of `net_adm:host_file/0`: working folder, if that counts, home, OTP's root. */
const places = async (machine: MachineService, isDefault: boolean): Promise<ReadonlyArray<string>> => {
  const root = await otpRoot(machine)
  const folders = [
    ...(isDefault ? [] : [machine.workingFolder()]),
    machine.homeFolder,
    ...(root === undefined ? [] : [root])
  ]
  return [...new Set(folders)].map((folder) => join(folder, fileName))
}

interface Found {
  readonly path: string
  readonly text: string
}

/** A file that is not there, with all the places where it was looked for; or one that cannot be read. */
interface Missing {
  readonly absent: boolean
  readonly message: string
}

/** The first of the files that is there. One that is there and cannot be read is not passed over. */
const readFirst = async (paths: ReadonlyArray<string>): Promise<Found | Missing> => {
  for (const path of paths) {
    try {
      if (!(await stat(path)).isFile()) return { absent: false, message: `${path} is not a file.` }
      const { bytes, isWhole } = await readStart(path, maxBytes)
      if (isWhole) return { path, text: bytes.toString("utf8") }
      return { absent: false, message: `${path} has more than ${maxBytes} bytes, too many for a list of hosts.` }
    } catch (error) {
      const code = codeOf(error)
      if (code !== "ENOENT" && code !== "ENOTDIR")
        return { absent: false, message: `${path} cannot be read (${code}).` }
    }
  }
  return { absent: true, message: `there is no ${paths.join(", nor ")}.` }
}

const hostOf = (term: Term): string | undefined => {
  const host = term instanceof Atom ? term.text : undefined
  return host === undefined || hostProblem(host) !== undefined ? undefined : host
}

/** The hosts that a text lists, each an atom with a dot behind it, and what is wrong with it. */
export const hostsIn = ({ path, text }: Found): { readonly hosts: ReadonlyArray<string>; readonly problem?: Look } => {
  const consulted = consultText(text, maxHosts, { node: "nonode@nohost", creation: 0 })
  if (consulted._tag === "Mistake")
    return { hosts: [], problem: failed(`${path} is no list of hosts: ${consulted.message}`) }
  const hosts = consulted.terms.map(hostOf)
  const odd = hosts.filter((host) => host === undefined).length
  return {
    hosts: [...new Set(hosts.filter((host) => host !== undefined))],
    ...(odd > 0 && {
      problem: partial(`${path} has ${odd} terms that are no hosts; a host is an atom: 'app.example.com'.`)
    })
  }
}

/**
 * The nodes registered on the hosts of a hosts file, like `net_adm:world/0`. The file is found and read as
 * `net_adm:host_file/0` does it: in the working folder, where the operator named this source, else in the home folder,
 * else where OTP is; Erlang terms, one host each.
 */
export const lookAtHosts = (
  { file, isDefault = false }: Extract<Source, { readonly kind: "hosts" }>,
  patience: Patience,
  epmdPort: number
): Effect.Effect<Look> =>
  Effect.gen(function* () {
    const machine = yield* Machine
    const read = yield* Effect.promise(async () =>
      readFirst(file === undefined ? await places(machine, isDefault) : [file])
    )
    if ("message" in read) return read.absent && isDefault ? together([]) : failed(read.message)
    const { hosts, problem } = hostsIn(read)
    const look = yield* lookAtEach(
      hosts.map((host) => ({ host, port: epmdPort })),
      patience,
      endpointText,
      lookAtEpmd
    )
    return problem === undefined ? look : together([problem, look])
  })
