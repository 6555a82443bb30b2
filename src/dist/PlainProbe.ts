import { Effect } from "effect"
import type { Duplex } from "node:stream"
import type { DistError } from "./DistError.ts"
import { HandshakePackets } from "./Handshake.ts"
import { type Endpoint, Transport } from "./Transport.ts"

/** Milliseconds that a node may take for its part of TLS until it is asked without. */
const patienceMillis = 2_000

/**
 * Dials with TLS; where no answer comes, asks without, and fails with `wantsPlain` if that is answered.
 *
 * A node without TLS takes our greeting for the length of a packet of 5,635 bytes, and waits for the rest without a
 * word until its own patience is over (`net_setuptime`, 7 s). Asked without TLS it says its status at once, and that
 * costs it nothing and tells it nothing but what `opening` holds; a slow node with TLS refuses that with an alert.
 */
export const orWantsPlain = <R>(
  dialled: Effect.Effect<Duplex, DistError, R>,
  probe: { readonly to: Endpoint; readonly opening: Uint8Array; readonly timeoutMillis: number },
  wantsPlain: DistError
): Effect.Effect<Duplex, DistError, R> => {
  const patience = Math.min(patienceMillis, probe.timeoutMillis / 3)
  return Effect.raceFirst(
    dialled,
    Effect.sleep(patience).pipe(
      Effect.andThen(saysStatus(probe.to, probe.opening, probe.timeoutMillis - patience)),
      Effect.flatMap((isPlain) => (isPlain ? Effect.fail(wantsPlain) : Effect.never))
    )
  )
}

/** Whether the opening of a handshake is answered with a status. */
const saysStatus = (to: Endpoint, opening: Uint8Array, timeoutMillis: number): Effect.Effect<boolean> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { dial } = yield* Transport
      const stream = yield* dial(to, timeoutMillis)
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
  ).pipe(
    Effect.timeoutOrElse({ duration: timeoutMillis, orElse: () => Effect.succeed(false) }),
    Effect.catch(() => Effect.succeed(false))
  )
