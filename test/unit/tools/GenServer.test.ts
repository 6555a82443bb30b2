import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { copyAtWorst } from "../../../src/beam/GenServer.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, Binary, binary, charlist, list, map, nil, Pid, type Term } from "../../../src/etf/Term.ts"
import type { CallReason } from "../../../src/node/CallError.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { CharacterBudget } from "../../../src/tools/CharacterBudget.ts"
import { Reveal } from "../../../src/tools/Reveal.ts"
import { packed } from "../../support/packed.ts"
import { callIn, failIn } from "../../support/Tools.ts"

const pid = new Pid(atom("app@localhost"), 90, 0, 42)

/** A node whose agent answers with these words. */
const answering = (answer: Readonly<Record<string, Term>>) =>
  fakeNode({
    replies: {
      "erlang:list_to_pid/1": { term: pid },
      "beamscope_state:read": { term: packed(map(Object.entries(answer).map(([key, value]) => [atom(key), value]))) }
    }
  })

const told = (term: Term, more: Readonly<Record<string, Term>> = {}) =>
  answering({
    outcome: atom("told"),
    loop: atom("gen_server"),
    callback: atom("undefined"),
    suspended: atom("false"),
    is_cut: atom("false"),
    bytes: 100,
    term,
    ...more
  })

const doing = { messages: 3, status: atom("running"), current: [atom("lists"), atom("map"), 2] }

/** Terms as they travel in a step. */
const eachPacked = (...terms: ReadonlyArray<Term>) => list(terms.map((term) => new Binary(encode(term))))

/** The places behind the steps of a path, each of one text. */
const places = (count: number) => list(Array.from({ length: count }, (_, at) => at + 2))

/** What the agent tells of a process that began with the callbacks of one module and was found in the loop of another. */
const began = (callback: string, loop: string) => ({ callback: [atom(callback), atom("init"), 1], loop: atom(loop) })

describe("get_gen_server_state", () => {
  it.effect("says that a callback was not read, which is not that there is none", () =>
    Effect.gen(function* () {
      for (const callback of ["unread", "undefined"]) {
        const node = told(7, { callback: atom(callback) })
        const answer = yield* callIn({ up: [node] }, "get_gen_server_state", { pid: "<0.90.0>" })
        const isUnread = callback === "unread"
        expect(answer.structured).toMatchObject({ complete: !isUnread, kind: "gen_server", state: "7" })
        expect(answer.text.includes("The module of its callbacks was not read")).toBe(isUnread)
      }
    })
  )

  it.effect("asks for what was asked for, with bounds on the node", () =>
    Effect.gen(function* () {
      const node = told(7)
      yield* callIn({ up: [node] }, "get_gen_server_state", { pid: "<0.90.0>", path: "users.2", max_heap_mb: 8 })
      const { args, options } = node.called.find(({ target }) => target === "beamscope_state:read")!
      const [question] = args as [ReturnType<typeof map>]
      expect(question.atomKey("path")).toEqual(
        list([
          list([[2, atom("none"), nil, eachPacked(atom("users"), atom("Elixir.users"), binary("users"))]]),
          list([[3, 2, eachPacked(2), eachPacked(atom("2"), atom("Elixir.2"), binary("2"))]])
        ])
      )
      expect(question.atomKey("room")).toBe(10_000)
      expect(question.atomKey("max_heap_words")).toBe(1024 * 1024)
      expect(options?.maxHeapWords).toBeGreaterThan(3 * 1024 * 1024)
    })
  )

  it.effect("copies no heap whose copy could not be borne, unless told to, also by fractions of a megabyte", () =>
    Effect.gen(function* () {
      const words = Effect.fnUntraced(function* (input: Readonly<Record<string, unknown>>, tool: string) {
        const node = told(7)
        yield* callIn({ up: [node] }, tool, { pid: "<0.90.0>", ...input })
        const { args } = node.called.find(({ target }) => target === "beamscope_state:read")!
        return (args as [ReturnType<typeof map>])[0].atomKey("max_heap_words") as number
      })
      for (const tool of ["get_gen_server_state", "get_gen_server_status"]) {
        const heap = 8 * (yield* words({}, tool))
        expect(heap).toBe(128 * 1024)
        expect(copyAtWorst(heap, 8)).toBeLessThan(600 * 1024 * 1024)
        expect(yield* words({ max_heap_mb: 0.5 }, tool)).toBe(65_536)
      }
    })
  )

  it.effect.each<[CallReason, string]>([
    [{ _tag: "HeapLimit", limitWords: 8_440_000 }, "too_large"],
    [{ _tag: "DeadlineExceeded", millis: 4800, worker: "killed" }, "timeout"]
  ])("does not ask for less where the copy was too large for our worker, or too slow: %j", ([reason, code]) =>
    Effect.gen(function* () {
      const node = fakeNode({
        replies: { "erlang:list_to_pid/1": { term: pid }, "beamscope_state:read": { fails: reason } }
      })
      const error = yield* failIn({ up: [node] }, "get_gen_server_state", { pid: "<0.90.0>", path: "a" })
      expect(error.code).toBe(code)
      expect(error.message).toMatch(
        /state is larger when copied \(parts of it are shared, .* than the (?:64\.4 Mi|128\.0 Ki)B/u
      )
      expect(error.message).not.toContain("sk for less")
    })
  )

  it.effect.each<[string, Term, ReadonlyArray<Term>]>([
    ["db.password", binary("tr0ub4dor"), []],
    ["secrets.db", binary("tr0ub4dor"), []],
    ["credentials.user", atom("tr0ub4dor"), []],
    ["password.1", list([...Buffer.from("tr0ub4dor")]), []],
    ['{:x, 1}."password".db', binary("tr0ub4dor"), []],
    ['[{:db, 1}].~c"password".3', binary("tr0ub4dor"), []],
    ["1.2", binary("tr0ub4dor"), [[], [atom("password")]]],
    ["1.2.1", binary("tr0ub4dor"), [[], [binary("api_key")], []]],
    ["3", binary("tr0ub4dor"), [[atom("credentials"), binary("user")]]],
    ["4", charlist("tr0ub4dor"), [[atom("config"), atom("password")]]],
    ["2", binary("tr0ub4dor"), [list([atom("password")])]],
    ["2", charlist("tr0ub4dor"), [list([charlist("--password")])]],
    ["auth", [binary("u"), binary("tr0ub4dor")], []],
    ["auth.2", binary("tr0ub4dor"), []],
    ["auth.2.2", charlist("tr0ub4dor"), [[atom("auth")], [atom("basic")], [binary("u")]]],
    ["3", binary("tr0ub4dor"), [[atom("auth"), binary("u")]]]
  ])("leaves out a secret that a path leads to: %s", ([path, value, fronts]) =>
    Effect.gen(function* () {
      const input = { pid: "<0.90.0>", path }
      const node = told(value, { fronts: list(fronts), steps: places(path.split(".").length) })
      const { structured, text } = yield* callIn({ up: [node] }, "get_gen_server_state", input)
      expect(text).not.toContain("tr0ub4dor")
      expect(structured).toMatchObject({ state: "[redacted]", summary: expect.stringMatching(/: a secret\.$/u) })
      expect(structured).not.toHaveProperty("external_bytes")
      const revealed = yield* callIn({ up: [node] }, "get_gen_server_state", input).pipe(
        Effect.provideService(Reveal, true)
      )
      expect(revealed.text).toContain("tr0ub4dor")
    })
  )

  it.effect("leaves out the characters of a secret, one by one too, and how many they are", () =>
    Effect.gen(function* () {
      const fronts = list<Term>([[atom("config"), atom("password")], list([116])])
      const input = { pid: "<0.90.0>", path: "4.2" }
      const one = yield* callIn({ up: [told(114, { fronts, steps: places(2) })] }, "get_gen_server_state", input)
      expect(one.structured["state"]).toBe("[redacted]")
      const answer = { outcome: atom("no_part"), steps: places(1), fronts, kind: atom("list"), size: 977 }
      const error = yield* failIn({ up: [answering(answer)] }, "get_gen_server_state", input)
      expect(error.message).not.toContain("977")
    })
  )

  it.effect.each<[string, Term, Term]>([
    ["2", atom("email"), list([atom("password")])],
    ["2", binary("email"), list([binary("password")])],
    ["3", 5, [atom("limits"), atom("token")]],
    ["auth.method", atom("scram"), [atom("auth")]],
    ["auth.timeout", 5, [atom("auth")]]
  ])("shows what stands behind no more than a name: %s", ([path, value, front]) =>
    Effect.gen(function* () {
      const node = told(value, { fronts: list([front]), steps: places(path.split(".").length) })
      const { structured } = yield* callIn({ up: [node] }, "get_gen_server_state", { pid: "<0.90.0>", path })
      expect(structured["state"]).not.toContain("[redacted]")
    })
  )

  it.effect("shows what can be no secret under the name of one, and names nothing inside of a secret", () =>
    Effect.gen(function* () {
      const shown = yield* callIn({ up: [told(atom("undefined"), { steps: places(1) })] }, "get_gen_server_state", {
        pid: "<0.90.0>",
        path: "password"
      })
      expect(shown.structured["state"]).toBe(":undefined")
      const answer = {
        outcome: atom("no_part"),
        steps: places(1),
        kind: atom("map"),
        size: 1,
        there: list([atom("tr0ub4dor")])
      }
      const error = yield* failIn({ up: [answering(answer)] }, "get_gen_server_state", {
        pid: "<0.90.0>",
        path: "secrets.x"
      })
      expect(error.message).not.toContain("tr0ub4dor")
    })
  )

  it.effect("names the module of a supervisor_bridge, not the behaviour", () =>
    Effect.gen(function* () {
      const node = told(7, { callback: [atom("supervisor_bridge"), atom("user_sup"), 1] })
      const { structured } = yield* callIn({ up: [node] }, "get_gen_server_state", { pid: "<0.90.0>" })
      expect(structured).toMatchObject({ kind: "gen_server", module: ":user_sup" })
    })
  )

  it.effect("says of a term that is too long to be shown that it is cut", () =>
    Effect.gen(function* () {
      const long = list(Array.from({ length: 3000 }, (_, at) => at + 1000))
      const { structured } = yield* callIn({ up: [told(long)] }, "get_gen_server_state", { pid: "<0.90.0>" })
      expect(structured["complete"]).toBe(false)
      expect(structured["notes"]).toEqual([expect.stringMatching(/shown cut: \.\.\. stands for what is left out/u)])
      const shown = (structured["state"] as string).length
      expect(shown).toBeLessThanOrEqual(10_000)
      expect(shown).toBeGreaterThan(6_000)
    })
  )

  it.effect.each([10_000, 20_000, 100_000])("shows of a term what a result of %d characters has room for", (budget) =>
    Effect.gen(function* () {
      const long = list(Array.from({ length: 1_200 }, (_, at) => at + 1000))
      const node = told(long)
      const { structured } = yield* callIn({ up: [node] }, "get_gen_server_state", { pid: "<0.90.0>" }).pipe(
        Effect.provideService(CharacterBudget, budget)
      )
      expect(structured["complete"]).toBe(true)
      expect(structured["state"]).toMatch(/ 2199\]$/u)
      const { args } = node.called.find(({ target }) => target === "beamscope_state:read")!
      expect((args as [ReturnType<typeof map>])[0].atomKey("room")).toBe(budget)
    })
  )

  it.effect("names the keys that a bare word can stand for", () =>
    Effect.gen(function* () {
      const facts = { steps: places(1), ambiguous: list<Term>([atom("name"), binary("name")]), size: 2 }
      const node = answering({ outcome: atom("no_part"), kind: atom("map"), ...facts })
      const error = yield* failIn({ up: [node] }, "get_gen_server_state", { pid: "<0.90.0>", path: "a.name" })
      expect(error.code).toBe("invalid_input")
      expect(error.message).toContain('The state at a has more than one key that name can stand for: :name, "name".')
    })
  )

  it.effect("tells the callbacks of an agent, which says another function in their place, or none", () =>
    Effect.gen(function* () {
      const facts = { callback: [atom("Elixir.Shop"), atom("-start/0-fun-0-"), 0], rewritten: atom("true") }
      for (const tool of ["get_gen_server_state", "get_gen_server_status"]) {
        const shown = yield* callIn({ up: [told(7, facts)] }, tool, { pid: "<0.90.0>" })
        expect(shown.structured).not.toHaveProperty("module")
        const node = told(7, facts)
        const elixir = { ...node, capabilities: { ...node.capabilities, elixirVersion: "1.18.0" } }
        const { structured } = yield* callIn({ up: [elixir] }, tool, { pid: "<0.90.0>" })
        expect(structured["module"]).toBe("Agent.Server")
      }
    })
  )

  it.effect("says that another loop may have taken on another callback module", () =>
    Effect.gen(function* () {
      for (const tool of ["get_gen_server_state", "get_gen_server_status"]) {
        const notesOf = (facts: Readonly<Record<string, Term>>) =>
          callIn({ up: [told(7, facts)] }, tool, { pid: "<0.90.0>" }).pipe(
            Effect.map(({ structured }) => structured["notes"])
          )
        expect(yield* notesOf(began("rabbit_prequeue", "gen_server2"))).toEqual([
          expect.stringMatching(/taken on since, as by gen_server2's become/u)
        ])
        expect(yield* notesOf(began("shop", "gen_server"))).toBeUndefined()
        expect(yield* notesOf(began("special", "special"))).toBeUndefined()
        expect(yield* notesOf({ loop: atom("gen_server2") })).toBeUndefined()
      }
    })
  )

  it.effect("shows a state that was cut where its form is as it is", () =>
    Effect.gen(function* () {
      const node = told([atom("$beamscope_cut"), 3], { loop: atom("gen_event"), is_cut: atom("true") })
      const { structured } = yield* callIn({ up: [node] }, "get_gen_server_state", { pid: "<0.90.0>" })
      expect(structured).not.toHaveProperty("handlers")
      expect(structured).toMatchObject({ state: "...", complete: false })
    })
  )

  it.effect.each([
    [{ outcome: atom("gone") }, "no_such_process", /<0\.90\.0>/u],
    [
      { outcome: atom("timeout"), heap_words: 12_000 },
      "timeout",
      /one request is left in its mailbox.* or its state is larger when copied \(parts of it are shared\) than its heap of 93\.8 KiB/u
    ],
    [{ outcome: atom("failed"), reason: atom("oops") }, "remote_error", /oops/u],
    [
      { outcome: atom("secret"), ...doing, callback: [atom("ssl_gen_statem"), atom("init"), 1] },
      "unsupported",
      /was not asked: its state may hold cookies or the keys of connections, since it is one of :ssl_gen_statem/u
    ],
    [{ outcome: atom("no_sys"), ...doing }, "unsupported", /3 messages waiting and is running in :lists\.map\/2/u],
    [
      { outcome: atom("unread"), ...doing, current: [atom("erlang"), atom("hibernate"), 3] },
      "too_large",
      /was not asked: .*in :erlang\.hibernate\/3, so that its dictionary alone can say .* larger when copied/u
    ],
    [{ outcome: atom("busy"), ...doing }, "too_busy", /3 messages .* never seen waiting in its loop in 500 ms/u],
    [
      { outcome: atom("busy"), ...doing, status: atom("suspended") },
      "too_busy",
      /it is suspended \(erlang:suspend_process\), with 3 messages waiting/u
    ],
    [{ outcome: atom("long_queue"), ...doing, messages: 12345 }, "too_busy", /12,345 messages/u],
    [{ outcome: atom("large"), ...doing, heap_words: 3e8 }, "too_large", /2\.2 GiB.*max_heap_mb: 2862 looks/u],
    [{ outcome: atom("large"), ...doing, heap_words: 5e8 }, "too_large", /3\.7 GiB.*max_heap_mb: 4096 looks/u],
    [
      { outcome: atom("large"), ...doing, heap_words: 121_644 },
      "too_large",
      /its heap is 950\.3 KiB, and it would copy its state itself, .* most often about the size of the heap; .* at worst up to 27\.6 GiB, .* max_heap_mb: 1\.17 looks all the same\.$/u
    ],
    [{ outcome: atom("large"), ...doing, heap_words: 6e8 }, "too_large", /4\.5 GiB.* Above 4096 MB none is asked\.$/u],
    [
      { outcome: atom("no_part"), steps: places(1), kind: atom("map"), size: 40, there: list([atom("name"), 7]) },
      "not_found",
      /The state at a is a map of 40 entries, with nothing at 2\. There: :name, 7, …\./u
    ]
  ] as ReadonlyArray<[Readonly<Record<string, Term>>, string, RegExp]>)(
    "tells why there is none: %j",
    ([answer, code, message]) =>
      Effect.gen(function* () {
        const error = yield* failIn({ up: [answering(answer)] }, "get_gen_server_state", {
          pid: "<0.90.0>",
          path: "a.2"
        })
        expect(error.code).toBe(code)
        expect(error.message).toMatch(message)
      })
  )

  it.effect("says of a status in which no state was found that it is one, and that its items have positions", () =>
    Effect.gen(function* () {
      const there = list([atom("data"), atom("header")])
      const answer = { outcome: atom("no_part"), steps: nil, fronts: nil, kind: atom("list"), size: 3, there }
      const error = yield* failIn({ up: [answering(answer)] }, "get_gen_server_status", { pid: "<0.90.0>", path: "a" })
      expect(error.message).toMatch(
        /^What the status tells is a list of 3 items, with nothing at a\. There: :data, :header, …\. Positions count from 1\./u
      )
    })
  )
})
