import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { atom, binary, list, listItems, map, type MapTerm, type Term } from "../../../src/etf/Term.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { CharacterBudget } from "../../../src/tools/CharacterBudget.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { packed } from "../../support/packed.ts"
import { callIn } from "../../support/Tools.ts"

const fields = (pairs: Readonly<Record<string, Term>>): MapTerm =>
  map(Object.entries(pairs).map(([name, value]) => [atom(name), value] as const))

/** As many characters as an atom may have, each of which is shown escaped. */
const names = ["\u0001", "\u{10ffff}", "\u{e0041}", "'", "\\"].map((character) => character.repeat(255))

const modes = Object.values(syntaxes)

/** A node with two modules, of which a page shows one of such a name. */
const nodeWith = (name: string) => {
  const module = fields({ name: atom(name), application: atom("undefined"), path: atom("undefined"), marks: list([]) })
  const key: Term = [atom(name), atom(name)]
  return fakeNode({
    atoms: [name],
    replies: {
      "beamscope_code:modules": {
        term: packed(fields({ total: 2, matched: 2, incomplete: list([]), next: key, rows: list([[key, module]]) }))
      },
      "beamscope_code:module": { term: packed(fields({ absent: binary("/x.beam") })) },
      "beamscope_code:files": { term: packed(fields({ absent: binary("/x.beam") })) },
      "beamscope_processes:page": {
        term: packed(
          fields({
            rows: list([]),
            total: 0,
            seen: 0,
            matched: 0,
            gone: 0,
            unmeasured: [0, list([])],
            incomplete: list([]),
            next: atom("undefined")
          })
        )
      }
    }
  })
}

const textsOf = (term: Term | undefined): ReadonlyArray<string> =>
  (listItems(term) ?? []).map((it) => Buffer.from((it as ReturnType<typeof binary>).view()).toString())

describe.each(modes)("the longest name in $name", ({ atom: write, mfa, name: mode }) => {
  it.effect.each(names)("is taken where it was shown: %j", (name) =>
    Effect.gen(function* () {
      const node = nodeWith(name)
      const world = { up: [node], mode }
      const specOf = (target: string) => node.called.findLast((it) => it.target === target)?.args[0] as MapTerm

      const { structured } = yield* callIn(world, "list_modules", { filter: { application: write(name) } })
      expect(specOf("beamscope_code:modules").atomKey("application")).toEqual(binary(name))
      const [hint] = structured["hints"] as ReadonlyArray<string>
      const [, tool, input] = /^(\w+) (.*)$/su.exec(hint!)!
      expect(tool).toBe("get_module_info")
      yield* Effect.flip(callIn(world, tool!, JSON.parse(input!)))
      expect(textsOf(specOf("beamscope_code:module").atomKey("names"))[0]).toBe(name)

      const cursor = structured["next_cursor"]
      yield* callIn(world, "list_modules", { filter: { application: write(name) }, cursor })
      expect(specOf("beamscope_code:modules").atomKey("after")).toBeDefined()

      const written = mfa(name, name, 255)
      yield* Effect.flip(callIn(world, "get_function_source", { function: written }))
      expect(specOf("beamscope_code:files").atomKey("function")).toEqual(binary(name))
      yield* callIn(world, "list_processes", { filter: { initial_call: written } })
      expect(specOf("beamscope_processes:page").atomKey("initial_call")).toEqual([binary(name), binary(name), 255])
      // Names, hints and the cursor hold what the usual budget has no room for, escaped up to three times.
    }).pipe(Effect.provideService(CharacterBudget, 30_000))
  )
})
