import { Effect, Layer } from "effect"
import { Targets } from "../../src/node/Targets.ts"

/** Targets of which a test says what matters to it. No node is configured, and no cookie secret, unless it says so. */
export const targetsOf = ({
  nodes = Effect.succeed([]),
  ...said
}: Pick<Targets["Service"], "epmdPort" | "resolve"> & Partial<Targets["Service"]>): Layer.Layer<Targets> =>
  Layer.succeed(Targets, {
    way: (name) => Effect.succeed({ name }),
    nodes,
    entries: nodes,
    problem: Effect.undefined,
    discovery: [],
    cookies: Effect.succeed([]),
    ...said
  })
