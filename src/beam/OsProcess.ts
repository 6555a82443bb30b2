/** What Linux tells of the process that a node is (`proc(5)`); other systems have no such files. */

/** Bytes of the emulator's process as the operating system counts them: `/proc/self/status`. */
export interface OsMemory {
  /** In physical memory now. */
  readonly resident: number
  /** The most that was ever resident. */
  readonly peakResident: number | undefined
  readonly swapped: number | undefined
}

/** `undefined` where the text does not tell what is resident. */
export const readOsMemory = (status: string): OsMemory | undefined => {
  const of = (name: string): number | undefined => {
    const found = new RegExp(`^${name}:\\s*(\\d+) kB$`, "mu").exec(status)
    return found === null ? undefined : Number(found[1]) * 1024
  }
  const resident = of("VmRSS")
  return resident === undefined ? undefined : { resident, peakResident: of("VmHWM"), swapped: of("VmSwap") }
}

/** Ticks of a second in `/proc`: what Linux shows to programs is the same on all machines that it runs on. */
const ticksPerSecond = 100

/** Milliseconds of CPU that all threads of the process have had, their own and the system's for them: `/proc/self/stat`. */
export const readCpuMillis = (stat: string): { readonly user: number; readonly system: number } | undefined => {
  // The name in parentheses may hold anything; the 14th and 15th field count from the first.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const [user, system] = [Number(fields[11]), Number(fields[12])]
  if (!Number.isInteger(user) || !Number.isInteger(system)) return undefined
  return { user: (user * 1000) / ticksPerSecond, system: (system * 1000) / ticksPerSecond }
}
