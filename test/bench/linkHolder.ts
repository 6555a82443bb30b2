/**
 * A process that does nothing but hold links to stand-in peers, so that what it takes is what they take.
 *
 *     node --expose-gc linkHolder.ts COUNT COOKIE EPMD_PORT
 *
 * Prints two lines of JSON: once all links are up, `{ connectMillis, rssBytes }` a link; once its input has ended,
 * `{ microsOfProcessor }`, what it used since.
 */
import { Effect, Redacted, Scope } from "effect"
import { once } from "node:events"
import { argv, cpuUsage, memoryUsage, stdin, stdout } from "node:process"
import { connect } from "../../src/dist/index.ts"

const count = Number(argv[2])
const cookie = Redacted.make(argv[3]!)
const epmdPort = Number(argv[4])

/** Garbage left over from connecting is not what a link takes. */
const settledRss = (): number => {
  globalThis.gc?.()
  return memoryUsage.rss()
}

const link = (index: number) => connect({ node: `peer${index}@127.0.0.1`, cookie, epmdPort })

const program = Effect.gen(function* () {
  // What the first ones load and compile is no link's.
  for (let index = 0; index < 20; index++) yield* link(index)
  const before = settledRss()
  const start = performance.now()
  for (let index = 20; index < count; index++) yield* link(index)
  const connectMillis = (performance.now() - start) / (count - 20)
  const rssBytes = (settledRss() - before) / (count - 20)
  stdout.write(`${JSON.stringify({ connectMillis, rssBytes })}\n`)
  const usedBefore = cpuUsage()
  stdin.resume()
  yield* Effect.promise(() => once(stdin, "end"))
  const { system, user } = cpuUsage(usedBefore)
  stdout.write(`${JSON.stringify({ microsOfProcessor: system + user })}\n`)
})
await Effect.runPromise(Effect.provideService(program, Scope.Scope, await Effect.runPromise(Scope.make())))
process.exit()
