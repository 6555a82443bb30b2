import { Effect, Redacted, Result } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { fromSettings } from "../../../src/config/Config.ts"
import * as ConfiguredTargets from "../../../src/config/ConfiguredTargets.ts"
import type { Settings } from "../../../src/config/Settings.ts"
import type { Environment } from "../../../src/config/SettingTexts.ts"
import { Targets } from "../../../src/node/Targets.ts"

let home = ""
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "beamscope-targets-"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const withTargets = <A, E>(
  settings: Settings,
  use: (targets: Targets["Service"]) => Effect.Effect<A, E>,
  environment: Environment = {}
) =>
  Effect.runPromise(
    Effect.flatMap(fromSettings(settings, { HOME: home, ...environment }), (config) =>
      Effect.provide(Effect.flatMap(Targets, use), ConfiguredTargets.layer(config))
    )
  )

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

  it("know a node by its name and by its alias, whatever stands in it, and read no cookie for that", async () => {
    const nodes = [{ name: "a@x", alias: "prod@eu", cookieFile: join(home, "none") }, "b@x"]
    const names = await withTargets({ nodes }, ({ cookies, nameOf }) =>
      Effect.map(cookies, (seen) => [nameOf("a@x"), nameOf("prod@eu"), nameOf("b@x"), nameOf("a"), seen.length])
    )
    expect(names).toEqual(["a@x", "a@x", "b@x", undefined, 0])
  })

  it("take a cookie that is given for the connection in place of all others", async () => {
    const { cookie } = await withTargets({ nodes: [{ name: "a@x", cookie: Redacted.make("own") }] }, ({ resolve }) =>
      resolve("a@x", { cookie: Redacted.make("given") })
    )
    expect(Redacted.value(cookie)).toBe("given")
  })

  it("remember which cookies they gave out", async () => {
    const cookies = await withTargets({ nodes: [{ name: "a@x", cookie: Redacted.make("own") }, "b@x"] }, (targets) =>
      Effect.gen(function* () {
        expect(yield* targets.cookies).toEqual([])
        yield* targets.resolve("a@x")
        yield* targets.resolve("a@x")
        yield* targets.resolve("b@x", { cookie: Redacted.make("given") })
        return yield* targets.cookies
      })
    )
    expect(cookies.map(Redacted.value)).toEqual(["own", "given"])
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
