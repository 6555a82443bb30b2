import { it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect } from "vitest"
import { rowItems } from "../../../src/beam/ProcessRow.ts"
import { atom, Atom, list, map, Pid } from "../../../src/etf/Term.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import type { SyntaxName } from "../../../src/syntax/Syntax.ts"
import { fakeNode, type World } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { call, catalogueLayer } from "../../support/Tools.ts"
import { anyText } from "../syntax/anyText.ts"

const pid = new Pid(atom("app@localhost"), 90, 0, 42)

/** A node with one process, registered under a name. */
const nodeWith = (name: string) => {
  const told = { registered_name: atom(name), status: atom("waiting"), message_queue_len: 0 }
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
      "erlang:process_info/2": {
        term: list(
          [...Object.entries(told), ["current_stacktrace", list([])] as const].map(([key, it]) => [atom(key), it])
        )
      }
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
      )
    ))
})
