import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { pid } from "node:process"

const allowed = () => /^Cpus_allowed_list:\s*(\S+)/mu.exec(readFileSync("/proc/self/status", "utf8"))![1]!

/** All that there are for us. */
const processors = allowed()

const allow = (some: string) => execFileSync("taskset", ["-a", "-p", "-c", some, String(pid)])

const on =
  (which: RegExp) =>
  <A, E, R>(measure: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const before = allowed()
        allow(which.exec(processors)![0])
        return before
      }),
      () => measure,
      (before) => Effect.sync(() => allow(before))
    )

/** Keeps this process, and every node that it starts meanwhile, on one processor of this machine. Linux alone. */
export const onOne = on(/^\d+/u)

/** The same, on another processor than {@link onOne}, where there are several. */
export const onAnother = on(/\d+$/u)
