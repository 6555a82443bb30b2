import { Effect } from "effect"
import { cpuUsage } from "node:process"
import { Op } from "../../src/dist/Control.ts"
import { connect } from "../../src/dist/Link.ts"
import { decodeNext } from "../../src/etf/Decode.ts"
import { Encoded } from "../../src/etf/Encode.ts"
import { Atom, atom, list, Reference } from "../../src/etf/Term.ts"
import { Calls } from "../../src/node/Calls.ts"
import { LocalProcesses } from "../../src/node/LocalProcesses.ts"
import * as BenchNode from "./BenchNode.ts"
import { takeTurns } from "./Rounds.ts"
import { compare } from "./Row.ts"

const inFlight = 256
const callsEach = 60

/** Microseconds of this process's processor time a call. */
const microsOfProcessor = <E>(calls: Effect.Effect<void, E>) =>
  Effect.suspend(() => {
    const before = cpuUsage()
    return Effect.map(calls, () => {
      const { system, user } = cpuUsage(before)
      return (system + user) / (inFlight * callsEach)
    })
  })

/** What an `ErlangNode` puts on top of the messages: Effects, deadlines, interruption, errors with reasons. */
export const overhead = Effect.gen(function* () {
  const target = yield* BenchNode.start("target")
  const { cookie, epmdPort, name: node } = BenchNode.targetOf(target)
  const link = yield* Effect.orDie(connect({ node, cookie, epmdPort }))
  const local = new LocalProcesses(link)
  const calls = new Calls(link, local)
  link.attach(local.handler, calls.linkLost)

  // The same request with the same reply on the same link, and nothing else.
  const groupLeader = Encoded.of(local.add({ limitBytes: 1024 * 1024 }))
  const executeCall = Encoded.of([atom("erpc"), atom("execute_call"), 4])
  const options = Encoded.of(list([atom("link")]))
  const [erlang, abs] = [atom("erlang"), atom("abs")]
  let numbered = 0
  const callRaw = (done: (value: unknown) => void) => {
    numbered++
    const reference = new Reference(local.node, link.local.creation, [numbered % 0x40000, 1, 0])
    const self = local.add({
      limitBytes: 1024 * 1024,
      exit: (_from, reason) => {
        local.remove(self)
        const result = decodeNext(reason, { offset: 0 })
        done(Array.isArray(result) && result[1] instanceof Atom ? result[2] : undefined)
      }
    })
    link.sendSoon(
      [Op.SPAWN_REQUEST, reference, self, groupLeader, executeCall, options],
      list([reference, erlang, abs, list([-1])])
    )
  }
  const raw = Effect.callback<void>((resume) => {
    let finished = 0
    const caller = (left: number): void => {
      if (left > 0) return callRaw(() => caller(left - 1))
      if (++finished === inFlight) resume(Effect.void)
    }
    for (let index = 0; index < inFlight; index++) caller(callsEach)
  })
  const caller = Effect.gen(function* () {
    for (let call = 0; call < callsEach; call++) yield* calls.call("erlang", "abs", [-1])
  })
  const ours = Effect.all(
    Array.from({ length: inFlight }, () => caller),
    { concurrency: "unbounded", discard: true }
  )

  const { over, under } = yield* takeTurns(15, { over: microsOfProcessor(ours), under: microsOfProcessor(raw) })
  const added = compare("processor for a call, 256 in flight", "us", over, "bare callbacks, same link", under)
  return [
    added,
    {
      what: "so added by Effect, deadline, cancelling",
      ours: added.ours - added.reference!.value,
      unit: "us" as const,
      goal: ["≤", 6] as const
    }
  ]
})
