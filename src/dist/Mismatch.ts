import { Effect, type Scope } from "effect"
import type { Duplex } from "node:stream"
import type { DistError, DistReason } from "./DistError.ts"
import { HandshakePackets } from "./Handshake.ts"
import { type Endpoint, Transport } from "./Transport.ts"

// One side speaks TLS and the other does not: neither always says so. Where a node keeps silent, or closes, it is asked
// the other way, once, on a connection of its own. That tells it nothing but our opening, and changes nothing there.

/** Milliseconds that a node may take for its part of TLS until it is asked without, and for an answer to the asking. */
const patienceMillis = 2_000

/**
 * Dials with TLS; where no answer comes, asks without, and fails with `wantsPlain` if that is answered.
 *
 * A node without TLS takes our greeting for the length of a packet of 5,635 bytes, and waits for the rest without a
 * word until its own patience is over (`net_setuptime`, 7 s). A slow node with TLS answers the asking with an alert.
 */
export const orWantsPlain = <R>(
  dialled: Effect.Effect<Duplex, DistError, R>,
  probe: PlainProbe,
  wantsPlain: DistError
): Effect.Effect<Duplex, DistError, R> => Effect.raceFirst(dialled, refuted(probe, wantsPlain))

interface PlainProbe {
  readonly to: Endpoint
  readonly opening: Uint8Array
  readonly timeoutMillis: number
}

/** After some patience, fails if a plain opening is answered; never succeeds. */
const refuted = ({ opening, timeoutMillis, to }: PlainProbe, wantsPlain: DistError): Effect.Effect<never, DistError> =>
  Effect.sleep(Math.min(patienceMillis, timeoutMillis / 3)).pipe(
    Effect.andThen(asked(saysStatus(to, opening, timeoutMillis), timeoutMillis)),
    Effect.flatMap((isPlain) => (isPlain ? Effect.fail(wantsPlain) : Effect.never))
  )

/**
 * Fails with `wantsTls` where a node that has closed a connection without a word speaks TLS. Nodes of OTP 25 and later
 * answer a plain opening with an alert; those of OTP 23 only close.
 */
export const orWantsTls = (
  closed: DistError,
  probe: { readonly to: Endpoint; readonly timeoutMillis: number },
  wantsTls: DistError
): Effect.Effect<never, DistError> =>
  Effect.flatMap(
    asked(speaksTls(probe.to, probe.timeoutMillis), Math.min(patienceMillis, probe.timeoutMillis)),
    (yes) => Effect.fail(yes ? wantsTls : closed)
  )

/** No answer within the time, and no connection, is no. */
const asked = (question: Effect.Effect<boolean, unknown, Scope.Scope>, timeoutMillis: number): Effect.Effect<boolean> =>
  Effect.scoped(question).pipe(
    Effect.timeoutOrElse({ duration: timeoutMillis, orElse: () => Effect.succeed(false) }),
    Effect.orElseSucceed(() => false)
  )

/** Whether the opening of a handshake is answered with a status. */
const saysStatus = (to: Endpoint, opening: Uint8Array, timeoutMillis: number) =>
  Effect.gen(function* () {
    const stream = yield* (yield* Transport).dial(to, timeoutMillis)
    const packets = new HandshakePackets(2)
    return yield* Effect.callback<boolean>((resume) => {
      stream.on("data", (chunk: Uint8Array) => {
        packets.push(chunk)
        const packet = packets.next()
        if (packet !== undefined) resume(Effect.succeed(!("_tag" in packet) && packet[0] === 0x73))
      })
      stream.once("close", () => resume(Effect.succeed(false)))
      stream.write(packets.framed(opening))
    })
  })

/** Whether there is TLS, or a reason for none that only TLS can give. Nothing is sent over it. */
const speaksTls = (to: Endpoint, timeoutMillis: number) =>
  Effect.gen(function* () {
    const { dial } = yield* Transport
    return yield* dial(to, timeoutMillis, { options: { insecure: true }, serverName: "" }).pipe(
      Effect.as(true),
      Effect.catch(({ tls }) => Effect.succeed(tls !== undefined && isOfTls(tls)))
    )
  })

/** Whether a reason for no TLS is one that only TLS can give; an alert is, whatever it says. */
const isOfTls = (reason: DistReason): boolean =>
  reason._tag === "TlsFailed" ? reason.alert !== undefined : reason._tag !== "Timeout"
