import { describe, expect, it } from "@effect/vitest"
import { Effect, Equal, Logger, Redacted } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach } from "vitest"
import { load } from "../../../src/config/Config.ts"
import * as ConfiguredTargets from "../../../src/config/ConfiguredTargets.ts"
import { readSettings } from "../../../src/config/ConfigFile.ts"
import type { SettingTexts } from "../../../src/config/SettingTexts.ts"
import { Targets } from "../../../src/node/Targets.ts"
import { isWindows } from "../../support/isWindows.ts"

let folder = ""
let file = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "beamscope-reload-"))
  file = join(folder, "beamscope.json")
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Puts other content in the place of the file, as editors do. */
const put = (content: unknown, mode = 0o600): void => {
  const next = `${file}.new`
  writeFileSync(next, typeof content === "string" ? content : JSON.stringify(content))
  chmodSync(next, mode)
  renameSync(next, file)
}

/** Runs with the targets of the file, and with what is logged meanwhile. */
const withTargets = <A, E>(
  use: (targets: Targets["Service"], logged: ReadonlyArray<string>) => Effect.Effect<A, E>,
  flags: SettingTexts = {}
) => {
  const logged: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void logged.push(`${logLevel}: ${String(message)}`))
  return Effect.gen(function* () {
    const config = yield* load({ flags, environment: { HOME: folder }, file })
    return yield* Effect.provide(
      Effect.flatMap(Targets, (targets) => use(targets, logged)),
      ConfiguredTargets.layer(config)
    )
  }).pipe(Effect.provide(Logger.layer([logger])))
}

const namesOf = ({ nodes }: Targets["Service"]) => Effect.map(nodes, (all) => all.map(({ name }) => name))

const cookieOf = ({ resolve }: Targets["Service"], name: string) =>
  Effect.map(Effect.scoped(resolve(name)), ({ cookie }) => Redacted.value(cookie))

describe("the configuration file, when it has changed", () => {
  it.effect("is read again by who asks next, for all that its nodes say", () => {
    put({ nodes: [{ name: "a@x", cookie: "one", epmd_port: 1 }] })
    return withTargets((targets, logged) =>
      Effect.gen(function* () {
        expect(yield* namesOf(targets)).toEqual(["a@x"])
        expect(logged).toEqual([])
        put({ nodes: [{ name: "a@x", cookie: "two", access: "inspect" }, "b@y"] })
        expect(yield* cookieOf(targets, "a@x")).toBe("two")
        expect(yield* targets.nodes).toMatchObject([{ name: "a@x", access: "inspect" }, { name: "b@y" }])
        expect(yield* targets.problem).toBeUndefined()
        expect(logged).toEqual([
          `Info: configuration file ${file} has changed: its nodes count as they stand there now`
        ])
      })
    )
  })

  it.effect("is not read again as long as it has not", () => {
    put({ nodes: ["a@x"] })
    return withTargets((targets, logged) =>
      Effect.gen(function* () {
        yield* Effect.all([targets.nodes, targets.nodes, targets.problem], { concurrency: "unbounded" })
        put({ nodes: ["b@x"] })
        yield* Effect.all([targets.nodes, targets.nodes, targets.problem], { concurrency: "unbounded" })
        expect(logged).toHaveLength(1)
      })
    )
  })

  it.effect("is noticed when that was between the start and the first question", () => {
    put({ nodes: ["a@x"] })
    return Effect.gen(function* () {
      const config = yield* load({ flags: {}, environment: { HOME: folder }, file })
      put({ nodes: ["b@x"] })
      const names = yield* Effect.provide(Effect.flatMap(Targets, namesOf), ConfiguredTargets.layer(config))
      expect(names).toEqual(["b@x"])
    })
  })

  it.effect.each<[string, () => void, string]>([
    [
      "is broken",
      () => put('{ "nodes": [{ "cookie": PRECIOUS }] }'),
      "is not JSON: line 1, column 25: expected a value"
    ],
    [
      "makes no sense",
      () => put({ nodes: [{ name: "a@x", agent: "x" }] }),
      "line 1, column 25: nodes[0].agent: Expected"
    ],
    [
      "has a node twice",
      () => put({ nodes: [{ name: "a@x" }, { name: "b@x", alias: "a" }] }),
      "line 1, column 40: nodes[1].alias: Expected a name that no other node is called by (a@x is)"
    ],
    ["is open to all", () => put({ nodes: [{ name: "a@x", cookie: "PRECIOUS" }] }, 0o644), "has a cookie in it"],
    [
      "is a pipe by now, that nobody writes to",
      () => {
        rmSync(file)
        execFileSync("mkfifo", ["-m", "600", file])
      },
      "is not a regular file any more"
    ],
    ["is gone", () => rmSync(file), "cannot be read (ENOENT)"]
  ])("and %s, counts as it was before, until it is mended", ([, spoil, why]) => {
    put({ nodes: [{ name: "a@x", cookie: "one" }] })
    return withTargets((targets, logged) =>
      Effect.gen(function* () {
        spoil()
        expect(yield* namesOf(targets)).toEqual(["a@x"])
        expect(yield* cookieOf(targets, "a@x")).toBe("one")
        const problem = yield* targets.problem
        expect(problem).toContain(`configuration file ${file}: `)
        expect(problem).toContain(why)
        expect(problem).toMatch(/\. Its nodes count as they stood there before\.$/u)
        expect(logged).toEqual([`Warn: ${problem}`])
        expect(problem).not.toContain("PRECIOUS")
        put({ nodes: ["b@x"] })
        expect(yield* namesOf(targets)).toEqual(["b@x"])
        expect(yield* targets.problem).toBeUndefined()
      })
    )
  })

  it.effect.skipIf(isWindows)("is read once where it is a pipe", () => {
    execFileSync("mkfifo", ["-m", "600", file])
    const writer = spawn("/bin/sh", ["-c", 'printf %s "$1" > "$2"', "writer", JSON.stringify({ nodes: ["a@x"] }), file])
    const ended = once(writer, "exit")
    return withTargets((targets, logged) =>
      Effect.gen(function* () {
        yield* Effect.promise(() => ended)
        expect(yield* namesOf(targets)).toEqual(["a@x"])
        expect(yield* targets.problem).toBeUndefined()
        expect(logged).toEqual([])
      })
    )
  })

  it.live.skipIf(isWindows)("is given up where it is a pipe that nobody writes to", () => {
    execFileSync("mkfifo", ["-m", "600", file])
    return Effect.gen(function* () {
      const error = yield* Effect.flip(readSettings(file, "/", false))
      expect(error.message).toContain("it is a pipe, and for 5 s nobody has written to it")
    })
  })

  it.live.skipIf(isWindows)("is waited for where whoever writes to the pipe takes his time", () => {
    execFileSync("mkfifo", ["-m", "600", file])
    const script = 'exec 3> "$1"; sleep 0.3; printf %s "{\\"nodes\\":" >&3; sleep 0.3; printf %s "[\\"a@x\\"]}" >&3'
    spawn("/bin/sh", ["-c", script, "writer", file])
    return Effect.gen(function* () {
      expect((yield* readSettings(file, "/", false)).said.nodes).toEqual(["a@x"])
    })
  })

  it.effect("is mended by chmod, too", () => {
    put({ nodes: ["a@x"] })
    return withTargets((targets) =>
      Effect.gen(function* () {
        put({ nodes: [{ name: "b@x", cookie: "one" }] }, 0o644)
        expect(yield* namesOf(targets)).toEqual(["a@x"])
        chmodSync(file, 0o600)
        expect(yield* namesOf(targets)).toEqual(["b@x"])
      })
    )
  })

  it.effect("changes no more than the nodes, and says so", () => {
    put({ nodes: ["a@x"], epmd_port: 1111, read_only: true })
    return withTargets((targets, logged) =>
      Effect.gen(function* () {
        put({ nodes: ["a@x"], epmd_port: 2222 })
        expect(yield* namesOf(targets)).toEqual(["a@x"])
        expect(targets.epmdPort).toBe(1111)
        expect(logged.at(-1)).toBe(
          `Warn: configuration file ${file}: what has changed beside its nodes counts when Beamscope is started again`
        )
      })
    )
  })

  it.effect("still says who is meant by an alias or a group on the command line", () => {
    put({ nodes: [{ name: "a@x", alias: "one" }, { name: "b@x" }] })
    return withTargets(
      (targets) =>
        Effect.gen(function* () {
          expect(yield* namesOf(targets)).toEqual(["a@x"])
          put({ nodes: [{ name: "a@x" }, { name: "b@x", alias: "one", group: "all" }] })
          expect(yield* namesOf(targets)).toEqual(["b@x"])
        }),
      { nodes: ["one"] }
    )
  })

  it.effect.each<[string, object, object]>([
    ["a group", { name: "a@x", group: "staging" }, { name: "b@x", group: "staging" }],
    ["an alias", { name: "a@x", alias: "staging" }, { name: "b@x", alias: "staging" }]
  ])("means nobody by %s on the command line that is gone, until it is back", ([, before, after]) => {
    put({ nodes: [before] })
    return withTargets(
      (targets, logged) =>
        Effect.gen(function* () {
          expect(yield* namesOf(targets)).toEqual(["a@x"])
          put({ nodes: [{ name: "a@x" }] })
          expect(yield* namesOf(targets)).toEqual([])
          const problem = `--node: no node has the alias or the group 'staging' any more (configuration file ${file}: nodes).`
          expect(yield* targets.problem).toBe(problem)
          expect(logged.at(-1)).toBe(`Warn: ${problem}`)
          put({ nodes: [after] })
          expect(yield* namesOf(targets)).toEqual(["b@x"])
          expect(yield* targets.problem).toBeUndefined()
        }),
      { nodes: ["staging"] }
    )
  })

  it.effect("binds nodes that the command line leaves out, by what their entries say now", () => {
    const entry = { name: "b@x", access: "inspect", cookie: "own", epmd_port: 1 }
    put({ nodes: [{ name: "a@x", group: "g" }, entry] })
    return withTargets(
      (targets) =>
        Effect.gen(function* () {
          expect(yield* namesOf(targets)).toEqual(["a@x"])
          expect(yield* targets.entries).toMatchObject([{ name: "a@x" }, { name: "b@x", access: "inspect" }])
          expect(yield* cookieOf(targets, "b@x")).toBe("own")
          expect(yield* targets.way("b@x")).toMatchObject({ epmdPort: 1 })
          put({
            nodes: [
              { name: "a@x", group: "g" },
              { ...entry, access: "observe", cookie: "other" }
            ]
          })
          expect(yield* targets.entries).toMatchObject([{ name: "a@x" }, { name: "b@x", access: "observe" }])
          expect(yield* cookieOf(targets, "b@x")).toBe("other")
          expect(yield* namesOf(targets)).toEqual(["a@x"])
        }),
      { nodes: ["g"] }
    )
  })

  it.effect("still has the node that the command line calls by its name, with or without an entry", () => {
    put({ nodes: [{ name: "a@x", epmd_port: 1 }] })
    return withTargets(
      (targets) =>
        Effect.gen(function* () {
          expect(yield* targets.nodes).toMatchObject([{ name: "a@x", epmdPort: 1 }])
          put({ nodes: [] })
          expect(yield* targets.nodes).toEqual([{ name: "a@x" }])
        }),
      { nodes: ["a@x"] }
    )
  })

  it.effect.each<[string, object]>([
    ["the address", { address: "b:1" }],
    ["the cookie", { cookie: "two" }],
    ["the port of EPMD", { epmd_port: 2 }],
    ["TLS", { tls: true }],
    ["the tunnel", { tunnel: ["ssh", "{port}"] }]
  ])("has another way to a node where %s is another, and not where that is called otherwise", ([, change]) => {
    const entry = { name: "a@x", cookie: "one", epmd_port: 1 }
    put({ nodes: [entry] })
    return withTargets((targets) =>
      Effect.gen(function* () {
        const before = yield* targets.way("a@x")
        put({ nodes: [{ ...entry, alias: "a", group: "g", tags: ["t"], access: "inspect", agent: "none" }] })
        expect(Equal.equals(yield* targets.way("a@x"), before)).toBe(true)
        put({ nodes: [{ ...entry, ...change }] })
        expect(Equal.equals(yield* targets.way("a@x"), before)).toBe(false)
      })
    )
  })
})
