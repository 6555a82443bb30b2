import { Effect } from "effect"
import { steadyMillis } from "../node/Moment.ts"
import type { Source } from "./Source.ts"

/** A node as one source sees it. */
export interface Sighting {
  /** Its full name; of a node on this machine of which nobody tells more, what stands before the @. */
  readonly node: string
  /** That what stands behind the @ is where it was looked for: neither EPMD nor DNS tells what a node calls itself. */
  readonly isGuess?: true
  /** The part of its source that told of it: an EPMD, a name in DNS, another node. */
  readonly part: string
  /** Where it is, as the source has it. */
  readonly host?: string
  /** Where it listens. */
  readonly port?: number
  /** Where the EPMD listens that knows it. */
  readonly epmdPort?: number
  /** Whether it is a hidden node; absent where that is not known. */
  readonly isHidden?: boolean
  /** That it takes no connections: it makes them alone. */
  readonly isListening?: false
  /** That it speaks distribution over TLS. */
  readonly isTls?: true
  /** The file that has its cookie; the cookie itself is not read. */
  readonly cookieFile?: string
  /** The process of this machine, and of our network, that it is; stopped (SIGSTOP), nothing in it runs. */
  readonly process?: { readonly pid: number; readonly isStopped: boolean }
}

/** What one source could not tell, or a part of it, and why. */
export interface LookFailure {
  /** Without: the source as a whole. */
  readonly part?: string
  readonly message: string
  /** Whether there was an answer all the same, so that what it does not tell of any more is gone. */
  readonly isAnswer?: boolean
  /** Whether it is as it should be: it leaves open what was told before, and is itself nothing to tell of. */
  readonly isExpected?: boolean
}

/** What came of looking at one source. */
export interface Look {
  readonly sightings: ReadonlyArray<Sighting>
  readonly failures: ReadonlyArray<LookFailure>
}

/** How long a look may take: until when, in milliseconds by the steady clock. */
export interface Patience {
  readonly until: number
}

/** How one kind of source is looked at. It never fails: what it could not see it tells. */
export type LookAt<Kind extends Source["kind"], R = never> = (
  source: Extract<Source, { readonly kind: Kind }>,
  patience: Patience
) => Effect.Effect<Look, never, R>

/** Milliseconds that one part of a source has to answer: one EPMD, one name in DNS, one node. */
const partMillis = 2_000

/** Milliseconds that a source is given beyond its time, to end by itself with what it has; its parts have half of it. */
export const graceMillis = 250

/** Parts of a source that are asked at once. */
const atOnce = 16

/** Hosts or nodes of one source, at most. */
export const maxParts = 100

/** Nodes that one part may tell of, at most: one EPMD that makes up names does not hide what others know. */
export const maxSightings = 500

/** Nothing is known, of a part or at all. */
export const failed = (message: string, part?: string): Look => ({
  sightings: [],
  failures: [{ message, ...(part !== undefined && { part }) }]
})

/** What is known is not all. */
export const partial = (message: string, part?: string): Look => ({
  sightings: [],
  failures: [{ message, ...(part !== undefined && { part }), isAnswer: true }]
})

export const together = (looks: ReadonlyArray<Look>): Look => ({
  sightings: looks.flatMap(({ sightings }) => sightings),
  failures: looks.flatMap(({ failures }) => failures)
})

/**
 * What a part told, cut where it is more than one may tell: by name, since a name server gives its records in another
 * order each time. `odd` of its names are none that a node can have.
 */
export const told = (part: string, sightings: ReadonlyArray<Sighting>, odd: number): Look =>
  together([
    {
      sightings:
        sightings.length > maxSightings
          ? sightings.toSorted((a, b) => (a.node < b.node ? -1 : 1)).slice(0, maxSightings)
          : sightings,
      failures: []
    },
    ...(sightings.length > maxSightings
      ? [partial(`${part} tells of ${sightings.length} nodes; only the first ${maxSightings} by name are taken.`, part)]
      : []),
    ...(odd > 0 ? [partial(`${odd} of the names that ${part} tells of are none that a node can have.`, part)] : [])
  ])

/** Looks at the parts of a source side by side, each for as long as one may take and the whole has time. */
export const lookAtEach = <Part, R>(
  parts: ReadonlyArray<Part>,
  { until }: Patience,
  nameOf: (part: Part) => string,
  lookAt: (part: Part, timeoutMillis: number) => Effect.Effect<Look, never, R>
): Effect.Effect<Look, never, R> =>
  Effect.gen(function* () {
    const looks = yield* Effect.forEach(
      parts.slice(0, maxParts),
      Effect.fnUntraced(function* (part) {
        const left = until - (yield* steadyMillis)
        if (left <= 0) return failed(`${nameOf(part)} was not asked: time was over before.`, nameOf(part))
        const millis = Math.min(left, partMillis)
        return yield* Effect.timeoutOrElse(lookAt(part, millis), {
          // What takes the time from all others does not take what they told.
          duration: millis + graceMillis / 2,
          orElse: () => Effect.succeed(failed(`${nameOf(part)} had told nothing after ${millis} ms.`, nameOf(part)))
        })
      }),
      { concurrency: atOnce }
    )
    const cut =
      parts.length > maxParts
        ? [
            partial(
              `of ${parts.length} places only the first ${maxParts} were asked: not ${nameOf(parts[maxParts]!)} and what follows.`
            )
          ]
        : []
    return together([...looks, ...cut])
  })
