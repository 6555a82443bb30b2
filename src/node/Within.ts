import { Effect } from "effect"
import type { Call } from "./Call.ts"
import { CallError } from "./CallError.ts"

/** Time that several questions share. */
export interface Span {
  /** Milliseconds that it is long. */
  readonly millis: number
  /** When it is over, by `performance.now`. */
  readonly end: number
}

/** A call that has what is left of a span when it is made. Once that is over, nothing is asked any more. */
export const within =
  (call: Call, node: string, { end, millis }: Span): Call =>
  (module, func, args, options) =>
    Effect.suspend(() => {
      const timeoutMillis = Math.ceil(end - performance.now())
      if (timeoutMillis > 0) return call(module, func, args, { ...options, timeoutMillis })
      const target = `${module}:${func}/${args.length}`
      return Effect.fail(
        new CallError({ node, target, reason: { _tag: "DeadlineExceeded", millis, worker: "not_started" } })
      )
    })
