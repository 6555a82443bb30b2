import { Context } from "effect"
import { homedir, hostname, networkInterfaces } from "node:os"
import { resolve } from "node:path"
import { isLoopback } from "../dist/NodeName.ts"

/** What discovery looks at of the machine that it runs on. */
export interface MachineService {
  readonly platform: NodeJS.Platform
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where Linux shows its processes. */
  readonly processes: string
  /** The user that we are, where there are users. */
  readonly userId: number | undefined
  /** What the machine calls itself. */
  readonly hostName: string
  /** The addresses of its network interfaces. */
  readonly addresses: () => ReadonlyArray<string>
  readonly workingFolder: () => string
  readonly homeFolder: string
}

/** This machine by default. */
export const Machine = Context.Reference<MachineService>("beamscope/cluster/Machine", {
  defaultValue: () => ({
    platform: process.platform,
    environment: process.env,
    processes: "/proc",
    userId: process.getuid?.(),
    hostName: hostname(),
    addresses: () => Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []),
    workingFolder: () => resolve("."),
    homeFolder: process.env["HOME"] ?? homedir()
  })
})

/** The host of this machine's nodes with short names, as `erl -sname` makes it. */
export const shortHost = ({ hostName }: MachineService): string => hostName.split(".")[0]!

/** A test for hosts of node names that are this machine. */
export const localHosts = (machine: MachineService): ((host: string) => boolean) => {
  const addresses = new Set(machine.addresses())
  const short = shortHost(machine)
  // Of a machine that says its domain, another's with the same first part is another machine.
  const isCalled = (host: string) =>
    host === short || (machine.hostName === short ? host.startsWith(`${short}.`) : host === machine.hostName)
  return (host) => isLoopback(host) || isCalled(host) || addresses.has(host)
}
