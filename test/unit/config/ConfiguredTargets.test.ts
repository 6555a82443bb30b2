import { Effect, Redacted, Result, type Scope } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { fromSettings } from "../../../src/config/Config.ts"
import * as ConfiguredTargets from "../../../src/config/ConfiguredTargets.ts"
import type { Settings } from "../../../src/config/Settings.ts"
import type { Environment } from "../../../src/config/SettingTexts.ts"
import { nodeCalled, Targets } from "../../../src/node/Targets.ts"

let home = ""
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "beamscope-targets-"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const withTargets = <A, E>(
  settings: Settings,
  use: (targets: Targets["Service"]) => Effect.Effect<A, E, Scope.Scope>,
  environment: Environment = {}
) =>
  Effect.runPromise(
    Effect.flatMap(fromSettings(settings, { HOME: home, ...environment }), (config) =>
      Effect.provide(Effect.scoped(Effect.flatMap(Targets, use)), ConfiguredTargets.layer(config))
    )
  )

/** The places that the cookies of three nodes are taken from, and of one for which it is given. */
const sources = async (settings: Settings) => {
  const targets = await withTargets(
    settings,
    ({ resolve }) =>
      Effect.all([
        ...["a@x", "b@x", "c@x"].map((name) => resolve(name)),
        resolve("c@x", { cookie: Redacted.make("x") })
      ]),
    { RELEASE_COOKIE: "released" }
  )
  return targets.map(({ cookieSource }) => cookieSource)
}

const both = ({ resolve }: Targets["Service"]) => Effect.all([resolve("a@x"), resolve("b@x")])

describe("targets", () => {
  it("have what the node's own entry says, then what is said for all", async () => {
    const targets = await withTargets(
      {
        agent: "none",
        epmdPort: 4400,
        nodes: [{ name: "a@x", alias: "first", cookie: Redacted.make("own"), agent: "load", epmdPort: 4401 }, "b@x"]
      },
      ({ resolve }) => Effect.all([resolve("a@x"), resolve("b@x"), resolve("other@y")]),
      { RELEASE_COOKIE: "released" }
    )
    expect(
      targets.map(({ agent, cookie, epmdPort, name }) => ({ name, cookie: Redacted.value(cookie), agent, epmdPort }))
    ).toEqual([
      { name: "a@x", cookie: "own", agent: "load", epmdPort: 4401 },
      { name: "b@x", cookie: "released", agent: "none", epmdPort: 4400 },
      { name: "other@y", cookie: "released", agent: "none", epmdPort: 4400 }
    ])
  })

  it("say where the cookie is from, which is not what it is", async () => {
    const file = join(home, "cookie")
    writeFileSync(file, "filed", { mode: 0o600 })
    const nodes = [{ name: "a@x", cookie: Redacted.make("own") }, { name: "b@x", cookieFile: file }, "c@x"]
    const own = ["its entry in the configuration", `its entry in the configuration: ${file}`]
    const given = "the cookie given for this connection"
    expect(await sources({ nodes })).toEqual([...own, "RELEASE_COOKIE", given])
    expect(await sources({ nodes, cookieFile: file })).toEqual([...own, `cookieFile: ${file}`, given])
  })

  it("have the name that we are to join under, the node's own entry first", async () => {
    const nodes = [{ name: "a@x", ourName: "one@here" }, "b@x"]
    const environment = { RELEASE_COOKIE: "released" }
    const own = await withTargets({ nodes }, both, environment)
    expect(own.map(({ ourName }) => ourName)).toEqual(["one@here", undefined])
    const all = await withTargets({ nodes, ourName: "all@here" }, both, environment)
    expect(all.map(({ ourName }) => ourName)).toEqual(["one@here", "all@here"])
  })

  it("know a node by its name and by its alias, whatever stands in it, and read no cookie for that", async () => {
    const nodes = [{ name: "a@x", alias: "prod@eu", cookieFile: join(home, "none") }, "b@x"]
    const names = await withTargets({ nodes }, (targets) =>
      Effect.map(Effect.all([targets.nodes, targets.cookies]), ([known, seen]) => [
        ...["a@x", "prod@eu", "b@x", "a"].map((called) => nodeCalled(known, called)?.name),
        seen.length
      ])
    )
    expect(names).toEqual(["a@x", "a@x", "b@x", undefined, 0])
  })

  it("take a cookie that is given for the connection in place of all others", async () => {
    const { cookie } = await withTargets({ nodes: [{ name: "a@x", cookie: Redacted.make("own") }] }, ({ resolve }) =>
      resolve("a@x", { cookie: Redacted.make("given") })
    )
    expect(Redacted.value(cookie)).toBe("given")
  })

  it("count the operator's cookies as secret once they were used", async () => {
    const cookies = await withTargets({ nodes: [{ name: "a@x", cookie: Redacted.make("own") }, "b@x"] }, (targets) =>
      Effect.gen(function* () {
        expect(yield* targets.cookies).toEqual([])
        yield* Effect.scoped(targets.resolve("a@x"))
        yield* Effect.scoped(targets.resolve("a@x"))
        yield* Effect.scoped(Effect.flip(targets.resolve("b@x")))
        return yield* targets.cookies
      })
    )
    expect(cookies.map(Redacted.value)).toEqual(["own"])
  })

  it("count a cookie that is given for a connection as secret while that lasts, and for no other", async () => {
    await withTargets({}, ({ cookies, resolve }) =>
      Effect.gen(function* () {
        const seen = Effect.map(cookies, (secret) => secret.map(Redacted.value))
        const cookie = Redacted.make("processes")
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* resolve("a@x", { cookie })
            yield* Effect.scoped(resolve("b@x", { cookie }))
            expect(yield* seen).toEqual(["processes"])
          })
        )
        expect(yield* seen).toEqual([])
      })
    )
  })

  it("take so many given cookies at once", async () => {
    await withTargets({}, ({ cookies, resolve }) => {
      const several = (count: number) =>
        Effect.forEach(Array.from({ length: count }), (_, at) =>
          Effect.result(resolve("a@x", { cookie: Redacted.make(`word${at}`) }))
        )
      return Effect.gen(function* () {
        const results = yield* Effect.scoped(several(3_000))
        expect(results.filter(Result.isSuccess)).toHaveLength(32)
        expect((yield* cookies).length).toBe(0)
        expect((yield* several(1)).every(Result.isSuccess)).toBe(true)
      })
    })
  })

  it("say where they looked for a cookie, in order", async () => {
    const result = await withTargets({}, ({ resolve }) => Effect.result(resolve("a@x")))
    const message = Result.isFailure(result) ? result.failure.message : "no error"
    const places = ["a@x in the configuration", "cookieFile", "RELEASE_COOKIE", join(home, ".erlang.cookie")]
    expect(places.map((place) => message.indexOf(place))).not.toContain(-1)
    expect(places.map((place) => message.indexOf(place))).toEqual(
      places.map((place) => message.indexOf(place)).toSorted((a, b) => a - b)
    )
  })
})
