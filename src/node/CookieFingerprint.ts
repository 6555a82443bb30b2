import { Effect, Redacted } from "effect"
import { scrypt } from "node:crypto"

/** The same everywhere, so that two people who see different machines can compare. */
const salt = "beamscope cookie fingerprint 1"

/** Slow on purpose: with the fingerprint, a weak cookie could be guessed. Some 100 ms a guess. */
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }

/**
 * Six hexadecimal digits that tell one cookie from another, and next to nothing of the cookie: two people read theirs to
 * each other and know whether they have the same.
 */
export const cookieFingerprint = (cookie: Redacted.Redacted): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    scrypt(Redacted.value(cookie), salt, 3, cost, (error, key) =>
      resume(error === null ? Effect.succeed(key.toString("hex")) : Effect.die(error))
    )
  })
