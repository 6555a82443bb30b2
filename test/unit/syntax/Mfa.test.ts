import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { enclosingFunction, parseAnonymous, parseMfa } from "../../../src/syntax/Mfa.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { anyText } from "./anyText.ts"

const mfa = (module: string, name: string, arity: number) => ({ module, name, arity })

describe("parseMfa", () => {
  it.each([
    ["lists:map/2", mfa("lists", "map", 2)],
    ["fun lists:map/2", mfa("lists", "map", 2)],
    [":lists.map/2", mfa("lists", "map", 2)],
    ["&:lists.map/2", mfa("lists", "map", 2)],
    ["My.Mod.run/0", mfa("Elixir.My.Mod", "run", 0)],
    ["My.Mod:run/0", mfa("Elixir.My.Mod", "run", 0)],
    ["'Elixir.My.Mod':run/255", mfa("Elixir.My.Mod", "run", 255)],
    ["Elixir.My.Mod.run/0", mfa("Elixir.My.Mod", "run", 0)],
    ["My.Mod.save!/1", mfa("Elixir.My.Mod", "save!", 1)],
    ['My.Mod."odd name"/1', mfa("Elixir.My.Mod", "odd name", 1)],
    ["m:'it\\'s'/1", mfa("m", "it's", 1)],
    ["m:'-fun/1-lc$^0/1-0-'/1", mfa("m", "-fun/1-lc$^0/1-0-", 1)],
    ["m:-fun/1-lc$^0/1-0-/1", mfa("m", "-fun/1-lc$^0/1-0-", 1)],
    ["erlang:+/2", mfa("erlang", "+", 2)],
    [":erlang.//2", mfa("erlang", "/", 2)],
    [":erlang.=:=/2", mfa("erlang", "=:=", 2)],
    [':"a.b:c".d/0', mfa("a.b:c", "d", 0)],
    ["Kernel.||/2", mfa("Elixir.Kernel", "||", 2)],
    [":m.|/2", mfa("m", "|", 2)],
    ["#'m:|a b|/2", mfa("m", "a b", 2)],
    [" lists:map/2 ", mfa("lists", "map", 2)]
  ])("reads %s", (text, expected) => {
    expect(parseMfa(text)).toEqual(expected)
  })

  it.each([
    "",
    "lists",
    "lists:map",
    "map/2",
    "lists:map/256",
    "lists:map/-1",
    "lists:map/x",
    "lists map/2",
    "lists:/2",
    "lists:'open/2",
    "lists:'a'b/2",
    'lists:"a b/2',
    '"lists":map/2',
    "anonymous fn/1 in My.Mod.run/1"
  ])("refuses %j", (text) => {
    expect(parseMfa(text)).toBeUndefined()
  })

  it("reads back every function as it is printed, in every syntax", () => {
    const name = fc.oneof(
      fc.constantFrom(
        "run",
        "+",
        "/",
        "Upper",
        "-fun/1-lc$^0/1-0-",
        "-run/1-fun-3-",
        "a.b",
        "a:b/2",
        "end",
        "x?",
        "x@y",
        '"',
        "'",
        ""
      ),
      anyText(12)
    )
    // No module is named like an operator.
    const module = name.filter((it) => !/^[!-/:-@[-`{-~]+$/u.test(it))
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(syntaxes)), module, name, fc.nat(255), (syntax, of, fun, arity) => {
        expect(parseMfa(syntax.mfa(of, fun, arity))).toEqual(mfa(of, fun, arity))
      })
    )
  })
})

describe("enclosingFunction", () => {
  it.each([
    ["-run/1-fun-3-", mfa("m", "run", 1)],
    ["-a-b/2-fun-0-", mfa("m", "a-b", 2)],
    ["-run/1-lc$^0/1-0-", mfa("m", "run", 1)],
    ["-run/1-lists^map/1-0-", mfa("m", "run", 1)],
    ["run", undefined],
    ["-", undefined],
    ["-/2", undefined]
  ])("of %s", (name, expected) => {
    expect(enclosingFunction(mfa("m", name, 0))).toEqual(expected)
  })
})

describe("parseAnonymous", () => {
  it.each([
    ["anonymous fn/0 in :tn.go/0", mfa("tn", "go", 0)],
    [' anonymous fn/2 in My.Mod."odd name"/1', mfa("Elixir.My.Mod", "odd name", 1)],
    ["anonymous fn/2 in nowhere", undefined],
    [":tn.go/0", undefined]
  ])("reads %s", (text, expected) => {
    expect(parseAnonymous(text)).toEqual(expected)
  })
})
