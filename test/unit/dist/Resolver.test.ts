import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Resolver as NameServers } from "node:dns/promises"
import { afterEach, beforeEach, vi } from "vitest"
import { Discovery } from "../../../src/cluster/Discovery.ts"
import { bounded, HeldUp, type Lookup, Resolver, resolverOf, shared } from "../../../src/dist/Resolver.ts"
import { dnsAnswer, serveDns, type SrvRecord } from "../../support/FakeDns.ts"
import { worldLayer } from "../../support/FakeNodes.ts"
import { targetsOf } from "../../support/targetsOf.ts"

describe("the name service of this machine", () => {
  it.live("knows the addresses of a name, and takes an address for its own name", () =>
    Effect.gen(function* () {
      const { addresses } = yield* Resolver
      expect(["127.0.0.1", "::1"]).toEqual(expect.arrayContaining([(yield* addresses("localhost", 5_000))[0]]))
      expect(yield* addresses("127.0.0.1", 5_000)).toEqual(["127.0.0.1"])
      expect(yield* addresses("::1", 5_000)).toEqual(["::1"])
    })
  )

  it.live("says that there is no such name", () =>
    Effect.gen(function* () {
      const { addresses } = yield* Resolver
      const error = yield* Effect.flip(addresses("no-such-host.invalid", 20_000))
      expect(error.message).toContain("no-such-host.invalid")
    })
  )
})

const record = (target: ReadonlyArray<string>, priority = 0, weight = 0): SrvRecord => ({
  priority,
  weight,
  port: 4369,
  target
})

/** A resolver whose only name server gives these answers. */
const asking = (answer: Parameters<typeof serveDns>[0]) =>
  Effect.map(serveDns(answer), (server) =>
    resolverOf({ addressesOf: () => Promise.reject(new Error("not asked")), servers: [server] })
  )

const service = "_epmd._tcp.shop.test"

describe("a name server", () => {
  it.live("tells the services of a name, most preferred first, and leaves out that there is none", () =>
    Effect.gen(function* () {
      const { services } = yield* asking((question) =>
        dnsAnswer(question, [
          record(["c", "svc"], 2),
          record([], 0),
          record(["a", "svc"], 1, 1),
          record(["b", "svc"], 1, 9)
        ])
      )
      expect((yield* services(service, 5_000)).map(({ host }) => host)).toEqual(["b.svc", "a.svc", "c.svc"])
    })
  )

  it.live("may have no such name, be out of order, or silent", () =>
    Effect.gen(function* () {
      const errorOf = (answer: Parameters<typeof serveDns>[0], millis: number) =>
        Effect.flatMap(asking(answer), ({ services }) => Effect.flip(services(service, millis)))
      const none = yield* errorOf((question) => dnsAnswer(question, [], 3), 5_000)
      expect(none.code).toBe("ENOTFOUND")
      expect(none.message).toContain(`no SRV records of '${service}', which must be its full name`)
      expect((yield* errorOf((question) => dnsAnswer(question, [], 0), 5_000)).code).toBe("ENODATA")
      expect((yield* errorOf((question) => dnsAnswer(question, [], 2), 5_000)).code).toBe("ESERVFAIL")
      expect((yield* errorOf(() => undefined, 100)).message).toContain("did not answer")
    })
  )

  it.live("is asked again where a question or its answer was lost", () =>
    Effect.gen(function* () {
      let questions = 0
      const { services } = yield* asking((question) =>
        questions++ === 0 ? undefined : dnsAnswer(question, [record(["a", "svc"])])
      )
      expect(yield* services(service, 4_000)).toEqual([{ host: "a.svc", port: 4369 }])
      expect(questions).toBeGreaterThan(1)
    })
  )

  it.live("is not waited for any more once nobody waits for its answer: that would keep a program from ending", () =>
    Effect.gen(function* () {
      const cancel = yield* Effect.acquireRelease(
        Effect.sync(() => vi.spyOn(NameServers.prototype, "cancel")),
        (spy) => Effect.sync(() => spy.mockRestore())
      )
      const isAsked = yield* Deferred.make<void>()
      const { services } = yield* asking(() => void Deferred.doneUnsafe(isAsked, Effect.void))
      const waiting = yield* Effect.forkChild(services(service, 60_000))
      yield* Deferred.await(isAsked)
      expect(cancel).not.toHaveBeenCalled()
      yield* Fiber.interrupt(waiting)
      expect(cancel).toHaveBeenCalledTimes(1)
    })
  )

  it.live("that lies makes no node, and keeps none from being found", () =>
    Effect.gen(function* () {
      const odd = [["a b"], ["x@y"], ["q'"], ["\u00e2\u0080\u00ae"], ["l\nf"], ["ok", "svc"]]
      const resolver = yield* asking((question) =>
        dnsAnswer(
          question,
          odd.map((target) => record(target))
        )
      )
      const { failures, found } = yield* Effect.flatMap(Discovery.make, ({ once }) => once()).pipe(
        Effect.provideService(Resolver, resolver)
      )
      // Node's resolver writes out what is no character of a host's name.
      expect(found.map(({ node }) => node)).toEqual(["app@\\226\\128\\174", "app@l\\010f", "app@ok.svc"])
      expect(failures.map(({ message }) => message)).toEqual([expect.stringContaining("3 of the names")])
    }).pipe(
      Effect.provide([
        worldLayer({}),
        targetsOf({ discovery: [`srv:app@${service}`], epmdPort: 1, resolve: () => Effect.die("not asked") })
      ])
    )
  )
})

describe("the addresses of a host", () => {
  it.live("are looked up once for all who wait, also for those who ask when others have given up", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const answers: Array<PromiseWithResolvers<Awaited<ReturnType<Lookup>>>> = []
      const { addresses } = resolverOf({
        addressesOf: shared((host) => {
          asked.push(host)
          answers.push(Promise.withResolvers())
          return answers.at(-1)!.promise
        })
      })
      for (const _ of [1, 2, 3]) expect((yield* Effect.flip(addresses("pods", 10))).code).toBe("TIMEOUT")
      const late = yield* Effect.forkChild(addresses("pods", 60_000), { startImmediately: true })
      expect(asked).toEqual(["pods"])
      answers[0]!.resolve([
        { address: "10.0.0.1", family: 4 },
        { address: "fd00::1", family: 6 },
        { address: "10.0.0.1", family: 4 }
      ])
      expect(yield* Fiber.join(late)).toEqual(["10.0.0.1", "fd00::1"])
      const anew = yield* Effect.forkChild(addresses("pods", 60_000), { startImmediately: true })
      expect(asked).toEqual(["pods", "pods"])
      answers[1]!.resolve([])
      expect((yield* Effect.flip(Fiber.join(anew))).code).toBe("ENODATA")
    })
  )

  it.live("are asked for anew after a failure", () =>
    Effect.gen(function* () {
      const answers = [
        () => Promise.reject(Object.assign(new Error("try again"), { code: "EAI_AGAIN" })),
        () => Promise.resolve([{ address: "10.0.0.1", family: 4 }])
      ]
      const { addresses } = resolverOf({ addressesOf: shared(() => answers.shift()!()) })
      expect((yield* Effect.flip(addresses("pods", 5_000))).message).toContain("EAI_AGAIN")
      expect(yield* addresses("pods", 5_000)).toEqual(["10.0.0.1"])
    })
  )

  describe("are asked for", () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }))
    afterEach(() => void vi.useRealTimers())

    const here = [{ address: "10.0.0.1", family: 4 }]

    const boundedOnes = () => {
      const answers = new Map<string, PromiseWithResolvers<Awaited<ReturnType<Lookup>>>>()
      const lookUp = bounded((host) => {
        answers.set(host, Promise.withResolvers())
        return answers.get(host)!.promise
      })
      const ends: Record<string, unknown> = {}
      const ask = (host: string) =>
        void lookUp(host).then(
          (found) => (ends[host] = found),
          (error: unknown) => (ends[host] = error)
        )
      const end = async (host: string) => {
        answers.get(host)!.resolve(here)
        await vi.advanceTimersByTimeAsync(0)
      }
      return { ask, asked: () => [...answers.keys()], end, ends }
    }

    const seven = ["a", "b", "c", "d", "e", "f", "g"]

    it("a few at a time, and those that wait are told by whom they are held up once none of them ends", async () => {
      const { ask, asked, end, ends } = boundedOnes()
      for (const host of [...seven, "h", "i"]) ask(host)
      expect(asked()).toEqual(seven)
      await vi.advanceTimersByTimeAsync(1_900)
      // As long as some are answered, the rest wait for their turn.
      await end("c")
      expect(asked()).toEqual([...seven, "h"])
      await vi.advanceTimersByTimeAsync(1_900)
      expect(ends).toEqual({ c: here })
      await vi.advanceTimersByTimeAsync(200)
      const held = ["a", "b", "d", "e", "f", "g", "h"]
      expect(ends["i"]).toMatchObject({ code: "EHELDUP", hosts: held })
      // Where nothing has come to an end for so long, nobody waits first.
      ask("j")
      await vi.advanceTimersByTimeAsync(1)
      expect(ends["j"]).toMatchObject({ hosts: held })
      expect(asked()).not.toContain("j")
      await end("a")
      ask("k")
      await end("k")
      expect(ends).toMatchObject({ a: here, k: here })
    })
  })

  it.live("are told not to have been asked for, and by whom they are held up", () =>
    Effect.gen(function* () {
      const { addresses } = resolverOf({ addressesOf: () => Promise.reject(new HeldUp(["one.test", "two.test"])) })
      const error = yield* Effect.flip(addresses("pods", 5_000))
      expect(error).toMatchObject({ isPassing: true, heldUpBy: ["one.test", "two.test"] })
      expect(error.message).toBe(
        "'pods' was not looked up: the name service gives no answer for one.test, two.test, and no more hosts are asked for at a time."
      )
    })
  )
})
