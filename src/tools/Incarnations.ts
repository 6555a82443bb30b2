import { readAtom } from "../syntax/AtomText.ts"
import { type LocalIdentifier, parsePid, parsePort, parseReference } from "../syntax/Identifier.ts"

/** A node as far as it matters which incarnation of it one deals with. */
interface Incarnation {
  readonly name: string
  /** A restarted node has the same name and another creation. */
  readonly creation: number
}

/** When a node was restarted, as far as we could see. Milliseconds since the Unix epoch. */
export interface Restart {
  /** When the link before was lost; `undefined` where that is not known. */
  readonly lost: number | undefined
  /** Since when we are connected to the incarnation that there is now. */
  readonly since: number
}

/** That what a node was called by led to another one before: the configuration, say, was changed. */
export interface Move {
  readonly called: string
  /** The name of the node that it led to before. */
  readonly from: string
}

/** Why identifiers of a node that the session has seen may be something else by now. */
export type Upheaval = Restart | Move

interface Run {
  readonly creation: number
  /** That the session has met an earlier incarnation, or another node, and has not accepted this one as a whole. */
  readonly restart: Upheaval | undefined
  /** Whether a result has told of that. */
  isTold: boolean
  /** Identifiers that results have shown since the restart, the latest of them. */
  readonly shown: Set<string>
}

/** Identifiers that are remembered: some ten results that hold nothing else. */
const maxShown = 10_000

/**
 * Which incarnation of each node a session has met. The pid of a process that is gone may be another's after a restart:
 * it is good again once a result has shown it, since that came from the incarnation that there is now.
 */
export class Incarnations {
  readonly #runs = new Map<string, Run>()
  /** Names of nodes by what else they were called by: aliases, short names. */
  readonly #called = new Map<string, string>()

  /** Whether the session has met this node, and this is another incarnation of it. */
  isRestarted({ creation, name }: Incarnation): boolean {
    const run = this.#runs.get(name)
    return run !== undefined && run.creation !== creation
  }

  /** Takes notice of a node; with `restart`, of one that {@link isRestarted}. */
  meet({ creation, name }: Incarnation, restart?: Restart): void {
    if (this.#runs.get(name)?.creation === creation) return
    this.#runs.set(name, { creation, restart, isTold: restart === undefined, shown: new Set() })
  }

  /** Takes notice of what a node that it has met is called by, unless that is known of another: which one that is. */
  call(called: string, name: string): string | undefined {
    const known = this.#called.get(called)
    if (known === undefined && this.#runs.has(name)) this.#called.set(called, name)
    return known === name ? undefined : known
  }

  /** Takes notice of a node that it has met, and that is called by what led to another one before. */
  move({ creation, name }: Incarnation, move: Move): void {
    this.#called.set(move.called, name)
    this.#runs.set(name, { creation, restart: move, isTold: false, shown: new Set() })
  }

  /** From now on, all identifiers are those of the incarnation that the session has met last. */
  accept(name: string): void {
    const run = this.#runs.get(name)
    if (run !== undefined) this.#runs.set(name, { ...run, restart: undefined, isTold: true, shown: new Set() })
  }

  /** What no result has told of. */
  untold(name: string): Upheaval | undefined {
    const run = this.#runs.get(name)
    return run?.isTold === false ? run.restart : undefined
  }

  /** Remembers what the text of a result shows, which tells of a restart where there was one. */
  showed({ creation, name }: Incarnation, text: string): void {
    const run = this.#runs.get(name)
    if (run?.restart === undefined || run.creation !== creation) return
    run.isTold = true
    for (const { key } of identifiersIn(text, name)) {
      run.shown.delete(key)
      run.shown.add(key)
    }
    for (const key of run.shown) {
      if (run.shown.size <= maxShown) return
      run.shown.delete(key)
    }
  }

  /** The first identifier in a value that may be from before the restart of a node, or another's, with why. */
  stale(name: string, value: unknown): { readonly identifier: string; readonly restart: Upheaval } | undefined {
    const run = this.#runs.get(name)
    if (run?.restart === undefined) return undefined
    const stale = textsIn(value)
      .flatMap((text) => identifiersIn(text, name))
      .find(({ key }) => !run.shown.has(key))
    return stale && { identifier: stale.text, restart: run.restart }
  }
}

const textsIn = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : []
}

const keyOf = (numbers: ReadonlyArray<number | bigint>): string => numbers.join(".")

/** The key of a text that is nothing but a pid, port or reference, in whatever spelling tools take: `0.90.0`, too. */
const keyOfWhole = (text: string, name: string): string | undefined => {
  const isOwn = ({ node }: LocalIdentifier) => node === undefined || node === name
  const [pid, port, reference] = [parsePid(text), parsePort(text), parseReference(text)]
  if (pid._tag === "Pid") return isOwn(pid) ? keyOf([pid.id, pid.serial]) : undefined
  if (port._tag === "Port") return isOwn(port) ? keyOf([port.id]) : undefined
  return reference._tag === "Reference" && isOwn(reference) ? keyOf(reference.words.toReversed()) : undefined
}

/**
 * The key of an identifier of the node that is written as `<owner.numbers>`, by what stands between the brackets. The
 * owner is `0` or the node's name, written plainly (`app@host.90.0`) or as a language writes that atom
 * (`'app@host'.90.0`, `:"app@host".90.0`). `undefined`: it is something else, or another node's.
 */
const keyOfInner = (inner: string, name: string): string | undefined => {
  const plain = ["0", name].find((owner) => inner.startsWith(`${owner}.`))
  const atom = readAtom(inner, 0, true)
  const ownerEnd = plain?.length ?? (atom?.name === name ? atom.end : undefined)
  if (ownerEnd === undefined) return undefined
  const numbers = /^\.(\d+(?:\.\d+)*)$/u.exec(inner.slice(ownerEnd))?.[1]
  return numbers && keyOf(numbers.split(".").map(BigInt))
}

/**
 * The node's own pids, ports and references in a text, in whatever syntax. `key` is the same for all spellings of one:
 * its numbers.
 */
const identifiersIn = (text: string, name: string): ReadonlyArray<{ readonly key: string; readonly text: string }> => {
  const alone = keyOfWhole(text, name)
  if (alone !== undefined) return [{ key: alone, text: text.trim() }]
  return Array.from(text.matchAll(/<([^<>]+)>/gu)).flatMap(([whole, inner]) => {
    const key = keyOfInner(inner!, name)
    return key === undefined ? [] : [{ key, text: whole }]
  })
}
