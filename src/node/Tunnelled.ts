import { Effect } from "effect"
import { DistError, type DistReason } from "../dist/DistError.ts"
import type { Call } from "./Call.ts"
import { CallError } from "./CallError.ts"

/** A command of the operator's that holds the way to a node open while that is connected. */
export interface TunnelCommand {
  /** The program alone, fit to be shown: its arguments may have a password in them. */
  readonly program: string
  /** The end of what it has written to standard error by now, in one line. */
  readonly said: Effect.Effect<string>
  /** That it has ended, how, and what it said, in sentences, once it has; waits a moment for an end that is on its way. */
  readonly ended: Effect.Effect<string | undefined>
}

/** Milliseconds that a command may take to say why what came through it has ended, at most. */
const wordsMillis = 400

/** Milliseconds that are left for an attempt through a tunnel, so that there is time for what its command says of that. */
export const besideWords = (tunnel: TunnelCommand | undefined, millis: number): number =>
  tunnel === undefined ? millis : Math.max(millis / 2, millis - wordsMillis)

/** What is to be said of a tunnel: that it has ended, else what it is and what it has said. */
const toldOf = Effect.fnUntraced(function* (
  { ended, program, said }: TunnelCommand,
  whileItRuns: string
): Effect.fn.Return<{ readonly hasEnded: boolean; readonly through: string }> {
  const end = yield* ended
  if (end !== undefined)
    return { hasEnded: true, through: `The way there was the tunnel of its entry (${program}): ${end}` }
  const words = yield* said
  return { hasEnded: false, through: `${whileItRuns} ${words === "" ? "It has said nothing." : `It said: ${words}`}` }
})

/** What comes of a way that is open here and leads nowhere: our end takes connections, and somebody closes them. */
const reasonsOfTheWay: ReadonlySet<DistReason["_tag"]> = new Set([
  "PortRefused",
  "Unreachable",
  "Timeout",
  "TlsFailed",
  "NotErlangNode",
  "ClosedInHandshake"
])

/**
 * Tells of a link that cannot be made through a tunnel what its command says of that. A node that closes the connection
 * when it was shown the cookie has refused that, unless it was the tunnel that closed it.
 */
export const throughTunnel =
  (tunnel: TunnelCommand | undefined) =>
  <A, R>(link: Effect.Effect<A, DistError, R>): Effect.Effect<A, DistError, R> =>
    tunnel === undefined
      ? link
      : Effect.catchIf(
          link,
          ({ reason }) => reason._tag === "CookieRejected" || reasonsOfTheWay.has(reason._tag),
          (why) => Effect.flatMap(toldThrough(tunnel, why), Effect.fail)
        )

const toldThrough = Effect.fnUntraced(function* (tunnel: TunnelCommand, why: DistError): Effect.fn.Return<DistError> {
  const isRefusal = why.reason._tag === "CookieRejected"
  if (isRefusal && (yield* tunnel.ended) === undefined) return why
  const { through } = yield* toldOf(
    tunnel,
    `The way there is the tunnel of its entry (${tunnel.program}): check what it leads to, or run its command by hand, with a free port for {port}.`
  )
  return new DistError({
    ...why,
    ...(isRefusal && { reason: { _tag: "ClosedInHandshake", stage: "acknowledgement" } }),
    through
  })
})

/** How a link ends whose tunnel does. */
const reasonsOfTheEnd: ReadonlySet<DistReason["_tag"]> = new Set(["LinkClosed", "TickTimeout", "ProtocolViolation"])

/**
 * Why a link through a tunnel is lost, with what the tunnel's command says of that. Where that has ended, it is what ended
 * the link: all that is seen of it here is that the connection was closed.
 */
export const lostThrough =
  (tunnel: TunnelCommand | undefined) =>
  (why: DistError): Effect.Effect<DistError> =>
    tunnel === undefined || !reasonsOfTheEnd.has(why.reason._tag)
      ? Effect.succeed(why)
      : Effect.map(
          toldOf(tunnel, `The way there was the tunnel of its entry (${tunnel.program}).`),
          ({ hasEnded, through }) =>
            new DistError({
              ...why,
              ...(hasEnded && { reason: { _tag: "LinkClosed", detail: "the tunnel to it ended" } }),
              through
            })
        )

/** Calls over a link through a tunnel, that tell so where the link is lost. */
export const callThrough = (tunnel: TunnelCommand | undefined, call: Call): Call =>
  tunnel === undefined
    ? call
    : (...asked) =>
        Effect.catchReason(call(...asked), "CallError", "LinkLost", ({ cause }, error) =>
          Effect.flatMap(lostThrough(tunnel)(cause), (why) =>
            Effect.fail(new CallError({ ...error, reason: { _tag: "LinkLost", cause: why } }))
          )
        )
