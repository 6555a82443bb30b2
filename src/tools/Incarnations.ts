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

interface Run {
  readonly creation: number
  /** That the session has met an earlier incarnation, and has not accepted this one as a whole. */
  readonly restart: Restart | undefined
  /** Whether a result has told of the restart. */
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

  /** From now on, all identifiers are those of the incarnation that the session has met last. */
  accept(name: string): void {
    const run = this.#runs.get(name)
    if (run !== undefined) this.#runs.set(name, { ...run, restart: undefined, isTold: true, shown: new Set() })
  }

  /** The restart that no result has told of. */
  untold(name: string): Restart | undefined {
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

  /** The first identifier in a value that may be from before the restart of a node, with that restart. */
  stale(name: string, value: unknown): { readonly identifier: string; readonly restart: Restart } | undefined {
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

/** `0.90.0`, as a shell may show a pid without its brackets. */
const bare = /^\s*0\.(\d+\.\d+)\s*$/u

/**
 * The node's own pids, ports and references in a text, in whatever syntax: all have a 0 or the node's name, and then
 * numbers, between angle brackets. `key` is the same for all spellings of one.
 */
const identifiersIn = (text: string, name: string): ReadonlyArray<{ readonly key: string; readonly text: string }> => {
  const alone = bare.exec(text)
  if (alone !== null) return [{ key: alone[1]!, text: text.trim() }]
  const owners = ["0.", `${name}.`, `'${name}'.`, `"${name}".`]
  return Array.from(text.matchAll(/<([^<>]+)>/gu)).flatMap(([whole, inner]) => {
    const owner = owners.find((it) => inner!.startsWith(it))
    const key = inner!.slice(owner?.length)
    return owner !== undefined && /^\d+(?:\.\d+)*$/u.test(key) ? [{ key, text: whole }] : []
  })
}
