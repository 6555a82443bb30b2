import { Redacted } from "effect"
import { DistError, type DistReason } from "../dist/DistError.ts"
import type { NodeError } from "./NodeError.ts"

/** What we show a node. */
export interface Introduction {
  readonly cookie: Redacted.Redacted
  readonly ourName: string | undefined
}

/** Whether a node is shown the same as before. */
export const isSame = (one: Introduction | undefined, other: Introduction): boolean =>
  one !== undefined && Redacted.value(one.cookie) === Redacted.value(other.cookie) && one.ourName === other.ourName

/** How a node has refused us, as it seems, with this cookie and under this name of ours. */
export interface Refusal extends Introduction {
  readonly why: NodeError
  /** The last time, in milliseconds since the Unix epoch. */
  readonly at: number
  /** How often, with no success in between. */
  readonly times: number
  /** Whether it has taken the same before. */
  readonly wasTaken: boolean
}

/**
 * How often a cookie must seem to be refused until that is believed. A node that refuses one only closes the connection,
 * and so does a network that ends it at that very moment, or a node that is killed then: it takes two to tell, and more
 * of a cookie that was right before. Each attempt costs the node one line of its log.
 */
const timesToBelieve = { unknown: 2, taken: 3 } as const

/** Whether a node would refuse us again. What it says in words is believed at once. */
export const isBelieved = ({ times, wasTaken, why }: Refusal): boolean =>
  rejectedCookie(why) === undefined || times >= timesToBelieve[wasTaken ? "taken" : "unknown"]

/** The latest refusal after the one before it. That it is believed is told with it. */
export const refusalAfter = (before: Refusal | undefined, latest: Omit<Refusal, "times">): Refusal => {
  const refusal = { ...latest, times: before !== undefined && isSame(before, latest) ? before.times + 1 : 1 }
  return isBelieved(refusal) ? { ...refusal, why: withDetail(refusal.why, { isCertain: true }) } : refusal
}

/** Whether a node is not shown this again, by how it has refused us. */
export const holds = (refusal: Refusal | undefined, shown: Introduction): refusal is Refusal =>
  refusal !== undefined && isSame(refusal, shown) && isBelieved(refusal)

/** What is left of a refusal once a node has let us in as we were shown: what it would not take else, it takes no more now. */
export const refusalBeside = (refusal: Refusal | undefined, taken: Introduction): Refusal | undefined =>
  isSame(refusal, taken) ? undefined : refusal

/** A refusal that is told again, with the time that it is of. */
export const asRemembered = ({ at, why }: Refusal): NodeError => withDetail(why, { at })

/** A refused cookie may be one of several: which it was is for the operator to know. */
export const withCookieSource = (why: NodeError, source: string | undefined): NodeError =>
  source === undefined ? why : withDetail(why, { source })

/** Milliseconds for which a link that has ended here may go on at the node: some eight times the default tick time. */
const lingeringMillis = 600_000

/**
 * What is known of a name of ours that the node has a connection from: one of our own under it has ended,
 * which the node need not have noticed. `former`: the name that it had, and when it ended; `now` is on the same clock.
 */
export const withFormerLink = (
  why: NodeError,
  former: { readonly ourName: string | undefined; readonly until: number } | undefined,
  now: number
): NodeError => {
  if (why._tag !== "DistError" || why.reason._tag !== "NameInUse" || former === undefined) return why
  const { ourName, until } = former
  return ourName === why.reason.name && now - until < lingeringMillis
    ? new DistError({ node: why.node, reason: { ...why.reason, endedAt: until } })
    : why
}

type CookieRejected = Extract<DistReason, { readonly _tag: "CookieRejected" }>

const rejectedCookie = (why: NodeError): CookieRejected | undefined =>
  why._tag === "DistError" && why.reason._tag === "CookieRejected" ? why.reason : undefined

/** What else is known of a refused cookie; nothing of another failure. */
const withDetail = (why: NodeError, detail: Partial<CookieRejected>): NodeError => {
  const reason = rejectedCookie(why)
  return reason === undefined ? why : new DistError({ node: (why as DistError).node, reason: { ...reason, ...detail } })
}
