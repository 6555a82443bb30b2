import { Effect, Result, Semaphore } from "effect"
import type { Config, ConfiguredNode } from "./Config.ts"
import { stampNow } from "./ConfigFile.ts"

/** The nodes of a configuration, as its file has them when they are asked for. */
export interface CurrentNodes {
  readonly nodes: Effect.Effect<ReadonlyArray<ConfiguredNode>>
  /** Those, and behind them the entries of the file that were left out. */
  readonly entries: Effect.Effect<ReadonlyArray<ConfiguredNode>>
  /** Why the file as it is now does not count, but as it was before; or what in place of nodes stands for none by now. */
  readonly problem: Effect.Effect<string | undefined>
}

/**
 * Reads the configuration file again whenever somebody asks and it has changed. Of what it says then only the nodes
 * count: who is let do what stays as it was at the start. A file with a mistake changes nothing.
 */
export const current = Effect.fnUntraced(function* ({
  file,
  leftOut,
  nodes: first
}: Config): Effect.fn.Return<CurrentNodes> {
  let nodes = first
  let entries = [...first, ...leftOut]
  if (file === undefined)
    return { nodes: Effect.succeed(nodes), entries: Effect.succeed(entries), problem: Effect.undefined }
  let problem: string | undefined
  let { others, stamp } = file
  const refresh = Effect.gen(function* () {
    const now = yield* stampNow(file.path)
    if (now === stamp) return
    const read = yield* Effect.result(file.readAgain)
    if (Result.isFailure(read)) {
      stamp = now
      problem = `${read.failure.message}. Its nodes count as they stood there before.`
      return yield* Effect.logWarning(problem)
    }
    const { file: again, gone } = read.success
    stamp = again?.stamp ?? now
    nodes = read.success.nodes
    entries = [...nodes, ...read.success.leftOut]
    problem = gone === undefined ? undefined : `${gone}.`
    yield* Effect.logInfo(`configuration file ${file.path} has changed: its nodes count as they stand there now`)
    if (problem !== undefined) yield* Effect.logWarning(problem)
    if (again === undefined || again.others === others) return
    others = again.others
    yield* Effect.logWarning(
      `configuration file ${file.path}: what has changed beside its nodes counts when Beamscope is started again`
    )
  }).pipe(Semaphore.withPermit(yield* Semaphore.make(1)))
  return {
    nodes: Effect.map(refresh, () => nodes),
    entries: Effect.map(refresh, () => entries),
    problem: Effect.map(refresh, () => problem)
  }
})
