/**
 * A program that runs in a network namespace of its own: faults of the network, one after the other, and what came of
 * each, a line of JSON each on standard output. `network-namespaces.test.ts` starts it, and judges.
 */
import { Effect, Fiber, Redacted, Result, type Scope } from "effect"
import { list } from "../../src/etf/Term.ts"
import { type ErlangNode, joinNode, type NodeTarget } from "../../src/node/index.ts"
import * as BeamNode from "./BeamNode.ts"
import { type Cable, plugIn, there } from "./NetworkNamespace.ts"

const [erl, epmd, otp] = process.argv.slice(2) as [string, string, string]

/** The deadline of what is not to come, and of what is, however busy the machine. */
const timeoutMillis = 500
const patience = { timeoutMillis: 20_000 }

const tell = (fault: string, outcome: unknown): void =>
  void process.stdout.write(`${JSON.stringify({ fault, outcome })}\n`)

const cable = await plugIn({ erl, otp }, epmd)
process.env["BEAMSCOPE_TEST_OTP_RELEASES"] = JSON.stringify([cable.release])
process.env["ERL_EPMD_PORT"] = "4369"

const start = (name: string, tickTime: number) =>
  BeamNode.startNode({
    name: `${name}@${there}`,
    args: ["-kernel", "inet_dist_use_interface", "{0,0,0,0}", "net_ticktime", String(tickTime)]
  })
const [calm, restless] = await Promise.all([start("calm", 60), start("restless", 1)])

const join = (node: BeamNode.BeamNode, options = patience, target: Partial<NodeTarget> = {}) =>
  joinNode({ name: node.name, cookie: Redacted.make(node.cookie), epmdPort: 4369, ...target }, options)

const echo = (us: ErlangNode, number: number) => us.call("erlang", "hd", [list([number])], patience)

/** What `reason` a failure has, and what it says. */
const told = (error: { readonly reason: object; readonly message: string }) => ({
  ...error.reason,
  cause: undefined,
  message: error.message
})

/** With this fault, what comes of connecting; and without it again. */
const connecting = (fault: string, befall: (cable: Cable) => void, target: Partial<NodeTarget> = {}) =>
  Effect.gen(function* () {
    befall(cable)
    const result = yield* Effect.result(Effect.scoped(join(calm, { timeoutMillis }, target)))
    cable.heal()
    tell(`connecting: ${fault}`, Result.isFailure(result) ? told(result.failure) : "joined")
  })

/** With this fault, what comes of a link with calls that wait. */
const linked = (fault: string, befall: (cable: Cable) => void) =>
  Effect.scoped(
    Effect.gen(function* () {
      const us = yield* join(restless)
      const waiting = yield* Effect.forEach([1, 2, 3], () =>
        Effect.forkChild(Effect.flip(us.call("timer", "sleep", [60_000], { timeoutMillis: 60_000 })), {
          startImmediately: true
        })
      )
      yield* echo(us, 1)
      befall(cable)
      const { reason } = yield* us.lost
      const ends = yield* Effect.forEach(waiting, Fiber.join)
      cable.heal()
      tell(`linked: ${fault}`, { lost: reason._tag, calls: ends.map((end) => end.reason._tag) })
    })
  )

/** Makes a fault. Where this machine cannot: what it lacks, as its tool says. */
const attempt = (befall: (cable: Cable) => void): string | undefined => {
  try {
    befall(cable)
    return undefined
  } catch (error) {
    cable.heal()
    return String((error as { readonly stderr?: unknown }).stderr ?? error).trim()
  }
}

/** With this fault, what calls come to that the link is to live through. */
const answering = <A>(
  fault: string,
  befall: (cable: Cable) => void,
  ask: (us: ErlangNode) => Effect.Effect<A, unknown, Scope.Scope>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const us = yield* join(calm)
      const missing = attempt(befall)
      if (missing !== undefined) return tell(`answering: ${fault}`, { missing })
      const during = yield* ask(us)
      cable.heal()
      tell(`answering: ${fault}`, { during, afterwards: yield* echo(us, 1) })
    })
  )

const numbers = Array.from({ length: 30 }, (_, number) => number)
const echoes = (us: ErlangNode) =>
  Effect.map(
    Effect.forEach(numbers, (number) => echo(us, number), { concurrency: 10 }),
    (answers) => answers.every((answer, at) => answer === at)
  )

const drop = "drop"
const all = Effect.gen(function* () {
  yield* connecting("none", () => {})
  yield* connecting("no route", () => {}, { address: { host: "10.214.0.2", port: 9 } })
  yield* connecting("an unreachable network", ({ run }) => run("ip route replace unreachable 10.215.0.0/24"), {
    address: { host: "10.215.0.2", port: 9 }
  })
  yield* connecting("no IPv6", ({ run }) => run("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"), {
    address: { host: "::1", port: 9 }
  })
  yield* connecting("a partition", ({ filter }) => filter({ toNode: drop, fromNode: drop }))
  yield* connecting("nothing from the node", ({ filter }) => filter({ fromNode: drop }))
  yield* connecting("resets", ({ filter }) => filter({ toNode: "meta l4proto tcp reject with tcp reset" }))
  yield* connecting("a firewall that says so", ({ filter }) => filter({ toNode: "reject with icmpx admin-prohibited" }))

  yield* linked("a partition", ({ filter }) => filter({ toNode: drop, fromNode: drop }))
  yield* linked("nothing from the node", ({ filter }) => filter({ fromNode: drop }))
  yield* linked("nothing to the node", ({ filter }) => filter({ toNode: drop }))
  yield* linked("resets", ({ filter }) => filter({ toNode: "meta l4proto tcp reject with tcp reset" }))

  const lost = "numgen random mod 100 < 15 drop"
  yield* answering("packets lost", ({ filter }) => filter({ toNode: lost, fromNode: lost }), echoes)
  yield* answering("delay", ({ shape }) => shape("netem delay 50ms"), echoes)
  yield* answering(
    "little room for replies",
    ({ shape }) => shape("tbf rate 1mbit burst 16kb latency 200ms"),
    (us) =>
      Effect.map(Effect.flip(us.call("lists", "seq", [1, 1_000_000], { timeoutMillis })), (error) => error.reason._tag)
  )
  yield* answering(
    "the cable out for a moment",
    ({ run }) => run("ip link set near down"),
    (us) =>
      Effect.gen(function* () {
        const waiting = yield* Effect.forkChild(echo(us, 7), { startImmediately: true })
        yield* Effect.sleep(300)
        cable.run("ip link set near up")
        return yield* Fiber.join(waiting)
      })
  )
})

try {
  await Effect.runPromise(all)
} finally {
  await Promise.all([calm.stop(), restless.stop()])
  await cable.stop()
}
