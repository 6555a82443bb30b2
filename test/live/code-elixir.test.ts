import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { execFileSync } from "node:child_process"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"

/** Where Elixir's modules are, if it is installed for the `erl` on PATH. */
const elixirPath = (): string | undefined => {
  try {
    return execFileSync("elixir", ["-e", "IO.write(:code.lib_dir(:elixir))"], { encoding: "utf8", stdio: "pipe" })
  } catch {
    return undefined
  }
}

const source = `defmodule Shop.Cart do
  defmacro twice(x) do
    quote do: unquote(x) * 2
  end

  @doc """
  Adds an item.

  More of it.
  """
  @spec add(map, atom, integer) :: map
  def add(cart, item, count \\\\ 1)

  def add(cart, item, count) when count > 0 do
    Map.update(cart, item, count, fn old ->
      old + count
    end)
  rescue
    e -> {:error, e}
  end

  def add(cart, _item, 0), do: cart

  defp hidden(x),
    do: x + 1

  def total(cart), do: cart |> Map.values() |> Enum.map(&hidden/1)
end
`

const add = source.slice(source.indexOf("  @spec"), source.indexOf("\n\n  defp hidden"))

const sourceOf = (name: string) =>
  Effect.map(call("get_function_source", { function: name }), ({ structured }) => structured)

const elixir = elixirPath()

describe.skipIf(elixir === undefined)("the code of Elixir", () => {
  let node: BeamNode.BeamNode
  beforeAll(async () => {
    node = await BeamNode.startNode({
      args: ["-pa", `${elixir!}/ebin`],
      eval: `
        {ok, _} = application:ensure_all_started(elixir),
        'Elixir.Code':compiler_options(#{docs => true, debug_info => true}),
        Base = filename:join("/tmp", "beamscope_elixir_" ++ os:getpid()),
        ok = filelib:ensure_dir(filename:join(Base, "x")),
        Source = unicode:characters_to_binary(filename:join(Base, "cart.ex")),
        ok = file:write_file(Source, ${JSON.stringify(source)}),
        {ok, ['Elixir.Shop.Cart'], _} =
          'Elixir.Kernel.ParallelCompiler':compile_to_path([Source], unicode:characters_to_binary(Base), []),
        true = code:add_patha(Base),
        code:purge('Elixir.Shop.Cart'), code:delete('Elixir.Shop.Cart'), code:purge('Elixir.Shop.Cart'),
        {module, _} = code:load_file('Elixir.Shop.Cart'),
        ok`
    })
  })
  afterAll(() => node.evaluate('os:cmd("rm -r /tmp/beamscope_elixir_" ++ os:getpid())').finally(() => node.stop()))
  const using = Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node], { mode: "elixir" }))))

  const moved = (from: string, to: string) => Effect.promise(() => node.evaluate(`ok = file:rename(${from}, ${to})`))

  it.live("is shown from its source file, by the lines that the compiler noted", () =>
    Effect.gen(function* () {
      expect(yield* sourceOf("Shop.Cart.add/3")).toMatchObject({ from: "source_file", source: add })
      expect((yield* sourceOf("Shop.Cart.twice/1"))["source"]).toMatch(/^ {2}defmacro twice[^]* end$/u)
      expect((yield* sourceOf("&Shop.Cart.hidden/1"))["source"]).toBe("  defp hidden(x),\n    do: x + 1")
      expect(yield* sourceOf("Elixir.Shop.Cart.total")).toMatchObject({ first_line: 27, last_line: 27 })
    }).pipe(using)
  )

  it.live("is shown for all functions that are listed and written, whatever the compiler calls them", () =>
    Effect.gen(function* () {
      const { structured } = yield* call("list_module_functions", { module: "Shop.Cart", all: true })
      const all = (structured["functions"] as ReadonlyArray<{ function: string }>).map((it) => it.function)
      const made = all.filter((name) => /"-(?!inlined)|MACRO/u.test(name))
      expect(made.length).toBeGreaterThan(1)
      expect(new Set(all).size).toBe(all.length)
      for (const name of made) expect((yield* sourceOf(name))["source"]).not.toBe("")
      const inner = all.find((name) => name.includes("-add/3-"))
      for (const name of [inner!, "anonymous fn/1 in Shop.Cart.add/3"]) {
        expect(yield* sourceOf(name)).toMatchObject({ from: "source_file", source: add })
      }
    }).pipe(using)
  )

  it.live("is listed with specifications and documentation", () =>
    Effect.gen(function* () {
      const { structured } = yield* call("list_module_functions", { module: "Shop.Cart", filter: { name: "add" } })
      expect(structured["functions"]).toContainEqual({
        function: "Shop.Cart.add/3",
        spec: "-spec add(map(), atom(), integer()) -> map().",
        doc: "Adds an item."
      })
    }).pipe(using)
  )

  it.live("is not shown without a source file, which is said with the place", () =>
    Effect.gen(function* () {
      const file = 'filename:join(["/tmp", "beamscope_elixir_" ++ os:getpid(), "cart.ex"])'
      yield* moved(file, `${file} ++ ".away"`)
      const refused = Effect.flip(sourceOf("Shop.Cart.total/1"))
      expect(yield* Effect.ensuring(refused, moved(`${file} ++ ".away"`, file))).toMatchObject({
        code: "not_found",
        message: expect.stringMatching(/defined in line 27 of .*cart\.ex/u)
      })
    }).pipe(using)
  )

  it.live("is found by names that are nearly right", () =>
    Effect.gen(function* () {
      const unknown = Effect.flip(call("get_module_info", { module: "Shop.Crt" }))
      expect(yield* unknown).toMatchObject({ code: "not_found", didYouMean: ["Shop.Cart"] })
      expect((yield* call("get_module_info", { module: "Shop.Cart" })).structured["on_disk"]).toBe("same")
    }).pipe(using)
  )
})
