import { Data, type Effect } from "effect"
import type { Whereabouts } from "../dist/Link.ts"
import { type Moment, onTheWall } from "./Moment.ts"

/**
 * What a node lacked when it was heard last, so that a connection may end it: it had no process left, and where there is
 * not one, a connection that comes in, whoever makes it, ends its `net_kernel`, and with that the node; or it had room for
 * `left` more atoms of `limit`, and each connection may make some, which are never taken back.
 */
export type Lack =
  | { readonly _tag: "Processes" }
  | { readonly _tag: "Atoms"; readonly left: number; readonly limit: number }

/**
 * A node that is left alone for its own sake: nobody is sent to it, whoever asks, before somebody insists, or it has ended.
 * Times are milliseconds since the Unix epoch.
 */
export class LeftAlone extends Data.TaggedError("LeftAlone")<{
  readonly node: string
  readonly lack: Lack
  /** When that was. */
  readonly at: number
  /** When one attempt is made at the latest, where EPMD may not tell that the node has ended. */
  readonly until?: number
  /** That EPMD is asked all the same, and may tell before. */
  readonly isAsked?: true
}> {
  override get message(): string {
    const { at, isAsked, lack, node, until } = this
    const told = "before EPMD says that it has ended, by having no such name for five seconds or another port for it"
    const how =
      until === undefined
        ? told
        : isAsked === true
          ? `${told}, or ${new Date(until).toISOString()}, since EPMD may have been started anew and not know what was before`
          : `before ${new Date(until).toISOString()}, since nobody can tell whether it has ended`
    return `${node} is left alone: ${lacked(lack)} when it was heard last, at ${new Date(at).toISOString()}. ${danger(lack)} ${remedy(lack)} Nobody is sent there, ${how}.`
  }
}

const lacked = (lack: Lack): string =>
  lack._tag === "Processes"
    ? "its process table was full"
    : `it had room for ${lack.left} more atoms, of ${lack.limit},`

const danger = (lack: Lack): string =>
  lack._tag === "Processes"
    ? "Where not one process is left, any connection that comes in ends its net_kernel, and the node with it (OTP's supervisors do that)."
    : "Each connection that comes in may make more of them, none is ever taken back, and a node whose atom table is full crashes."

const remedy = (lack: Lack): string =>
  lack._tag === "Processes"
    ? "On the node itself, see that it has room (erlang:system_info(process_count) and process_limit) or end what fills it, or restart it, with a larger +P."
    : "On the node itself, find what makes them of what comes from outside (list_to_atom, binary_to_atom, String.to_atom or JSON keys as atoms), and restart it in time, with a larger +t."

/** Why a link that was lost is not made again, as it is said behind why it was. */
export const notAgainSentence = ({ isAsked, lack, until }: LeftAlone): string =>
  `It is not connected again by itself, nor for a call${until === undefined || isAsked === true ? "" : `, before ${new Date(until).toISOString()}`}: ${lacked(lack)} when it was heard last, and a connection that comes in may end the node.`

/** Asks EPMD, within so many milliseconds, where a node is since we were connected to it. */
export type AskWhereabouts = (timeoutMillis: number) => Effect.Effect<Whereabouts>

/** That a node is left alone, as it is remembered. */
export interface Leave {
  /** The same object for as long as this is the same leave, whatever is learned meanwhile. */
  readonly lack: Lack
  /** In milliseconds since the Unix epoch. */
  readonly at: number
  /** Absent where no EPMD is asked where the node is: its port was given, or a tunnel leads there. */
  readonly whereabouts: AskWhereabouts | undefined
  /** When one attempt may be made, by the steady clock. */
  readonly endsAt: number | undefined
  /** From the first to the latest of the looks on end at which EPMD had no such name, by the steady clock. */
  readonly gone?: { readonly since: number; readonly at: number } | undefined
}

/**
 * Milliseconds for which a node is left alone that nobody can be asked about, since even to see whether something listens
 * there is a connection to it. Long enough to look at the node itself; and one attempt then is better than a node that was
 * restarted long ago and is never connected again.
 */
const restMillis = 600_000

/**
 * Milliseconds for which EPMD has no such name before the node counts as ended: when EPMD itself was started anew, nodes that
 * go on tell it their names again, after two seconds (erl_epmd.erl, OTP 24 on).
 */
const goneMillis = 5_000

/** Milliseconds between two looks at most: in a longer time EPMD may have had the name, and have been started anew again. */
const apartMillis = 2_000

/** Begins to leave a node alone. */
export const leave = (lack: Lack, whereabouts: AskWhereabouts | undefined, now: Moment): Leave => ({
  lack: { ...lack },
  at: now.wall,
  whereabouts,
  endsAt: whereabouts === undefined ? now.steady + restMillis : undefined
})

/** Whether its time is over, so that one attempt may be made. */
export const isOver = ({ endsAt }: Leave, now: number): boolean => endsAt !== undefined && now >= endsAt

/** The same when that attempt begins. */
export const once = (left: Leave, now: number): Leave =>
  isOver(left, now) ? { ...left, endsAt: now + restMillis } : left

/** What is left of it once that answer was had, at this time by the steady clock. */
export const leftAfter = (left: Leave, answer: Whereabouts, now: number): Leave | undefined => {
  const { endsAt, gone } = left
  if (answer === "moved") return undefined
  if (answer === "gone") {
    const since = gone !== undefined && now - gone.at <= apartMillis ? gone.since : now
    return now - since >= goneMillis ? undefined : { ...left, gone: { since, at: now } }
  }
  // Whoever is there now, after the name was gone or EPMD itself was, may be the same or another.
  const isSure = answer === "same" && gone === undefined
  return isSure ? left : { ...left, gone: undefined, endsAt: endsAt ?? now + restMillis }
}

/** As it is told to those who come meanwhile. */
export const toldOf = (node: string, { at, endsAt, lack, whereabouts }: Leave, now: Moment): LeftAlone =>
  new LeftAlone({
    node,
    lack,
    at,
    ...(endsAt !== undefined && { until: onTheWall(now, endsAt) }),
    ...(endsAt !== undefined && whereabouts !== undefined && { isAsked: true })
  })
