import { Effect, Redacted } from "effect"
import { targetsOf } from "./targetsOf.ts"

/** The one node that is configured by {@link oneTarget}. */
export const node = "app@127.0.0.1"

/** Targets that are looked up at this EPMD, all with one cookie. */
export const oneTarget = (epmdPort: number) =>
  targetsOf({
    nodes: Effect.succeed([{ name: node }]),
    epmdPort,
    resolve: (name) => Effect.succeed({ name, cookie: Redacted.make("a cookie"), epmdPort })
  })
