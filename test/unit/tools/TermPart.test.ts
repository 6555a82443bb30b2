import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { SyntaxName } from "../../../src/syntax/Syntax.ts"
import { Session } from "../../../src/tools/Session.ts"
import { knownPattern, partPattern } from "../../../src/tools/TermPart.ts"
import { fakeNode } from "../../support/FakeNodes.ts"

/** Which of some texts, as Erlang prints a name, hold what is typed. */
const holding = (find: typeof partPattern, mode: SyntaxName, text: string, names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const pattern = new RegExp(yield* find(fakeNode({}), text), "iu")
    return names.filter((name) => pattern.test(name))
  }).pipe(Effect.provideServiceEffect(Session, Session.make({ mode })))

describe("partPattern", () => {
  it.effect.each<readonly [SyntaxName, string, ReadonlyArray<string>]>([
    ["elixir", "{:cart, 77}", ["{cart,77}"]],
    ["elixir", "{:cart, 7", ["{cart,77}", "{cart,770}"]],
    ["elixir", "cart, 77", ["{cart,77}", "{cart,770}"]],
    ["elixir", ":cart", ["cart", "{cart,77}", "{cart,770}", "'my-cart'"]],
    ["elixir", "{:c", ["{cart,77}", "{cart,770}"]],
    ["elixir", "77}", ["{cart,77}"]],
    ["elixir", ' {:room, "é"}', ['{room,<<"é"/utf8>>}']],
    ["elixir", '{:room, "žl', ['{room,<<"žluť"/utf8>>}', "{room,<<197,190,108,117,197,165>>}"]],
    ["elixir", "žl", ['{room,<<"žluť"/utf8>>}', "{room,<<197,190,108,117,197,165>>}"]],
    ["elixir", "#PID<0.5.0>", ["{<0.5.0>,a}"]],
    ["elixir", "My.Keys, :a", ["{'Elixir.My.Keys',a}"]],
    ["elixir", "a.*", []],
    ["elixir", "[", ["[[]]"]],
    ["erlang", "{cart, 77}", ["{cart,77}"]],
    ["erlang", "{cart, 7", ["{cart,77}", "{cart,770}"]],
    ["gleam", "Cart(77", ["{cart,77}", "{cart,770}"]],
    ["gleam", "Cart(77)", ["{cart,77}"]],
    ["gleam", "NotFound", ["{not_found,1}"]],
    ["gleam", 'atom.create("my-cart")', ["'my-cart'"]],
    ["lfe", "#(cart 77)", ["{cart,77}"]],
    ["lfe", "cart 77", ["{cart,77}", "{cart,770}"]],
    ["lfe", "|my-cart|", ["'my-cart'"]]
  ])("of a name in %s: %s", ([mode, text, expected]) =>
    Effect.gen(function* () {
      const names = [
        "cart",
        "{cart,77}",
        "{cart,770}",
        "'my-cart'",
        '{room,<<"é"/utf8>>}',
        '{room,<<"žluť"/utf8>>}',
        "{room,<<197,190,108,117,197,165>>}",
        "{<0.5.0>,a}",
        "{'Elixir.My.Keys',a}",
        "{not_found,1}",
        "[[]]"
      ]
      expect(yield* holding(partPattern, mode, text, names)).toEqual(expected)
    })
  )
})

/** What Erlang prints of terms that differ in a sign, a point, or a mark inside of a name. */
const alike = [
  "{order,-5}",
  "{order,5}",
  "{temp,1.5}",
  "{temp,1,5}",
  "'svc_a-1'",
  "'svc_a.1'",
  '"foo-bar"',
  '<<"foo.bar">>',
  "{foo,bar}",
  "{'foo,bar'}",
  '{<<"foo bar">>}',
  '<<"50%">>',
  "50",
  '{<<"per %Cent">>,1}',
  "#{'__struct__' => 'Elixir.My.User',name => 1}",
  "{'Elixir.My.User',1}"
]

describe("partPattern of what is nearly the same", () => {
  it.effect.each<readonly [SyntaxName, string, ReadonlyArray<string>]>([
    ["elixir", "{:order, -5}", ["{order,-5}"]],
    ["elixir", "{:order, 5}", ["{order,5}"]],
    ["elixir", "{:order, 5", ["{order,5}"]],
    ["elixir", "order, -", ["{order,-5}"]],
    ["elixir", "{:temp, 1.5}", ["{temp,1.5}"]],
    ["elixir", "{:temp, 1.", ["{temp,1.5}"]],
    ["elixir", "{:temp, 1, 5", ["{temp,1,5}"]],
    ["elixir", "-5", ["{order,-5}"]],
    ["elixir", "svc_a-1", ["'svc_a-1'"]],
    ["elixir", ':"svc_a-1"', ["'svc_a-1'"]],
    ["elixir", ':"svc_a.', ["'svc_a.1'"]],
    ["elixir", "foo-bar", ['"foo-bar"']],
    ["elixir", '"foo.bar"', ['<<"foo.bar">>']],
    ["elixir", ":foo, :bar", ["{foo,bar}"]],
    ["elixir", 'o bar"}', ['{<<"foo bar">>}']],
    ["elixir", "foo bar", ['{<<"foo bar">>}']],
    ["elixir", "50%", ['<<"50%">>']],
    ["elixir", '"per %Cent", 1', ['{<<"per %Cent">>,1}']],
    ["elixir", "%My.User", ["#{'__struct__' => 'Elixir.My.User',name => 1}"]],
    ["elixir", "%My.Us", ["#{'__struct__' => 'Elixir.My.User',name => 1}"]],
    ["elixir", "My.User", ["#{'__struct__' => 'Elixir.My.User',name => 1}", "{'Elixir.My.User',1}"]],
    ["erlang", "{order,-5}", ["{order,-5}"]],
    ["erlang", "order, 5", ["{order,5}"]],
    ["erlang", "'svc_a-", ["'svc_a-1'"]],
    ["gleam", "Order(-5)", ["{order,-5}"]],
    ["gleam", "Order(5", ["{order,5}"]],
    ["gleam", 'atom.create("foo,bar")', ["{'foo,bar'}"]],
    ["lfe", "#(order -5)", ["{order,-5}"]],
    ["lfe", "order 5", ["{order,5}"]],
    ["lfe", "|svc_a-", ["'svc_a-1'"]],
    ["lfe", "foo-bar", ['"foo-bar"']]
  ])("in %s: %s", ([mode, text, expected]) =>
    Effect.gen(function* () {
      expect(yield* holding(partPattern, mode, text, alike)).toEqual(expected)
    })
  )
})

describe("knownPattern", () => {
  it.effect.each<readonly [SyntaxName, string]>([
    ["elixir", "{:global, {:w, 17}}"],
    ["elixir", "{:global, {:w, 17"],
    ["elixir", "{:pg, :rooms, {:w, 17}}"],
    ["elixir", "{:pg, :rooms, {:w, 1"],
    ["elixir", "{:via, Registry, {My.Keys, {:w, 17}}}"],
    ["elixir", "{:via, Registry, {My.Keys, {:w"],
    ["erlang", "{via, syn, {scope, {w, 17}}}"],
    ["erlang", "{via,'Elixir.Registry',{'Elixir.My.Keys',{w,1"],
    ["gleam", 'Via(atom.create("Elixir.Registry"), #(atom.create("Elixir.My.Keys"), W(1'],
    ["lfe", "#(via Elixir.Registry #(Elixir.My.Keys #(w 1"]
  ])("of what a process is known by in %s: %s", ([mode, text]) =>
    Effect.gen(function* () {
      expect(yield* holding(knownPattern, mode, text, ["{w,17}", "{x,17}", "w_17"])).toEqual(["{w,17}"])
    })
  )
})
