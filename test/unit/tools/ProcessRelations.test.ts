import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Buffer } from "node:buffer"
import { equal } from "../../../src/etf/Equal.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { Atom, atom, Binary, binary, list, listItems, map, MapTerm, Pid, type Term } from "../../../src/etf/Term.ts"
import { fakeNode, type FakeNodeSpec, type World } from "../../support/FakeNodes.ts"
import { callIn, failIn } from "../../support/Tools.ts"

const here = new Atom("app@localhost")
const pidOf = (id: number) => new Pid(here, id, 0, 42)
const text = (id: number) => `#PID<0.${id}.0>`
const world = (spec: FakeNodeSpec): World => ({
  up: [
    fakeNode({
      ...spec,
      replies: {
        "erlang:list_to_pid/1": ([numbers]) =>
          Effect.succeed(pidOf(Number(/<0\.(\d+)/u.exec(Buffer.from(charactersOf(numbers)).toString())![1]))),
        ...spec.replies
      }
    })
  ],
  policy: { allowNodes: ["*"] }
})
const charactersOf = (term: Term | undefined) => (listItems(term) ?? []).map(Number)
const packed = (answer: Record<string, Term>) => ({
  term: new Binary(encode(map(Object.entries(answer).map(([key, value]) => [atom(key), value]))))
})

const queue = { name: atom("store"), status: atom("running") }

/** What a question for messages fails with where the node refuses it so. */
const refusal = (answer: Record<string, Term>, override: boolean) =>
  failIn(
    world({ replies: { "beamscope_message_queue:messages": packed({ ...queue, ...answer }) } }),
    "get_message_queue",
    {
      pid: "<0.7.0>",
      override
    }
  )

/** The messages of a result, each with its place in the queue. */
const shownIn = ({ messages }: Readonly<Record<string, unknown>>) =>
  ((messages ?? []) as ReadonlyArray<{ readonly at: number; readonly message: string }>).map(
    ({ at, message }) => [at, message] as const
  )

/** The shape of a message with a password. */
const secret = (name: string) => list([atom("password"), atom(name)])

describe("get_message_queue", () => {
  it.effect("tells shapes as patterns, and what a message was cut of", () =>
    Effect.gen(function* () {
      const answer = packed({
        ...queue,
        count: 4,
        seen: 3,
        shape_count: 2,
        rows: list([
          [[atom("password"), new Binary(Buffer.from("hush"))], 20, atom("false")],
          [atom("..."), 90_000, atom("true")]
        ]),
        marks: list([11, 12]),
        places: list([1, 2]),
        matched: 4,
        shapes: list([
          [2, 1, list([atom("get"), [atom("empty_list")], list([atom("x"), [atom("tuple"), 30]])])],
          [1, 3, [atom("struct"), atom("Elixir.User")]],
          // What is a secret in the message is one in its shape.
          [1, 4, list([atom("password"), atom("hunter2"), list([atom("a"), atom("hunter3")]), [atom("binary")]])]
        ])
      })
      const { structured } = yield* callIn(
        world({ replies: { "beamscope_message_queue:messages": answer } }),
        "get_message_queue",
        { pid: "<0.7.0>" }
      )
      expect(structured).toMatchObject({
        summary: `:store (${text(7)}) has 4 messages waiting; the first 3 are of 2 shapes, 2 of them {:get, empty list, {:x, tuple of 30}}.`,
        complete: false,
        shapes: [
          { count: 2, percent: 66.7, first_at: 1 },
          { count: 1, percent: 33.3, first_at: 3, shape: "struct User" },
          { count: 1, percent: 33.3, first_at: 4, shape: "{:password, [redacted], [redacted], binary}" }
        ],
        messages: [
          { at: 1, bytes: 20, message: '{:password, "[redacted]"}' },
          { at: 2, bytes: 90_000, cut: true }
        ]
      })
      expect(structured["notes"]).toEqual([
        "The shapes are those of the first 3 messages.",
        "The others are told page by page; what the process takes out meanwhile moves them up.",
        "1 message is too large to be shown whole: ... stands for what is left out.",
        "next_cursor is good only while this server runs: it stands behind something that is hidden."
      ])
    })
  )

  it.effect.each([
    [13_874, 10_000, "13,874 messages waiting; the first 10,000 are of 1 shape, {:msg, integer}."],
    [10_000, 10_000, "10,000 messages waiting, of 1 shape, {:msg, integer}."]
  ] as const)("says of how many of %d messages it tells the shape", ([count, seen, summary]) =>
    Effect.gen(function* () {
      const shapes = list([[seen, 1, list([atom("msg"), [atom("integer")]])]])
      const none = { rows: list([]), marks: list([]), places: list([]), matched: count }
      const answer = packed({ ...queue, ...none, count, seen, shape_count: 1, shapes })
      const { structured } = yield* callIn(
        world({ replies: { "beamscope_message_queue:messages": answer } }),
        "get_message_queue",
        { pid: "<0.7.0>", override: true }
      )
      expect(structured["summary"]).toContain(summary)
    })
  )

  it.effect("goes on behind a message of which something is not shown, without a digest of it to try guesses at", () =>
    Effect.gen(function* () {
      const cursorBehind = Effect.fnUntraced(function* (...messages: ReadonlyArray<Term>) {
        const answer = packed({
          ...queue,
          count: 4,
          seen: 4,
          shape_count: 0,
          rows: list(messages),
          marks: list(messages.map((_, at) => at)),
          places: list(messages.map((_, at) => at + 1)),
          matched: 4,
          shapes: list([])
        })
        const asked = world({ replies: { "beamscope_message_queue:messages": answer } })
        const { structured } = yield* callIn(asked, "get_message_queue", { pid: "<0.7.0>" })
        return Buffer.from(String(structured["next_cursor"]), "base64url").toString("latin1")
      })
      const plain: Term = [[atom("ok"), 1], 20, atom("false")]
      expect(yield* cursorBehind(plain)).toContain('"mark":0')
      expect(yield* cursorBehind([[atom("password"), binary("hunter2")], 20, atom("false")], plain)).not.toContain(
        "mark"
      )
      expect(yield* cursorBehind([atom("..."), 90_000, atom("true")], plain)).not.toContain("mark")
    })
  )

  it.effect("goes on where the page before ended, and says so where the queue has moved since", () =>
    Effect.gen(function* () {
      const waiting = { from: 1, to: 5 }
      const asked = world({
        replies: {
          "beamscope_message_queue:messages": ([question]) => {
            const word = (name: string) => (question instanceof MapTerm ? (question.atomKey(name) as number) : 0)
            const all = Array.from({ length: waiting.to - waiting.from + 1 }, (_, at) => waiting.from + at)
            const shown = all.slice(word("skip"), word("skip") + word("limit"))
            const markOf = (behind: number, most: number) =>
              all.slice(Math.max(0, behind - most), behind).reduce((mark, message) => mark * 31 + message, most)
            const first = word("skip") + 1
            return Effect.succeed(
              packed({
                ...queue,
                count: all.length,
                seen: all.length,
                shape_count: 1,
                rows: list(shown.map((message): Term => [message, 2, atom("false")])),
                marks: list(shown.map((_, at) => markOf(first + at, Math.min(at + 1, 10)))),
                places: list(shown.map((_, at) => first + at)),
                matched: all.length,
                ...(word("skip") > 0 && word("skip") <= all.length && { mark: markOf(word("skip"), word("marked")) }),
                shapes: list([[all.length, 1, [atom("integer")]]])
              }).term
            )
          }
        }
      })
      const page = (cursor?: unknown, limit = 2) =>
        callIn(asked, "get_message_queue", {
          pid: "<0.7.0>",
          limit,
          ...(cursor !== undefined && { cursor })
        }).pipe(Effect.map(({ structured }) => structured))
      const first = yield* page()
      expect(shownIn(first)).toEqual([
        [1, "1"],
        [2, "2"]
      ])
      // New ones go behind all others.
      waiting.to = 6
      const second = yield* page(first["next_cursor"], 3)
      expect(shownIn(second)).toEqual([
        [3, "3"],
        [4, "4"],
        [5, "5"]
      ])
      expect(second).toMatchObject({
        complete: true,
        summary: expect.stringMatching(/; here those from 3 on\.$/u),
        notes: expect.arrayContaining([expect.stringMatching(/^That no message was taken out .* the last 2 that/u)])
      })
      const third = yield* page(second["next_cursor"])
      expect(shownIn(third)).toEqual([[6, "6"]])
      expect(third).not.toHaveProperty("next_cursor")
      // Two are taken out, and as many come.
      Object.assign(waiting, { from: 3, to: 8 })
      const moved = yield* page(first["next_cursor"])
      expect(shownIn(moved)).toEqual([
        [3, "5"],
        [4, "6"]
      ])
      expect(moved).toMatchObject({
        complete: false,
        notes: [expect.stringMatching(/^The process has taken messages out/u)]
      })
      Object.assign(waiting, { from: 8, to: 8 })
      expect(yield* page(second["next_cursor"])).toMatchObject({
        complete: false,
        message_queue_length: 1,
        summary: expect.stringMatching(/; none is left behind the first 5\.$/u)
      })
      const other = { pid: "<0.8.0>", cursor: first["next_cursor"] }
      expect(yield* failIn(asked, "get_message_queue", other)).toMatchObject({
        code: "invalid_input"
      })
    })
  )

  it.effect("filters and sorts what was looked at, and says how many of how many are told, page by page", () =>
    Effect.gen(function* () {
      const found = { count: 30, seen: 20, matched: 3, some: 3, mark: 7 }
      const asked = world({
        replies: {
          "beamscope_message_queue:messages": ([question]) => {
            if (!(question instanceof MapTerm)) return Effect.die("no question")
            const skip = question.atomKey("skip") as number
            const places = [9, 2, 5].slice(skip, skip + (question.atomKey("limit") as number))
            const { mark, some, ...counts } = found
            return Effect.succeed(
              packed({
                ...queue,
                ...counts,
                rows: list(
                  found.matched === 0
                    ? []
                    : places.map((place): Term => [[question.atomKey("sort")!, place], 2, atom("false")])
                ),
                marks: list(places.map((_, at) => skip + at)),
                places: list(places),
                ...(skip > 0 && { mark: mark === 7 ? skip - 1 : mark }),
                shape_count: found.seen === some ? 1 : 2,
                shapes: list(
                  [
                    [some, 1, atom("some")],
                    [found.seen - some, 2, atom("other")]
                  ].filter(([times]) => times !== 0) as ReadonlyArray<Term>
                )
              }).term
            )
          }
        }
      })
      const told = (input: object) =>
        callIn(asked, "get_message_queue", { pid: "<0.7.0>", limit: 2, ...input }).pipe(
          Effect.map(({ structured }) => structured)
        )
      const largest = { filter: ":some", sort_by: "size" }
      const first = yield* told(largest)
      expect(shownIn(first)).toEqual([
        [9, "{:size, 9}"],
        [2, "{:size, 2}"]
      ])
      expect(first).toMatchObject({
        summary: `:store (${text(7)}) has 30 messages waiting; the first 20 are of 2 shapes, 17 of them :other; 2 of 3 messages with this in the shape, the largest first.`,
        complete: false,
        notes: [
          "The shapes, matched and the order by size are those of the first 20 messages.",
          "The others are told page by page; what comes and goes meanwhile moves them."
        ],
        message_queue_length: 30,
        total: 30,
        matched: 3,
        looked_at: 20
      })
      const second = yield* told({ ...largest, cursor: first["next_cursor"] })
      expect(shownIn(second)).toEqual([[5, "{:size, 5}"]])
      expect(second).not.toHaveProperty("next_cursor")
      expect(second["notes"]).toContainEqual(
        expect.stringMatching(/^That the order is that of the page before is judged by the last 2 that/u)
      )
      for (const other of [{ ...largest, sort_by: "arrival" }, { ...largest, filter: "other" }, { sort_by: "size" }])
        expect(
          yield* failIn(asked, "get_message_queue", { pid: "<0.7.0>", ...other, cursor: first["next_cursor"] })
        ).toMatchObject({ code: "invalid_input" })
      found.mark = 8
      expect((yield* told({ ...largest, cursor: first["next_cursor"] }))["notes"]).toContainEqual(
        expect.stringMatching(/^The queue has changed since the page before/u)
      )
      Object.assign(found, { matched: 0, count: 20 })
      expect(yield* told({ filter: "nothing" })).toMatchObject({
        summary: expect.stringMatching(/; none that was looked at has this in its shape\.$/u),
        complete: true,
        total: 20,
        matched: 0
      })
      // Others of the shape have come between the two questions.
      Object.assign(found, { matched: 3, count: 20, some: 2 })
      expect(yield* told({ filter: ":some" })).toMatchObject({
        complete: false,
        notes: expect.arrayContaining([expect.stringMatching(/^Messages of other shapes that have this in them came/u)])
      })
      Object.assign(found, { matched: 20, count: 20, some: 20 })
      const sorted = yield* told({ sort_by: "size", limit: 1 })
      expect(sorted["summary"]).toMatch(/ waiting, of 1 shape, :some; 1 of 20 messages, the largest first\.$/u)
      const all = yield* told({})
      expect(all).not.toHaveProperty("looked_at")
      expect(all["summary"]).toMatch(/ waiting, of 1 shape, :some\.$/u)
    })
  )

  it.effect("compares a filter with what is shown of a shape, and with nothing that is not", () =>
    Effect.gen(function* () {
      const shapes: ReadonlyArray<readonly [number, Term]> = [
        [30, list([atom("cart"), atom("b")])],
        [20, secret("hunter2")],
        [15, list([atom("cart"), [atom("binary")]])],
        [12, secret("hunter3")],
        [9, list([atom("$gen_call"), list([[atom("pid")], [atom("reference")]]), atom("Elixir.My.Cart")])],
        [8, list([atom("cart"), atom("b"), atom("c")])]
      ]
      const asked: Array<ReadonlyArray<Term> | undefined> = []
      const kinds = world({
        replies: {
          "beamscope_message_queue:messages": ([question]) => {
            if (!(question instanceof MapTerm)) return Effect.die("no question")
            const shaped = listItems(question.atomKey("shaped"))
            asked.push(shaped)
            const matched = shapes.filter(([, shape]) => shaped?.some((each) => equal(each, shape)) ?? true)
            return Effect.succeed(
              packed({
                ...queue,
                count: 94,
                seen: 94,
                rows: list([]),
                marks: list([]),
                places: list([]),
                matched: matched.reduce((sum, [count]) => sum + count, 0),
                shape_count: shapes.length,
                shapes: list(shapes.map(([count, shape], at): Term => [count, at + 1, shape]))
              }).term
            )
          }
        }
      })
      const told = (filter?: string) =>
        callIn(kinds, "get_message_queue", { pid: "<0.7.0>", ...(filter !== undefined && { filter }) }).pipe(
          Effect.map(({ structured }) => structured)
        )
      expect(yield* told()).toMatchObject({
        shape_count: 5,
        shapes: [
          { count: 32, first_at: 2, shape: "{:password, [redacted]}" },
          { count: 30, shape: "{:cart, :b}" },
          { count: 15, shape: "{:cart, binary}" },
          { count: 9, shape: '{:"$gen_call", {pid, reference}, My.Cart}' },
          { count: 8, shape: "{:cart, :b, :c}" }
        ]
      })
      for (const [filter, matched] of [
        ["{:password, [redacted]}", 32],
        ["{:cart, :b}", 30],
        ["{:cart, binary}", 15],
        ["{:cart, :b", 38],
        [":B", 38],
        ["'$gen_call', {pid,reference}, 'Elixir.My.Cart'", 9],
        ["#(cart b", 0],
        ["hunter", 0],
        ["{:password, :h", 0],
        ["{password,h", 0],
        ["{:password, atom}", 0]
      ] as const)
        expect(yield* told(filter), filter).toMatchObject({ matched, complete: true })
      // Where nothing is meant, the queue is not copied once more.
      asked.length = 0
      yield* told("hunter")
      expect(asked).toEqual([undefined])
    })
  )

  it.effect("says with the figures what it refuses, and what an override would do", () =>
    Effect.gen(function* () {
      const many = { count: 50_000, refused: atom("messages") }
      expect(yield* refusal(many, false)).toMatchObject({
        code: "too_large",
        message: expect.stringMatching(
          /has 50,000 messages;.* Up to 1,000 messages are read, with override: true up to 100,000/u
        )
      })
      const large = { count: 5, refused: atom("bytes"), bytes: 900 * 1024 * 1024 }
      for (const override of [true, false]) {
        const { code, message } = yield* refusal(large, override)
        expect(code).toBe("too_large")
        expect(message).toContain("may take 900.0 MiB")
        expect(message).not.toContain("override")
      }
    })
  )

  it.effect("tells a process that has ended, and leaves OTP 24.0 alone", () =>
    Effect.gen(function* () {
      const replies = { "beamscope_message_queue:messages": packed({ gone: atom("true") }) }
      const input = { pid: "<0.7.0>" }
      expect((yield* failIn(world({ replies }), "get_message_queue", input)).code).toBe("no_such_process")
      const old = world({ capabilities: { ertsVersion: "12.0.4" } })
      expect((yield* failIn(old, "get_message_queue", input)).code).toBe("unsupported")
    })
  )
})

/** Processes in the middle of a call, each with those that it monitors; others wait for nothing. */
const callers = (
  monitored: Readonly<Record<number, ReadonlyArray<number | string>>>,
  gone: ReadonlyArray<number> = [],
  moves = false
): World => {
  let reductions = 0
  return world({
    replies: {
      "erlang:process_info/2": ([pid, items]) => {
        const { id } = pid as Pid
        if (gone.includes(id)) return Effect.succeed(atom("undefined"))
        const callees = monitored[id]
        const frame = callees === undefined ? [atom("gen_server"), atom("loop"), 7] : [atom("gen"), atom("do_call"), 4]
        const facts: Record<string, Term> = {
          registered_name: list([]),
          status: atom("waiting"),
          message_queue_len: 0,
          reductions: moves ? (reductions += 40) : 1,
          monitors: list(
            (callees ?? []).map((it): Term => [
              atom("process"),
              typeof it === "number" ? pidOf(it) : [atom(it), atom("other@host")]
            ])
          ),
          current_stacktrace: list([[...frame, list([])]])
        }
        return Effect.succeed(
          list((listItems(items) ?? []).map((item): Term => [item, facts[(item as Atom).text] ?? atom("undefined")]))
        )
      }
    }
  })
}

const summary = (caller: World) =>
  Effect.map(callIn(caller, "get_process_stacktrace", { pid: "<0.1.0>" }), ({ structured }) => structured["summary"])

describe("get_process_stacktrace of a process in a call", () => {
  const start = `${text(1)} is waiting in :gen.do_call/4.`

  it.effect.each<readonly [string, World, string]>([
    [
      "who keeps all others waiting",
      callers({ 1: [2], 2: [3, 3] }),
      `It waits for ${text(2)}, which waits for ${text(3)}, which is waiting in :gen_server.loop/7.`
    ],
    ["a cycle", callers({ 1: [2], 2: [3], 3: [2] }), `DEADLOCK: ${text(2)} waits for ${text(3)} waits for ${text(2)}.`],
    ["a process that calls itself", callers({ 1: [1] }), `DEADLOCK: ${text(1)} waits for ${text(1)}.`],
    [
      "no circle of processes that move",
      callers({ 1: [2], 2: [1] }, [], true),
      `It waits for ${text(2)}, which waits for somebody else, too.`
    ],
    ["one that has ended", callers({ 1: [2] }, [2]), `It waits for ${text(2)}, which has ended.`],
    [
      "that it may be one of some",
      callers({ 1: [2], 2: [3, 4] }),
      `It waits for ${text(2)}, which waits for the answer to a call from one of 2 that it monitors: ${text(3)}, ${text(4)}.`
    ],
    ["a name on another node", callers({ 1: ["db"] }), "It waits for {:db, :other@host}, which is on another node."],
    ["nothing where nothing is known", callers({ 1: [] }), ""]
  ])("tells %s", ([, caller, waits]) =>
    Effect.map(summary(caller), (told) => expect(told).toBe(`${start}${waits === "" ? "" : ` ${waits}`}`))
  )

  it.effect("follows no chain for ever", () =>
    Effect.gen(function* () {
      const long = callers(Object.fromEntries(Array.from({ length: 50 }, (_, at) => [at, [at + 1]])))
      const { structured } = yield* callIn(long, "get_process_stacktrace", { pid: "<0.1.0>" })
      expect(structured["waiting_for"]).toHaveLength(5)
      expect(structured["summary"]).toMatch(/which waits for somebody else, too\.$/u)
      expect(structured["hints"]).toEqual([`get_process_stacktrace {"pid":"${text(6)}"}`])
    })
  )
})

describe("group_stacktraces", () => {
  it.effect.each([
    ["gen:do_call", ["gen.do_call"]],
    [":gen_server.loop/7", ["gen_server.loop/7"]],
    ["'Elixir.My.Mod':run/1", ["Elixir.My.Mod.run/1"]],
    ["My.Mod.run", ["My.Mod.run"]],
    [":gen_server.loop/7 < :proc_lib.init_p_do_apply/3", ["gen_server.loop/7", "proc_lib.init_p_do_apply/3"]],
    ["gen:do_call < my < m:'a < b'/1", ["gen.do_call", "my", "m.a < b/1"]],
    ["erlang:'<'/2 < m:|a < b|/1 < ", ["erlang.</2", "m.a < b/1"]]
  ] as ReadonlyArray<[string, ReadonlyArray<string>]>)(
    "looks for %s however a language writes it",
    ([filter, wanted]) =>
      Effect.gen(function* () {
        const node = fakeNode({
          replies: {
            "beamscope_stacks:stacks": packed({
              processes: 9,
              total: 4,
              matched: 0,
              rows: list([]),
              next: atom("undefined"),
              incomplete: list([atom("deadline")])
            })
          }
        })
        const { structured } = yield* callIn({ up: [node], policy: { allowNodes: ["*"] } }, "group_stacktraces", {
          filter
        })
        expect(structured).toMatchObject({
          summary: "0 stacks of 9 processes; time ran out before the others were looked at.",
          complete: false,
          processes: 9,
          total: 4,
          matched: 0
        })
        const [question] = node.called[0]!.args
        const asked = question instanceof MapTerm && question.atomKey("filter")
        const parts = asked === false || asked === undefined ? undefined : listItems(asked)
        expect(parts?.map((part) => part instanceof Binary && part.text())).toEqual(wanted)
      })
  )

  it.effect("tells the stacks together that are too many to tell apart", () =>
    Effect.gen(function* () {
      const other = map([
        [atom("count"), 4],
        [atom("pids"), list([])],
        [atom("frames"), list([])],
        [atom("other"), atom("true")]
      ])
      const node = fakeNode({
        replies: {
          "beamscope_stacks:stacks": packed({
            processes: 9,
            total: 1,
            matched: 1,
            rows: list<Term>([[[4, atom("id")], other]]),
            next: atom("undefined"),
            incomplete: list([atom("stacks")])
          })
        }
      })
      const { structured, text } = yield* callIn({ up: [node], policy: { allowNodes: ["*"] } }, "group_stacktraces")
      expect(structured).toMatchObject({ complete: false, stacks: [{ count: 4, stack: "other" }] })
      expect(text).toContain("first other stacks together, with 4")
      expect(text).toContain("no filter finds them")
    })
  )
})
