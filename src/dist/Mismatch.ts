import { Effect, type Scope } from "effect"
import type { X509Certificate } from "node:crypto"
import type { Duplex } from "node:stream"
import { describeBytes, DistError, type DistReason } from "./DistError.ts"
import { describePacket, HandshakePackets } from "./Handshake.ts"
import { holderOf, type TlsSeen } from "./Tls.ts"
import { type Endpoint, Transport } from "./Transport.ts"

// One side speaks TLS and the other does not: neither always says so. Where a node keeps silent, or closes, it is asked
// the other way, once, on a connection of its own. That tells it nothing but our opening, and changes nothing there.

/** Milliseconds that a node may take for its part of TLS until it is asked without, and for an answer to the asking. */
const patienceMillis = 2_000

/**
 * Dials with TLS; where no answer comes, or none that is TLS, asks without, and fails with `wantsPlain` if a node answers
 * that, with what was said if something else does.
 *
 * A node without TLS takes our greeting for the length of a packet of 5,635 bytes, and waits for the rest without a
 * word until its own patience is over (`net_setuptime`, 7 s). A slow node with TLS answers the asking with an alert.
 */
export const orWantsPlain = <R>(
  dialled: Effect.Effect<Duplex, DistError, R>,
  probe: PlainProbe,
  wantsPlain: DistError
): Effect.Effect<Duplex, DistError, R> =>
  Effect.raceFirst(
    Effect.catchReason(dialled, "DistError", "TlsFailed", (reason, error) =>
      reason.isNotTls === true ? explained(reason, error, probe, wantsPlain) : Effect.fail(error)
    ),
    refuted(probe, wantsPlain)
  )

interface PlainProbe {
  readonly to: Endpoint
  readonly opening: Uint8Array
  readonly timeoutMillis: number
}

/** Asks once, without TLS; no answer in a moment is none. */
const askPlain = ({ opening, timeoutMillis, to }: PlainProbe): Effect.Effect<PlainAnswer> =>
  asked(plainAnswer(to, opening, timeoutMillis), Math.min(patienceMillis, timeoutMillis), { isStatus: false })

/** After some patience, fails if a plain opening is answered; never succeeds. */
const refuted = (probe: PlainProbe, wantsPlain: DistError): Effect.Effect<never, DistError> =>
  Effect.sleep(Math.min(patienceMillis, probe.timeoutMillis / 3)).pipe(
    Effect.andThen(
      asked(plainAnswer(probe.to, probe.opening, probe.timeoutMillis), probe.timeoutMillis, { isStatus: false })
    ),
    Effect.flatMap(({ isStatus }) => (isStatus ? Effect.fail(wantsPlain) : Effect.never))
  )

/** Fails with what it is that speaks no TLS. */
const explained = (
  reason: Extract<DistReason, { readonly _tag: "TlsFailed" }>,
  { node }: DistError,
  probe: PlainProbe,
  wantsPlain: DistError
): Effect.Effect<never, DistError> =>
  Effect.flatMap(askPlain(probe), ({ isStatus, seen }) =>
    Effect.fail(
      isStatus ? wantsPlain : new DistError({ node, reason: { ...reason, ...(seen !== undefined && { seen }) } })
    )
  )

/**
 * Fails with `WantsTls` where what has closed a connection without a word speaks TLS. Nodes of OTP 25 and later answer a
 * plain opening with an alert; those of OTP 23 only close.
 */
export const orWantsTls = (
  closed: DistError,
  { timeoutMillis, to }: { readonly to: Endpoint; readonly timeoutMillis: number }
): Effect.Effect<never, DistError> =>
  Effect.flatMap(asked(speaksTls(to, timeoutMillis), Math.min(patienceMillis, timeoutMillis), undefined), (reason) =>
    Effect.fail(reason === undefined ? closed : new DistError({ node: closed.node, reason }))
  )

/** What it is `otherwise`: without an answer within the time, and without a connection. */
const asked = <A>(
  question: Effect.Effect<A, unknown, Scope.Scope>,
  timeoutMillis: number,
  otherwise: A
): Effect.Effect<A> =>
  Effect.scoped(question).pipe(
    Effect.timeoutOrElse({ duration: timeoutMillis, orElse: () => Effect.succeed(otherwise) }),
    Effect.orElseSucceed(() => otherwise)
  )

/** What the opening of a handshake is answered with. */
interface PlainAnswer {
  /** A status, as nodes give one. */
  readonly isStatus: boolean
  /** What else, for a person. */
  readonly seen?: string
}

const plainAnswer = (to: Endpoint, opening: Uint8Array, timeoutMillis: number) =>
  Effect.gen(function* () {
    const stream = yield* (yield* Transport).dial(to, timeoutMillis)
    const packets = new HandshakePackets(2)
    return yield* Effect.callback<PlainAnswer>((resume) => {
      const answer = (given: PlainAnswer) => resume(Effect.succeed(given))
      stream.on("data", (chunk: Uint8Array) => {
        packets.push(chunk)
        const packet = packets.next()
        if (packet === undefined) return
        if (!("_tag" in packet))
          answer(packet[0] === 0x73 ? { isStatus: true } : { isStatus: false, seen: describePacket(packet) })
        else answer({ isStatus: false, ...(packet._tag === "NotErlangNode" && { seen: packet.seen }) })
      })
      stream.once("close", () => answer({ isStatus: false, seen: describeBytes(packets.rest()) }))
      stream.write(packets.framed(opening))
    })
  })

/** That there is TLS, or a reason for none that only TLS can give. Nothing is sent over it. */
const speaksTls = (to: Endpoint, timeoutMillis: number) =>
  Effect.gen(function* () {
    const { dial } = yield* Transport
    let certificate: X509Certificate | undefined
    const onSeen = (seen: TlsSeen) => void ({ certificate } = seen)
    const isSpoken = yield* dial(to, timeoutMillis, { options: { insecure: true }, serverName: "", onSeen }).pipe(
      Effect.as(true),
      Effect.catch(({ tls }) => Effect.succeed(tls !== undefined && isOfTls(tls)))
    )
    if (!isSpoken) return undefined
    const holder = certificate && holderOf(certificate)
    return { _tag: "WantsTls", ...(holder !== undefined && { holder }) } as const
  })

/** Whether a reason for no TLS is one that only TLS can give; an alert is, whatever it says. */
const isOfTls = (reason: DistReason): boolean =>
  reason._tag === "TlsFailed" ? reason.alert !== undefined : reason._tag !== "Timeout"
