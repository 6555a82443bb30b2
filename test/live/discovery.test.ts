import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Stream } from "effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Discovery } from "../../src/cluster/Discovery.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])

type Row = Readonly<Record<string, unknown>> & { readonly node: string }

/** The nodes that this test has started; others run here, too. */
const discover = (name = `_${process.pid}_`) =>
  Effect.map(call("discover_nodes", { filter: { name } }), ({ structured, text }) => ({
    structured,
    text,
    rowOf: (name: string) => ((structured["nodes"] ?? []) as ReadonlyArray<Row>).find(({ node }) => node === name)
  }))

/** Connects a node to another. */
const link = (from: BeamNode.BeamNode, to: BeamNode.BeamNode) =>
  Effect.promise(() => from.evaluate(`true = net_kernel:connect_node('${to.name}')`))

describe.each(BeamNode.otpReleases())("on OTP $otp", ({ otp }) => {
  it.live(
    "EPMD and the machine's processes tell of a node, and connected ones of their neighbours, as far as allowed",
    () =>
      Effect.gen(function* () {
        const cookie = "a cookie nobody may see"
        const alone = ["-connect_all", "false"]
        const start = (options: BeamNode.BeamNodeOptions) => BeamNode.start({ otp, cookie, args: alone, ...options })
        const a = yield* start({ name: "a" })
        const b = yield* start({ name: "b" })
        const c = yield* start({ name: "c" })
        const hidden = yield* start({ name: "ops", hidden: true })
        yield* link(a, b)
        yield* link(b, c)
        yield* link(hidden, a)
        const discovery = [`epmd:127.0.0.1:${epmdPort}`, "releases", "follow"]
        const seenBy = (allowNodes?: ReadonlyArray<string>) =>
          Effect.gen(function* () {
            yield* call("connect_node", { node: a.name })
            return yield* discover()
          }).pipe(
            Effect.provide(
              liveCatalogue([a], { discovery, ...(allowNodes !== undefined && { policy: { allowNodes } }) })
            )
          )

        const near = yield* seenBy()
        expect(near.structured["complete"]).toBe(true)
        const { port, ...found } = near.rowOf(a.name)!
        expect(found).toEqual({
          node: a.name,
          state: "connected",
          sources: discovery.slice(0, 2),
          host: "127.0.0.1"
        })
        expect(port).toBe(Number(yield* Effect.promise(() => a.evaluate(listeningPort))))
        expect(near.rowOf(b.name)).toMatchObject({ state: "allowed", sources: discovery })
        expect(near.rowOf(c.name)).toMatchObject({ sources: discovery.slice(0, 2) })
        expect(near.rowOf(hidden.name)).toMatchObject({ hidden: true, sources: discovery })
        expect(near.text).not.toContain(cookie)

        // Who looks out from the hidden one sees visible nodes over hidden links.
        const inward = yield* Effect.andThen(call("connect_node", { node: hidden.name }), discover()).pipe(
          Effect.provide(liveCatalogue([hidden], { discovery: ["follow"] }))
        )
        expect(inward.rowOf(a.name)).toMatchObject({ sources: ["follow"] })
        expect(inward.rowOf(a.name)).not.toHaveProperty("hidden")

        const far = yield* seenBy([a.name, b.name])
        expect(far.rowOf(c.name)).toMatchObject({
          state: "not_allowed",
          sources: discovery,
          allowed_by: `--allow-nodes '${c.name}'`
        })
        // It was not allowed, so it was not connected.
        expect(yield* Effect.promise(() => c.evaluate("nodes(connected)"))).toBe(`['${b.name}']`)
      })
  )
})

/** Where a node listens for others, as a node's own net kernel has it. */
const listeningPort = `
  {_, _, Listening} = lists:foldl(
    fun(P, Acc) -> case inet:sockname(P) of
      {ok, {{127, 0, 0, 1}, N}} -> case inet:peername(P) of {error, enotconn} -> {x, y, N}; _ -> Acc end;
      _ -> Acc end end, {x, y, none}, [P || P <- erlang:ports(), {name, "tcp_inet"} =:= erlang:port_info(P, name)]),
  Listening`

describe("a release on this machine", () => {
  it.live("is found by its process, with the file of its cookie and without the cookie", () =>
    Effect.gen(function* () {
      const root = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "beamscope-test-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      mkdirSync(join(root, "releases"))
      writeFileSync(join(root, "releases/COOKIE"), "swordfish", { mode: 0o600 })
      const node = yield* BeamNode.start({
        cookie: "swordfish",
        variables: { RELEASE_ROOT: root, RELEASE_NODE: "shop", RELEASE_COOKIE: "swordfish" }
      })
      const { rowOf, text } = yield* discover().pipe(Effect.provide(liveCatalogue([], { discovery: ["releases"] })))
      expect(rowOf(node.name)).toEqual({
        node: node.name,
        state: "allowed",
        sources: ["releases"],
        host: "localhost",
        cookie_file: join(root, "releases/COOKIE")
      })
      expect(text).not.toContain("swordfish")
    })
  )
})

describe("a node that only EPMD knows", () => {
  it.live("is connected by the call that is hinted at, and has its full name from then on", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({})
      const [short] = node.name.split("@") as [string]
      yield* Effect.gen(function* () {
        const before = yield* discover(short)
        expect(before.rowOf(short)).toMatchObject({ state: "allowed", sources: ["epmd:localhost"] })
        expect(before.structured["hints"]).toEqual([`connect_node {"node":"${short}"}`])
        yield* call("connect_node", { node: short })
        const after = yield* discover()
        expect(after.rowOf(node.name)).toMatchObject({ state: "connected", sources: ["epmd:localhost"] })
        expect(after.rowOf(short)).toBeUndefined()
      }).pipe(
        Effect.provide(liveCatalogue([], { discovery: ["epmd:localhost"], cookies: [Redacted.make(node.cookie)] }))
      )
    })
  )
})

describe("the library", () => {
  it.live("is told of a node that starts, and of its end", () =>
    Effect.gen(function* () {
      const { changes } = yield* Discovery.make
      const name = `late_${process.pid}@127.0.0.1`
      const node = yield* Effect.forkScoped(BeamNode.start({ name }))
      const mine = yield* (yield* changes({ everyMillis: 50 })).pipe(
        Stream.filter((change) => change.node.node === name),
        Stream.tap(({ _tag }) =>
          _tag === "Joined" ? Effect.flatMap(Fiber.join(node), ({ stop }) => Effect.promise(stop)) : Effect.void
        ),
        Stream.take(2),
        Stream.runCollect
      )
      expect(mine.map(({ _tag }) => _tag)).toEqual(["Joined", "Left"])
    }).pipe(Effect.provide(liveCatalogue([], { discovery: ["releases", `epmd:127.0.0.1:${epmdPort}`] })))
  )
})
