/**
 * Callers without number on nodes behind a network that fails all the time: does each get its own answer or a typed
 * error, and is nothing left of it?
 *
 *     npm run soak [-- --seconds 600 --seed 1]
 *
 * Each caller sends a term that nobody else sends and looks whether it is the one that comes back: alone, in a large
 * reply, in one that it gives up waiting for. Meanwhile the way to the nodes fails in one manner after the other, and
 * nodes are killed, stopped for a while and started again. Ends with status 1 where a promise is not kept: each call ends
 * within its deadline, with its own answer or for a reason that such a network is one for; and each node answers, too.
 */
import { Cause, Effect, Exit, Fiber, Layer, Redacted, References, Scope } from "effect"
import { Buffer } from "node:buffer"
import { argv, exit, kill, memoryUsage, stderr, stdout, versions } from "node:process"
import { parseArgs } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Binary, binary, list, type Term } from "../../src/etf/Term.ts"
import { type ErlangNode, Nodes } from "../../src/node/index.ts"
import { machine } from "../bench/Row.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { makeAuthority } from "../support/Certificates.ts"
import { type FaultProxy, type Faults, startFaultProxy } from "../support/FaultProxy.ts"
import setup from "../support/globalSetup.ts"
import * as TlsNode from "../support/TlsNode.ts"
import { targetsOf } from "../support/targetsOf.ts"

const usage = `npm run soak -- [--seconds N] [--seed N]

Load over a network that fails all the time, on nodes that are started for it. Status 1: a promise was not kept.

  --seconds N  for how long, 600 if not given; in less than two minutes not every fault has its turn
  --seed N     which random numbers choose the faults and what is asked, 1 if not given
`

/** Says how it is called: because somebody asked for that, or after what was wrong. */
const tellUsage = (mistake?: string): never => {
  if (mistake === undefined) stdout.write(usage)
  else stderr.write(`soak: ${mistake}\n\n${usage}`)
  return exit(mistake === undefined ? 0 : 2)
}

const numberIn = (flag: string, text: string): number =>
  /^\d{1,9}$/u.test(text) ? Number(text) : tellUsage(`--${flag} takes a number, and not '${text}'`)

const readFlags = () => {
  const options = {
    seconds: { type: "string", default: "600" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", short: "h", default: false }
  } as const
  try {
    return parseArgs({ args: argv.slice(2), options }).values
  } catch (error) {
    return tellUsage((error as Error).message)
  }
}

const flags = readFlags()
if (flags.help) tellUsage()
const seconds = numberIn("seconds", flags.seconds)
const seed = numberIn("seed", flags.seed)

/** Callers at a time. */
const callers = 256

/** Those beside them who want nothing but that a node stays connected, so that lost links are made again for nobody's call. */
const keepers = 8

/** Milliseconds beyond its deadline that a call may take to tell of it: this process and the nodes share the machine. */
const slackMillis = 3_000

/** Why a call may fail here. All else is a fault: of what is said on the way, no byte is another than it was. */
const mayBe: ReadonlySet<string> = new Set([
  "BreakerOpen",
  "ClosedInHandshake",
  // Who is cut off while it is shown the cookie does as one that refuses it.
  "CookieRejected",
  "DeadlineExceeded",
  "EpmdGarbage",
  "EpmdSilent",
  "LinkLost, Disconnected",
  "LinkLost, LinkClosed",
  "LinkLost, TickTimeout",
  "NameNotRegistered",
  "PortRefused",
  "ReplyTooLarge",
  "Timeout",
  // Cut off in the middle of TLS.
  "TlsFailed",
  "Unreachable"
])

/** Times that a fault comes until somebody must have met it: ten minutes have some five of each. */
const enoughTimes = 3

/** Memory that may be held in the end beyond what was held after the first tenth, all of it idle. */
const maxGrowthBytes = 32 * 1024 * 1024

/** Random numbers that are the same for the same seed. (mulberry32) What becomes of them depends on the machine. */
let state = seed
const random = (): number => {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), state | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
const between = (from: number, to: number): number => from + Math.floor(random() * (to - from))
const pick = <A>(items: ReadonlyArray<A>): A => items[between(0, items.length)]!

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const counts = new Map<string, number>()
const timesOf = (what: string): number => counts.get(what) ?? 0
const count = (what: string): void => void counts.set(what, timesOf(what) + 1)
let begun = 0
let ended = 0
/** What was answered by which node. */
const answered = new Set<string>()
/** How long after its deadline the latest call ended; less than nothing: before. */
let latestMillis = -Infinity
/** What must not be. */
const broken: Array<string> = []

const pause = (millis: number) => Effect.sleep(millis)

/** The kinds of calls, each with whether an answer is the caller's own, and whether there is to be one. */
const calls: ReadonlyArray<{
  readonly name: string
  readonly weight: number
  readonly isAnswered: boolean
  /** Milliseconds from and to that it is given; what the caller gives up, it gives up then. */
  readonly given: readonly [number, number]
  readonly run: (
    node: ErlangNode,
    token: Binary,
    timeoutMillis: number
  ) => Effect.Effect<boolean, { readonly reason: { readonly _tag: string } }>
}> = [
  {
    name: "echo",
    weight: 30,
    isAnswered: true,
    given: [500, 5_000],
    run: (node, token, timeoutMillis) =>
      Effect.map(node.call("erlang", "hd", [list([token])], { timeoutMillis }), (answer) => isToken(answer, token, 1))
  },
  {
    name: "large reply",
    weight: 2,
    isAnswered: true,
    given: [500, 8_000],
    run: (node, token, timeoutMillis) => {
      const copies = between(1_000, 60_000)
      return Effect.map(node.call("binary", "copy", [token, copies], { timeoutMillis }), (answer) =>
        isToken(answer, token, copies)
      )
    }
  },
  {
    name: "large reply that is not let in",
    weight: 1,
    isAnswered: false,
    given: [500, 5_000],
    run: (node, token, timeoutMillis) =>
      Effect.map(node.call("binary", "copy", [token, 50_000], { timeoutMillis, maxReplyBytes: 65_536 }), () => false)
  },
  {
    name: "sleep beyond the deadline",
    weight: 1,
    isAnswered: false,
    given: [50, 1_000],
    run: (node, _, timeoutMillis) => Effect.map(node.call("timer", "sleep", [60_000], { timeoutMillis }), () => false)
  },
  {
    name: "call that is given up",
    weight: 4,
    isAnswered: false,
    given: [0, 60],
    run: (node, token, pauseMillis) =>
      Effect.gen(function* () {
        const [module, name, args] = pick<[string, string, ReadonlyArray<Term>]>([
          ["timer", "sleep", [60_000]],
          ["binary", "copy", [token, 60_000]]
        ])
        const fiber = yield* Effect.forkChild(node.call(module, name, args, { timeoutMillis: 5_000 }), {
          startImmediately: true
        })
        yield* pause(pauseMillis)
        yield* Fiber.interrupt(fiber)
        return true
      })
  }
]
const lots = calls.flatMap((call) => Array.from({ length: call.weight }, () => call))

const isToken = (answer: Term, token: Binary, copies: number): boolean => {
  if (!(answer instanceof Binary) || answer.length !== token.length * copies) return false
  const got = Buffer.from(answer.view())
  const wanted = token.view()
  for (let at = 0; at < got.length; at += wanted.length)
    if (got.compare(wanted, 0, wanted.length, at, at + wanted.length) !== 0) return false
  return true
}

/** One caller: asks one thing after the other, of one node after the other, until the time is over. */
const caller = (number: number, names: ReadonlyArray<string>, end: number): Effect.Effect<void, never, Nodes> =>
  Effect.gen(function* () {
    const nodes = yield* Nodes
    for (let turn = 0; performance.now() < end; turn++) {
      const call = pick(lots)
      const token = binary(`caller ${number}, turn ${turn}.`.padEnd(32, "."))
      begun++
      const name = pick(names)
      const timeoutMillis = between(...call.given)
      const connectMillis = between(300, 4_000)
      const start = performance.now()
      const exit = yield* Effect.exit(
        Effect.scoped(
          Effect.flatMap(nodes.get(name, { timeoutMillis: connectMillis }), (node) =>
            call.run(node, token, timeoutMillis)
          )
        )
      )
      ended++
      const lateMillis = performance.now() - start - connectMillis - timeoutMillis
      latestMillis = Math.max(latestMillis, lateMillis)
      if (lateMillis > slackMillis)
        broken.push(
          `${call.name} of caller ${number}, turn ${turn} ended ${Math.round(lateMillis)} ms after its deadline`
        )
      if (Exit.isSuccess(exit)) {
        if (exit.value) {
          count(`answered: ${call.name}`)
          answered.add(`${call.name} of ${name}`)
        } else broken.push(`${call.name} of caller ${number}, turn ${turn} got an answer that is not its own`)
        yield* pause(between(0, 30))
      } else {
        const why = Cause.squash(exit.cause)
        const tag = Cause.hasDies(exit.cause) ? undefined : tagOf(why)
        if (tag === undefined) broken.push(`${call.name} ended in no typed error: ${Cause.pretty(exit.cause)}`)
        else count(`failed: ${tag}`)
        if (tag !== undefined && !mayBe.has(tag))
          broken.push(`${call.name} failed for what nothing here is a reason for: ${Cause.pretty(exit.cause)}`)
        // Somebody who is told when to come again does not come at once.
        yield* pause(tag === "BreakerOpen" ? between(300, 1_500) : between(20, 200))
      }
    }
  })

/** Keeps a node connected for a while, then another one. */
const keeper = (names: ReadonlyArray<string>, end: number): Effect.Effect<void, never, Nodes> =>
  Effect.gen(function* () {
    const nodes = yield* Nodes
    while (performance.now() < end) {
      const timeoutMillis = between(300, 4_000)
      const exit = yield* nodes
        .connect(pick(names), { timeoutMillis })
        .pipe(
          Effect.andThen(pause(Math.min(between(1_000, 30_000), Math.max(0, end - performance.now())))),
          Effect.scoped,
          Effect.exit
        )
      if (Exit.isSuccess(exit)) count("kept for a while")
      else {
        const tag = Cause.hasDies(exit.cause) ? undefined : tagOf(Cause.squash(exit.cause))
        if (tag === undefined || !mayBe.has(tag)) broken.push(`a keeper failed for ${Cause.pretty(exit.cause)}`)
        yield* pause(between(20, 2_000))
      }
    }
  })

/** Which error it was, and of a lost link why it was lost; `undefined` for what is none of ours. */
const tagOf = (why: unknown): string | undefined => {
  if (typeof why !== "object" || why === null || !("_tag" in why)) return undefined
  const { _tag, reason } = why as {
    readonly _tag: string
    readonly reason?: { readonly _tag: string; readonly cause?: unknown }
  }
  if (reason === undefined) return _tag
  return reason.cause === undefined ? reason._tag : `${reason._tag}, ${tagOf(reason.cause)}`
}

/** What can be wrong with the way, and of faults that only those meet who connect, the reason that some of them are to be told. */
const weather: ReadonlyArray<readonly [name: string, faults: Faults, reason?: string]> = [
  ["latency", { latencyMillis: 40 }],
  ["latency", { latencyMillis: 400 }],
  ["slow", { bytesPerSecond: 2_000_000 }],
  ["slow", { bytesPerSecond: 50_000 }],
  ["pieces", { chunkBytes: 500 }],
  ["one byte at a time", { chunkBytes: 1 }],
  ["stalled from the node", { stalled: ["down"] }],
  ["stalled to the node", { stalled: ["up"] }],
  ["stalled both ways", { stalled: ["up", "down"] }],
  ["partition", { lost: ["up", "down"] }],
  ["lost from the node", { lost: ["down"] }],
  ["lost to the node", { lost: ["up"] }],
  ["refused", { connections: "refused" }, "PortRefused"],
  ["closed at once", { connections: "closed" }, "ClosedInHandshake"],
  ["EPMD silent", { epmd: "silent" }, "EpmdSilent"],
  ["EPMD lying", { epmd: "lying" }, "PortRefused"],
  ["EPMD garbage", { epmd: "garbage" }, "EpmdGarbage"],
  ["EPMD empty", { epmd: "empty" }, "NameNotRegistered"]
]

/** What has not been yet, and then all of it once more: in whatever order, none is left out for long. */
const due: Array<(typeof weather)[number]> = []
const nextWeather = () => {
  if (due.length === 0) due.push(...weather)
  return due.splice(between(0, due.length), 1)[0]!
}

/** How often connecting was made to fail. */
const connectionFaults = (): number =>
  weather.reduce((sum, [fault, , reason]) => sum + (reason === undefined ? 0 : timesOf(`fault: ${fault}`)), 0)

/** A node that can be killed and started again under its name. */
class Patient {
  node: BeamNode.BeamNode
  constructor(node: BeamNode.BeamNode) {
    this.node = node
  }
  async restart(): Promise<void> {
    kill(this.node.pid, "SIGKILL")
    await this.node.stop()
    this.node = await startPatient(this.node.name)
  }
}

/** The one whose distribution runs over TLS. */
const tlsName = "soak_tls@127.0.0.1"
const authority = makeAuthority("soak")
const folders = Scope.makeUnsafe()
const tlsArgs = await Effect.runPromise(
  TlsNode.argsOf({ certificate: authority.issue({ dnsNames: ["127.0.0.1"], ipAddresses: ["127.0.0.1"] }) }).pipe(
    Scope.provide(folders)
  )
)

const cookie = "a cookie for the soak"
const startPatient = (name: string) =>
  BeamNode.startNode({ name, cookie, args: ["-kernel", "net_ticktime", "4", ...(name === tlsName ? tlsArgs : [])] })

/** One fault after the other until the time is over, each for a moment, with a moment of peace behind it. */
const misfortune = (
  proxy: FaultProxy,
  patients: ReadonlyArray<Patient>,
  end: number
): Effect.Effect<void, never, Nodes> =>
  Effect.gen(function* () {
    const nodes = yield* Nodes
    while (performance.now() < end) {
      const kind = random()
      const patient = pick(patients)
      if (kind < 0.12) {
        count("fault: connections cut")
        proxy.after("down", between(0, 200_000), () => proxy.end("cut"))
      } else if (kind < 0.24) {
        count("fault: connections reset")
        proxy.after("down", between(0, 200_000), () => proxy.end("reset"))
      } else if (kind < 0.28) {
        count("fault: node killed and started again")
        yield* Effect.promise(() => patient.restart())
      } else if (kind < 0.34) {
        count("fault: node stopped for a while")
        yield* Effect.promise(() => patient.node.freeze())
        yield* pause(between(200, 8_000))
        patient.node.thaw()
      } else {
        const [name, faults, reason] = nextWeather()
        count(`fault: ${name}`)
        proxy.set(faults)
        // Else hardly anybody would connect: there are always some who keep a link.
        if (reason !== undefined) proxy.end(pick(["cut", "reset"]))
      }
      yield* pause(between(100, 2_500))
      proxy.heal()
      // As somebody would who knows that it is well again; else the callers mostly wait, until a probe gets through.
      if (random() < 0.7) for (const { node } of patients) yield* nodes.reset(node.name)
      yield* pause(between(100, 2_000))
    }
    proxy.heal()
  })

/** Looks until nothing is left, or nothing more goes. */
const settled = async <A>(look: () => A | Promise<A>, isNothing: (left: A) => boolean): Promise<A> => {
  const end = performance.now() + 20_000
  let left = await look()
  while (!isNothing(left) && performance.now() < end) {
    await Effect.runPromise(pause(200))
    left = await look()
  }
  return left
}

const nothing = "{[],[]}"

/** Links to us, and workers of ours. */
const leftOn = (node: BeamNode.BeamNode): Promise<string> =>
  settled(
    () =>
      node.evaluate(
        `{nodes(hidden), [P || P <- processes(), process_info(P, initial_call) =:= {initial_call, {erpc, execute_call, 4}}]}`
      ),
    (left) => left === nothing
  )

const heldBytes = (): number => {
  collect()
  const { arrayBuffers, heapUsed } = memoryUsage()
  return heapUsed + arrayBuffers
}

const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`

/** All callers for so long. Then nobody waits any more, and the links are gone. */
const round = async (proxy: FaultProxy, patients: ReadonlyArray<Patient>, millis: number): Promise<void> => {
  const end = performance.now() + millis
  const names = patients.map(({ node }) => node.name)
  const layer = Nodes.layer.pipe(
    Layer.provide(
      targetsOf({
        resolve: (name) =>
          Effect.succeed({
            name,
            cookie: Redacted.make(cookie),
            epmdPort: proxy.epmdPort,
            ...(name === tlsName && { tls: { ca: authority.cert } })
          }),
        epmdPort: proxy.epmdPort
      })
    )
  )
  const all = Effect.all(
    [
      misfortune(proxy, patients, end),
      ...Array.from({ length: keepers }, () => keeper(names, end)),
      ...Array.from({ length: callers }, (_, number) => caller(number, names, end))
    ],
    { concurrency: "unbounded", discard: true }
  )
  // The longest deadline of a caller, and some more: who has heard nothing by then never will.
  const limit = millis + 40_000
  await Effect.runPromise(
    all.pipe(
      Effect.timeout(limit),
      Effect.catch(() => Effect.sync(() => void broken.push(`${begun - ended} calls have not ended`))),
      Effect.provide(layer),
      // Each loss would be a line: they are counted.
      Effect.provideService(References.MinimumLogLevel, "Error")
    )
  )
}

const stop = await setup()
const { proxy, stop: stopProxy } = await startFaultProxy(Number(process.env["ERL_EPMD_PORT"]))
const patients = (await Promise.all(["soak_a@127.0.0.1", "soak_b@127.0.0.1", tlsName].map(startPatient))).map(
  (node) => new Patient(node)
)
const start = performance.now()
const progress = setInterval(() => {
  const passed = Math.round((performance.now() - start) / 1000)
  stderr.write(`${passed} s: ${ended} calls ended, ${begun - ended} under way, ${broken.length} broken promises\n`)
}, 30_000)
try {
  await round(proxy, patients, 100 * seconds)
  const before = heldBytes()
  const rssBefore = memoryUsage.rss()
  await round(proxy, patients, 900 * seconds)
  const sockets = await settled(proxy.openSockets, (open) => open === 0)
  // What was on its way to sockets that are closed goes a moment later than they.
  const growth = (await settled(heldBytes, (held) => held - before <= maxGrowthBytes)) - before
  const left = await Promise.all(patients.map(({ node }) => leftOn(node)))
  for (const [index, what] of left.entries())
    if (what !== nothing) broken.push(`left on ${patients[index]!.node.name}: ${what}`)
  for (const { isAnswered, name: what } of calls)
    for (const { node } of patients)
      if (isAnswered && !answered.has(`${what} of ${node.name}`))
        broken.push(`nothing was ever answered: ${what} of ${node.name}`)
  for (const [fault, , reason] of weather)
    if (reason !== undefined && timesOf(`fault: ${fault}`) >= enoughTimes && timesOf(`failed: ${reason}`) === 0)
      broken.push(`nobody was ever told ${reason}: ${fault}`)
  if (connectionFaults() >= enoughTimes && timesOf("failed: BreakerOpen") === 0)
    broken.push("nobody was ever told BreakerOpen")
  if (begun !== ended) broken.push(`${begun - ended} calls are lost`)
  if (sockets > 0) broken.push(`${sockets} sockets are still open`)
  if (growth > maxGrowthBytes) broken.push(`${megabytes(growth)} more are held than after the first tenth`)

  const otp = BeamNode.otpReleases()[0]!.otp
  const took = (performance.now() - start) / 1000
  const rows: ReadonlyArray<readonly [string, string]> = [
    ...Array.from(counts, ([what, times]) => [what, String(times)] as const).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ["calls begun", String(begun)],
    ["calls ended", String(ended)],
    ["lost", String(begun - ended)],
    ["crossed", String(broken.filter((what) => what.includes("not its own")).length)],
    ["latest after its deadline", `${Math.round(latestMillis)} ms`],
    ["held after the first tenth", megabytes(before)],
    ["held in the end", megabytes(before + growth)],
    ["resident after the first tenth", megabytes(rssBefore)],
    ["resident in the end", megabytes(memoryUsage.rss())],
    ["left on the nodes", left.every((what) => what === nothing) ? "nothing" : left.join(" ")],
    ["sockets left", String(sockets)],
    ["promises broken", String(broken.length)]
  ]
  const width = Math.max(...rows.map(([what]) => what.length))
  stdout.write(`Node ${versions.node}, OTP ${otp}, ${machine()}, ${took.toFixed(0)} s, seed ${seed}\n\n`)
  for (const [what, figure] of rows) stdout.write(`${what.padEnd(width)}  ${figure.padStart(9)}\n`)
  for (const what of broken.slice(0, 20)) stdout.write(`BROKEN: ${what}\n`)
} finally {
  clearInterval(progress)
  await Promise.all(patients.map(({ node }) => node.stop()))
  await Effect.runPromise(Scope.close(folders, Exit.void))
  await stopProxy()
  await stop()
}
exit(broken.length === 0 ? 0 : 1)
