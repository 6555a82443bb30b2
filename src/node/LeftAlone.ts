import { Data, Effect } from "effect"
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
 * A node that is left alone for its own sake: nobody is sent to it, by itself or for a call, before somebody wants it by
 * name, or it has ended. Times are milliseconds since the Unix epoch.
 */
export class LeftAlone extends Data.TaggedError("LeftAlone")<{
  readonly node: string
  readonly lack: Lack
  /** When that was. */
  readonly at: number
  /** When it ends by itself, where EPMD will not tell that the node has ended. */
  readonly until?: number
}> {
  override get message(): string {
    const { at, lack, node, until } = this
    const how =
      until === undefined
        ? "before EPMD says that it has ended, by having no such name or another port for it"
        : `before ${new Date(until).toISOString()}, since nobody can tell whether it has ended`
    return `${node} is left alone: ${lacked(lack)} when it was heard last, at ${new Date(at).toISOString()}. ${danger(lack)} ${remedy(lack)} Nobody is sent there, by itself or for a call, ${how}.`
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
export const notAgainSentence = ({ lack, until }: LeftAlone): string =>
  `It is not connected again by itself, nor for a call${until === undefined ? "" : `, before ${new Date(until).toISOString()}`}: ${lacked(lack)} when it was heard last, and a connection that comes in may end the node.`

/**
 * Whether a node has ended since we were connected to it, asked within so many milliseconds: EPMD has another port for it;
 * `gone`: it has no such name. `unknown`: there is no EPMD any more, and one that comes will not know what was before.
 */
export type HasEnded = (timeoutMillis: number) => Effect.Effect<boolean | "gone" | "unknown">

/** That a node is left alone, as it is remembered. */
export interface Leave {
  readonly lack: Lack
  /** In milliseconds since the Unix epoch. */
  readonly at: number
  /** Absent where no EPMD is asked where the node is: its port was given, or a tunnel leads there. */
  readonly hasEnded: HasEnded | undefined
  /** When it ends by itself, by the steady clock. */
  readonly endsAt: number | undefined
  /** Since when EPMD has had no such name, by the steady clock; absent while it has one. */
  readonly goneSince?: number | undefined
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

/** Begins to leave a node alone. */
export const leave = (lack: Lack, hasEnded: HasEnded | undefined, now: Moment): Leave => ({
  lack,
  at: now.wall,
  hasEnded,
  endsAt: hasEnded === undefined ? now.steady + restMillis : undefined
})

/** Whether its time is over, so that one attempt may be made. */
export const isOver = ({ endsAt }: Leave, now: number): boolean => endsAt !== undefined && now >= endsAt

/** The same when that attempt begins. */
export const once = (left: Leave, now: number): Leave =>
  isOver(left, now) ? { ...left, endsAt: now + restMillis } : left

/** What is left of it once that answer was had, at this time by the steady clock. */
export const leftAfter = (left: Leave, answer: boolean | "gone" | "unknown", now: number): Leave | undefined => {
  const { endsAt, goneSince } = left
  if (answer === true) return undefined
  if (answer === "gone") {
    if (goneSince === undefined) return { ...left, goneSince: now }
    return now - goneSince >= goneMillis ? undefined : left
  }
  // Whoever is there now, after the name was gone or EPMD itself was, may be the same or another.
  const isSure = answer === false && goneSince === undefined
  return isSure ? left : { ...left, goneSince: undefined, endsAt: endsAt ?? now + restMillis }
}

/** What is left of it now; who waits for that has so many milliseconds. */
export const stillLeft = (left: Leave, now: () => Moment, timeoutMillis: number): Effect.Effect<Leave | undefined> =>
  Effect.suspend(() =>
    left.hasEnded === undefined
      ? Effect.succeed(left)
      : Effect.map(left.hasEnded(timeoutMillis), (answer) => leftAfter(left, answer, now().steady))
  )

/** As it is told to those who come meanwhile. */
export const toldOf = (node: string, { at, endsAt, lack }: Leave, now: Moment): LeftAlone =>
  new LeftAlone({ node, lack, at, ...(endsAt !== undefined && { until: onTheWall(now, endsAt) }) })
