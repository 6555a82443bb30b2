import { Effect, Layer, Redacted } from "effect"
import { Targets } from "../../src/node/Targets.ts"

/** The one node that is configured by {@link oneTarget}. */
export const node = "app@127.0.0.1"

/** Targets that are looked up at this EPMD, all with one cookie. */
export const oneTarget = (epmdPort: number) =>
  Layer.succeed(Targets, {
    configured: [node],
    nameOf: () => undefined,
    aliasOf: () => undefined,
    epmdPort,
    cookies: Effect.succeed([]),
    resolve: (name) => Effect.succeed({ name, cookie: Redacted.make("a cookie"), epmdPort })
  })
