import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { pid } from "node:process"

const allowed = () => /^Cpus_allowed_list:\s*(\S+)/mu.exec(readFileSync("/proc/self/status", "utf8"))![1]!

const allow = (processors: string) => execFileSync("taskset", ["-a", "-p", "-c", processors, String(pid)])

/**
 * Keeps this process, and every node that it starts meanwhile, on one processor. Where there are several, a call is as
 * long as it takes to wake the other side's processor, or as short as if that had never slept, by turns; on one of them
 * what remains is the work. Linux alone.
 */
export const onOneProcessor = <A, E, R>(measure: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const all = allowed()
      allow(/^\d+/u.exec(all)![0])
      return all
    }),
    () => measure,
    (all) => Effect.sync(() => allow(all))
  )
