import { it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect } from "vitest"
import { rowItems } from "../../../src/beam/ProcessRow.ts"
import { equal as termsEqual } from "../../../src/etf/Equal.ts"
import { atom, Atom, binary, list, map, Pid, type Term } from "../../../src/etf/Term.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import type { SyntaxName } from "../../../src/syntax/Syntax.ts"
import { fakeNode, type Reply, type World } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { call, callIn, catalogueLayer, failIn } from "../../support/Tools.ts"
import { anyText } from "../syntax/anyText.ts"

const pid = new Pid(atom("app@localhost"), 90, 0, 42)

/** What a process without a name says of itself. */
const facts = { registered_name: list([]), status: atom("waiting"), message_queue_len: 0 }

const infoOf = (told: Readonly<Record<string, Term>>): Reply => ({
  term: list([...Object.entries(told), ["current_stacktrace", list([])] as const].map(([key, it]) => [atom(key), it]))
})

/** A node with one process, registered under a name. */
const nodeWith = (name: string) => {
  const told = { ...facts, registered_name: atom(name) }
  const row = [pid, ...rowItems.map((item) => ({ ...told })[item as keyof typeof told] ?? atom("undefined"))]
  const page = {
    rows: list([row]),
    total: 1,
    seen: 1,
    matched: 1,
    gone: 0,
    unmeasured: [0, list([])],
    incomplete: list([])
  }
  return fakeNode({
    atoms: [name],
    replies: {
      "beamscope_processes:page": {
        term: packed(map(Object.entries(page).map(([key, value]) => [atom(key), value] as const)))
      },
      "erlang:whereis/1": ([asked]) =>
        Effect.succeed(asked instanceof Atom && asked.text === name ? pid : atom("undefined")),
      "erlang:process_info/2": infoOf(told)
    }
  })
}

const world = (name: string, mode: SyntaxName): World => ({ up: [nodeWith(name)], mode })

describe("a registered name", () => {
  /** As a list, a process and a hint show it. */
  const shown = Effect.gen(function* () {
    const { structured } = yield* call("list_processes", {})
    const [row] = structured["processes"] as ReadonlyArray<{ readonly name: string }>
    const [hint] = structured["hints"] as ReadonlyArray<string>
    const hinted = JSON.parse(hint!.slice("get_process_info ".length)) as { readonly pid: string }
    const process = yield* call("get_process_stacktrace", { pid: row!.name })
    return { texts: [row!.name, hinted.pid, process.structured["name"] as string], pid: process.structured["pid"] }
  })

  it.effect.each<readonly [SyntaxName, string, string]>([
    ["erlang", "", "''"],
    ["elixir", "", ':""'],
    ["erlang", "it's\n", "'it\\'s\\n'"],
    ["elixir", 'a"\u202e#{b}', ':"a\\"\\u202E\\#{b}"']
  ])("is shown in %s: %j", ([mode, name, text]) =>
    Effect.gen(function* () {
      expect((yield* shown).texts).toEqual([text, text, text])
    }).pipe(Effect.provide(catalogueLayer(world(name, mode))))
  )

  it("is taken back as it is shown, whatever it is, in every syntax", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...(Object.keys(syntaxes) as ReadonlyArray<SyntaxName>)),
        fc.oneof(
          anyText(20),
          anyText(255).filter((text) => [...text].length <= 255)
        ),
        async (mode, name) => {
          fc.pre(name !== "undefined")
          const seen = await Effect.runPromise(shown.pipe(Effect.provide(catalogueLayer(world(name, mode)))))
          expect(seen.texts).toEqual(Array.from({ length: 3 }, () => syntaxes[mode].atom(name)))
          expect(seen.pid).toBe(syntaxes[mode].print(pid, { node: "app@localhost" }).text)
        }
      ),
      // Two spaces, which the text of a result shows in quotes.
      { examples: [["elixir", "  "]] }
    ))
})

describe("a name in a registry", () => {
  /** A node that has `found` under each name that it is asked for. */
  const registry = (found: Term, options: { readonly loaded?: boolean; readonly raises?: boolean } = {}) => {
    const { loaded = true, raises = false } = options
    const lookup: Reply = raises
      ? { fails: { _tag: "Raised", class: "error", reason: atom("badarg"), stack: [] } }
      : { term: found }
    return fakeNode({
      atoms: ["global", "seat", "Elixir.Registry", "Elixir.Shop", "gproc", "n", "l", "lists"],
      replies: {
        "erlang:module_loaded/1": { term: atom(String(loaded)) },
        "erlang:list_to_pid/1": { term: pid },
        "erlang:process_info/2": infoOf(facts),
        "global:whereis_name/1": lookup,
        "Elixir.Registry:whereis_name/1": lookup,
        "gproc:whereis_name/1": lookup
      }
    })
  }

  it.effect.each<readonly [string, string, Term]>([
    ["global:seat", "global", atom("seat")],
    ["{global, seat}", "global", atom("seat")],
    ["{ :global , :seat }", "global", atom("seat")],
    ["{via, global, {seat, <0.90.0>}}", "global", [atom("seat"), pid]],
    ['{:via, Registry, {Shop, "cart"}}', "Elixir.Registry", [atom("Elixir.Shop"), binary("cart")]],
    ["{via, gproc, {n, l, 7}}", "gproc", [atom("n"), atom("l"), 7]]
  ])("is looked up where it says: %s", ([text, module, name]) =>
    Effect.gen(function* () {
      const node = registry(pid)
      yield* callIn({ up: [node] }, "get_process_stacktrace", { pid: text })
      const lookups = node.called.filter(({ target }) => target.endsWith(":whereis_name/1"))
      expect(lookups).toEqual([expect.objectContaining({ target: `${module}:whereis_name/1` })])
      expect(termsEqual(lookups[0]!.args[0]!, name)).toBe(true)
    })
  )

  it.effect.each<readonly [string, string, ReturnType<typeof registry>]>([
    ["{global, nobody}", "no_such_process", registry(pid)],
    ["global:seat", "no_such_process", registry(atom("undefined"))],
    ["{via, gproc, seat}", "no_such_process", registry(pid, { raises: true })],
    ["{via, gproc, seat}", "no_such_process", registry(pid, { loaded: false })],
    ["{via, global, #Ref<0.1.2.3>}", "no_such_process", registry(pid)],
    ["{via, lists, seat}", "invalid_input", registry(pid)],
    ["{global, seat", "invalid_input", registry(pid)],
    ["{global, seat, more}", "invalid_input", registry(pid)],
    ["global:seat", "invalid_input", registry(new Pid(atom("other@localhost"), 1, 0, 1))]
  ])("is refused or not found: %s %s", ([text, code, node]) =>
    Effect.gen(function* () {
      const error = yield* failIn({ up: [node] }, "get_process_stacktrace", { pid: text })
      expect(error.code).toBe(code)
    })
  )

  it.effect("is never looked up by a module that is not loaded or not known to be harmless", () =>
    Effect.gen(function* () {
      for (const [text, node] of [
        ["{via, lists, seat}", registry(pid)],
        ["{via, gproc, seat}", registry(pid, { loaded: false })],
        ["{via, gproc, {n, l, nobody}}", registry(pid)]
      ] as const) {
        yield* failIn({ up: [node] }, "get_process_stacktrace", { pid: text })
        expect(node.called.map(({ target }) => target)).not.toContainEqual(expect.stringContaining("whereis_name"))
      }
    })
  )
})
