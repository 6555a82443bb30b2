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
}

/** What comes of a way that is open here and leads nowhere: our end takes connections, and somebody closes them. */
const reasonsOfTheWay: ReadonlySet<DistReason["_tag"]> = new Set([
  "PortRefused",
  "Unreachable",
  "Timeout",
  "TlsFailed",
  "NotErlangNode",
  "ClosedInHandshake"
])

/** Tells of a link that cannot be made through a tunnel what its command says of that. */
export const throughTunnel =
  (tunnel: TunnelCommand | undefined) =>
  <A, R>(link: Effect.Effect<A, DistError, R>): Effect.Effect<A, DistError, R> =>
    tunnel === undefined
      ? link
      : Effect.catchIf(
          link,
          ({ reason }) => reasonsOfTheWay.has(reason._tag),
          (why) =>
            Effect.flatMap(tunnel.said, (said) => Effect.fail(new DistError({ ...why, through: told(tunnel, said) })))
        )

/** How a link ends whose tunnel does. */
const reasonsOfTheEnd: ReadonlySet<DistReason["_tag"]> = new Set(["LinkClosed", "TickTimeout", "ProtocolViolation"])

/** Why a link through a tunnel is lost, with what the tunnel's command says of that. */
export const lostThrough =
  (tunnel: TunnelCommand | undefined) =>
  (why: DistError): Effect.Effect<DistError> =>
    tunnel === undefined || !reasonsOfTheEnd.has(why.reason._tag)
      ? Effect.succeed(why)
      : Effect.map(
          tunnel.said,
          (said) =>
            new DistError({
              ...why,
              through: `The way there was the tunnel of its entry (${tunnel.program}). ${quoted(said)}`
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

const told = ({ program }: TunnelCommand, said: string): string =>
  `The way there is the tunnel of its entry (${program}): check what it leads to, or run its command by hand, with a free port for {port}. ${quoted(said)}`

const quoted = (said: string): string => (said === "" ? "It has said nothing." : `It said: ${said}`)
