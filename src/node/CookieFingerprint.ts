import { Effect, Redacted } from "effect"
import { scrypt } from "node:crypto"

/** The same everywhere, so that two people who see different machines can compare. */
const salt = "beamscope cookie fingerprint 1"

/** Slow on purpose, some 100 ms: who has a fingerprint could else try all the words there are. */
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }

/**
 * Four hexadecimal digits by which two people who look from different machines see whether they have the same cookie: of
 * 65,536 wrong ones a single one looks right. That is too little to find out a cookie by, since of a list of a million
 * guesses some fifteen fit as well as the right one.
 */
export const cookieFingerprint = (cookie: Redacted.Redacted): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    scrypt(Redacted.value(cookie), salt, 2, cost, (error, key) =>
      resume(error === null ? Effect.succeed(key.toString("hex")) : Effect.die(error))
    )
  })
