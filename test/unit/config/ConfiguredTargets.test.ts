import { Effect, Redacted, Result, type Scope } from "effect"
import { createPrivateKey } from "node:crypto"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { fromSettings } from "../../../src/config/Config.ts"
import * as ConfiguredTargets from "../../../src/config/ConfiguredTargets.ts"
import type { NodeEntry, Settings } from "../../../src/config/Settings.ts"
import type { Environment } from "../../../src/config/SettingTexts.ts"
import { nodeCalled, Targets } from "../../../src/node/Targets.ts"
import { makeAuthority } from "../../support/Certificates.ts"
import { isWindows } from "../../support/isWindows.ts"

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
    const nodes = [{ name: "a@x", alias: "prod.eu", cookieFile: join(home, "none") }, "b@x"]
    const names = await withTargets({ nodes }, (targets) =>
      Effect.map(Effect.all([targets.nodes, targets.cookies]), ([known, seen]) => [
        ...["a@x", "prod.eu", "b@x", "a"].map((called) => nodeCalled(known, called)?.name),
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

  it("tell a given one that is no cookie as that, and not that there is none", async () => {
    const nodes = [{ name: "a@x", cookie: Redacted.make("own") }]
    const error = await withTargets({ nodes }, ({ resolve }) =>
      Effect.flip(resolve("a@x", { cookie: Redacted.make("naïve") }))
    )
    expect(error.message).toMatch(/^the cookie that was given to connect to a@x with has bad characters.* or none, so/u)
    expect(error.message).not.toContain("naïve")
    expect(error.lacksCookie).toBeUndefined()
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
    expect(message).toMatch(/\. Write what erlang:get_cookie\(\) tells on the node into a file .*--cookie-file/u)
  })
})

/** What a node is to be reached by, beside what all have. */
const reach = async (entry: Omit<NodeEntry, "name">, settings: Settings = {}, name = "a@x") => {
  const nodes = [{ name: "a@x", cookie: Redacted.make("own"), ...entry }]
  const target = await withTargets({ nodes, ...settings }, ({ resolve }) =>
    resolve(name, { cookie: Redacted.make("c") })
  )
  const { address, epmdHost, epmdPort, tls } = target
  return { address, epmdHost, epmdPort, tls: tls && { ...tls, ...(tls.key && { key: Redacted.value(tls.key) }) } }
}

const plain = { address: undefined, epmdHost: undefined, epmdPort: 4369, tls: undefined }

describe("the way to a node", () => {
  it("is where its entry says", async () => {
    expect(await reach({})).toEqual(plain)
    expect(await reach({ address: "gate:4370" })).toEqual({ ...plain, address: { host: "gate", port: 4370 } })
    expect(await reach({ address: "unix:/run/a.sock" })).toEqual({ ...plain, address: { path: "/run/a.sock" } })
    expect(await reach({ epmdHost: "gate", epmdPort: 1 })).toEqual({ ...plain, epmdHost: "gate", epmdPort: 1 })
  })

  it("is as for all where its entry does not say, or where it has none", async () => {
    const all = { epmdHost: "all", epmdPort: 2 }
    expect(await reach({ epmdHost: "gate" }, all)).toEqual({ ...plain, epmdHost: "gate", epmdPort: 2 })
    expect(await reach({ epmdHost: "gate" }, all, "b@y")).toEqual({ ...plain, ...all })
  })
})

const authority = makeAuthority("ca")
const me = authority.issue({ commonName: "me" })

const certificateFile = (name: string, text: string, mode = 0o600): string => {
  const path = join(home, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}
const tlsOf = async (...args: Parameters<typeof reach>) => (await reach(...args)).tls

const refused = async (tls: NodeEntry["tls"], settings: Settings = {}) => {
  const nodes = [{ name: "a@x", cookie: Redacted.make("own"), ...(tls !== undefined && { tls }) }]
  return (await withTargets({ nodes, ...settings }, ({ resolve }) => Effect.flip(resolve("a@x")))).message
}

describe("the certificates for a node", () => {
  it("are those of its entry, then those for all, as files at the time", async () => {
    const [ca, cert, key] = [
      certificateFile("ca.pem", authority.cert, 0o644),
      certificateFile("me.pem", me.cert),
      certificateFile("me.key", me.key)
    ]
    expect(await tlsOf({ tls: true })).toEqual({})
    expect(await tlsOf({ tls: { ca, serverName: "x.example" } })).toEqual({
      ca: authority.cert,
      serverName: "x.example"
    })
    const all = { tls: true, tlsCa: ca, tlsCert: cert, tlsKey: key, tlsServerName: "all.example", tlsInsecure: true }
    const texts = { ca: authority.cert, cert: me.cert, key: me.key }
    expect(await tlsOf({}, all)).toEqual({ ...texts, serverName: "all.example", insecure: true })
    expect(await tlsOf({}, all, "b@y")).toEqual({ ...texts, serverName: "all.example", insecure: true })
    expect(await tlsOf({ tls: { serverName: "x.example", insecure: false } }, all)).toEqual({
      ...texts,
      serverName: "x.example",
      insecure: false
    })
    expect(await tlsOf({ tls: false }, all)).toBeUndefined()
    expect(await tlsOf({ tls: true }, { ...all, tls: false })).toEqual({
      ...texts,
      serverName: "all.example",
      insecure: true
    })
  })

  it("do not go with the key for all where they are the node's own", async () => {
    const both = certificateFile("both.pem", me.cert + me.key)
    const [cert, key] = [certificateFile("other.pem", authority.cert), certificateFile("other.key", authority.key)]
    const tls = await tlsOf({ tls: { cert: both } }, { tls: true, tlsCert: cert, tlsKey: key })
    expect(tls).toEqual({ cert: me.cert + me.key })
  })

  it("are missed by the names of the setting and the file", async () => {
    const none = join(home, "none.pem")
    expect(await refused({ ca: none })).toBe(
      `a@x cannot be reached over TLS: tls.ca of its entry in the configuration: ${none} does not exist.`
    )
    expect(await refused(undefined, { tls: true, tlsCa: none })).toBe(
      `a@x cannot be reached over TLS: tlsCa: ${none} does not exist.`
    )
    expect(await refused({ cert: home })).toContain(
      `tls.cert of its entry in the configuration: ${home} is not a regular`
    )
  })

  it("have to be what they should be", async () => {
    const [text, cert, key] = [
      certificateFile("text", "PRECIOUS"),
      certificateFile("me.pem", me.cert),
      certificateFile("me.key", me.key)
    ]
    expect(await refused({ ca: text })).toContain(`${text} is no PEM file: nothing in it begins with -----BEGIN`)
    expect(await refused({ ca: key })).toContain(
      `${key} has no certificate in it, in the form of PEM: what it has begins with -----BEGIN PRIVATE KEY-----`
    )
    expect(await refused({ cert, key: cert })).toContain(
      `${cert} has no private key in it, in the form of PEM: what it has begins with -----BEGIN CERTIFICATE-----`
    )
    const locked = createPrivateKey(me.key).export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: "x"
    })
    expect(await refused({ cert, key: certificateFile("locked.key", String(locked)) })).toContain(
      "that a passphrase protects"
    )
    expect(await refused({ ca: certificateFile("huge", "x".repeat(1_048_577)) })).toContain("is 1048577 bytes long")
  })

  it.skipIf(isWindows)("ask for files that only their owner can access where a key is in them", async () => {
    const key = certificateFile("me.key", me.key, 0o640)
    expect(await refused({ cert: certificateFile("me.pem", me.cert, 0o644), key })).toContain(
      `tls.key of its entry in the configuration: ${key} must be accessible by owner only, because there is a private key in it; its mode is 640, make it 600.`
    )
    const both = certificateFile("both.pem", me.cert + me.key, 0o644)
    expect(await refused({ cert: both })).toContain(`${both} must be accessible by owner only`)
  })
})

it("tells of a tunnel's command no cookie, also one that is configured for other connections, whole before it is cut", async () => {
  const file = join(home, "cookie")
  writeFileSync(file, "FILE-9cookieWXYZQPLM\n", { mode: 0o600 })
  const cookies = ["GIVEN-cookieWXYZQPLM", "ENTRY-cookieWXYZQPLM", "OTHER-cookieWXYZQPLM", "FILE-9cookieWXYZQPLM"]
  const script =
    'process.argv.slice(2).forEach((it, at) => console.error(it + "z".repeat(581 + at))); process.exitCode = 1'
  const messages = await withTargets(
    {
      cookieFile: file,
      nodes: [
        { name: "b@x", cookie: Redacted.make(cookies[2]!) },
        ...cookies.map((_, at) => ({
          name: `a${at}@x`,
          cookie: Redacted.make(cookies[1]!),
          tunnel: [process.execPath, "--eval", script, "{port}", ...cookies.slice(at), ...cookies.slice(0, at)]
        }))
      ]
    },
    ({ resolve }) =>
      Effect.forEach(cookies, (_, at) =>
        Effect.map(Effect.flip(resolve(`a${at}@x`, { cookie: Redacted.make(cookies[0]!) })), ({ message }) => message)
      )
  )
  for (const message of messages) {
    expect(message).toContain("It said: …")
    expect(message).not.toMatch(/cookieW|okieWX|WXYZQP|YZQPLM/u)
  }
})
