import type { Sighting } from "./Look.ts"

/** A sighting with the source that it came from, as the operator writes that. */
export interface SightingOf extends Sighting {
  readonly source: string
}

/** A node that was found. */
export interface Discovered {
  /**
   * Its full name. Without an @ it is a node of this machine whose host nobody could tell: EPMD has only what stands
   * before the @.
   */
  readonly node: string
  /** All the sources that told of it, as the operator writes them. */
  readonly sources: ReadonlyArray<string>
  /** Where it was found, as the source has it that knows best; it may be reachable under another address too. */
  readonly host?: string
  /** Where it listens. */
  readonly port?: number
  /** Where the EPMD listens that knows it. */
  readonly epmdPort?: number
  /** Whether it is a hidden node: others do not see it among theirs. */
  readonly isHidden?: boolean
  /** That it takes no connections: it makes them alone. */
  readonly isListening?: false
  /** That it speaks distribution over TLS. */
  readonly isTls?: true
  /** The file that has its cookie: the path alone, the file was not read. */
  readonly cookieFile?: string
  /** The process of this machine that it is, where that is stopped (SIGSTOP), so that nothing in it runs, and no other may be it. */
  readonly stoppedProcess?: number
}

/** Nodes that are found at once, at most. */
export const maxDiscovered = 2_000

/** What stands before the @. */
export const shortName = (node: string): string => node.split("@", 1)[0]!

/** For a node of this machine without its host: the one node of this machine that is called so, if there is just one. */
export type FullName = (short: string) => string | undefined

/** What stands behind the @, if anything. */
const hostOf = (node: string): string | undefined => {
  const at = node.indexOf("@")
  return at < 0 ? undefined : node.slice(at + 1)
}

const localByShort = (
  nodes: ReadonlyArray<string>,
  isLocal: (host: string) => boolean
): ReadonlyMap<string, ReadonlySet<string>> => {
  const byShort = new Map<string, Set<string>>()
  for (const node of nodes) {
    const host = hostOf(node)
    if (host === undefined || !isLocal(host)) continue
    const short = shortName(node)
    byShort.set(short, (byShort.get(short) ?? new Set()).add(node))
  }
  return byShort
}

/**
 * The full names in sightings; `known` are nodes that we know of by other ways. A guess counts where nobody knows better.
 */
export const fullNames = (
  sightings: ReadonlyArray<SightingOf>,
  known: ReadonlyArray<string>,
  isLocal: (host: string) => boolean
): FullName => {
  const told = sightings.filter(({ isGuess }) => isGuess !== true).map(({ node }) => node)
  // A source that has the node by the machine's loopback, too, names several hosts of it: none is better than the others.
  const idOf = ({ source }: SightingOf, short: string) => JSON.stringify([source, short])
  const hostless = new Set(
    sightings.flatMap((each) => (hostOf(each.node) === undefined ? [idOf(each, each.node)] : []))
  )
  const guessed = sightings
    .filter((each) => each.isGuess && !hostless.has(idOf(each, shortName(each.node))))
    .map(({ node }) => node)
  const sure = localByShort([...told, ...known], isLocal)
  const unsure = localByShort(guessed, isLocal)
  return (short) => {
    const [name, ...others] = sure.get(short) ?? unsure.get(short) ?? []
    return others.length === 0 ? name : undefined
  }
}

/** What several sightings of a node say together. */
const discoveredOf = (node: string, seen: ReadonlyArray<SightingOf>): Discovered => {
  // All of it as one source has it: the port of an EPMD is one of its host.
  const place =
    seen.find((each) => each.port !== undefined) ??
    seen.find((each) => each.epmdPort !== undefined) ??
    seen.find((each) => each.host !== undefined)
  const { epmdPort, host, port } = place ?? {}
  const cookieFile = seen.find((each) => each.cookieFile !== undefined)?.cookieFile
  const [process, ...others] = seen.flatMap((each) => each.process ?? [])
  return {
    node,
    sources: [...new Set(seen.map(({ source }) => source))],
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(epmdPort !== undefined && { epmdPort }),
    // Who sees a node as a visible one is right; who takes it for a hidden one knows one link to it.
    ...(seen.some(({ isHidden }) => isHidden) &&
      !seen.some(({ isHidden }) => isHidden === false) && { isHidden: true }),
    ...(seen.some(({ isListening }) => isListening === false) && { isListening: false }),
    ...(seen.some(({ isTls }) => isTls) && { isTls: true }),
    ...(cookieFile !== undefined && { cookieFile }),
    ...(process?.isStopped === true && others.length === 0 && { stoppedProcess: process.pid })
  }
}

/** One entry a node, by name. */
export const merge = (
  sightings: ReadonlyArray<SightingOf>,
  fullName: FullName,
  isLocal: (host: string) => boolean
): ReadonlyArray<Discovered> => {
  const byName = new Map<string, Array<SightingOf>>()
  const hostless = new Set(sightings.map(({ node }) => node).filter((node) => hostOf(node) === undefined))
  /** What a node of this machine is called in full; where that may be this or that, and its EPMD told of it, without. */
  const nameOf = (node: string): string => {
    const short = shortName(node)
    return fullName(short) ?? (hostless.has(short) ? short : node)
  }
  for (const sighting of sightings) {
    const host = hostOf(sighting.node)
    // An EPMD has a name once, by whichever of its host's names it was asked.
    const isOpen = host === undefined || (sighting.isGuess === true && isLocal(host))
    const node = isOpen ? nameOf(sighting.node) : sighting.node
    const seen = byName.get(node)
    if (seen === undefined) byName.set(node, [sighting])
    else seen.push(sighting)
  }
  return [...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([node, seen]) => discoveredOf(node, seen))
}
