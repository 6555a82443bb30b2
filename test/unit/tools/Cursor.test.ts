import { Schema } from "effect"
import * as fc from "fast-check"
import { Buffer } from "node:buffer"
import { describe, expect, it } from "vitest"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, binary, type Term } from "../../../src/etf/Term.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { type CursorScope, decodeCursor, encodeCursor, isShowable, sealCursor } from "../../../src/tools/Cursor.ts"
import { withoutShapes } from "../../../src/tools/SecretShapes.ts"
import { secrets } from "../../../src/tools/Secrets.ts"

const scope: CursorScope = {
  tool: "list_processes",
  node: "app@host",
  creation: 7,
  arguments: { sort_by: "memory", filter: { module: "gen" }, limit: 20, timeout_ms: 5000, node: "app" }
}
const schema = Schema.Struct({ value: Schema.optionalKey(Schema.Int), id: Schema.Int, serial: Schema.Int })
const decode = (of: CursorScope, cursor: string) => decodeCursor(of, schema, cursor)
const position = { value: 1234, id: 90, serial: 0 }

describe("a cursor", () => {
  it("gives back its position", () => expect(decode(scope, encodeCursor(scope, position))).toEqual(position))

  it("does not mind another limit, time limit or spelling of the node", () => {
    const other = {
      ...scope,
      arguments: { ...scope.arguments, limit: 50, timeout_ms: 100, node: "app@host", cursor: "x" }
    }
    expect(decode(other, encodeCursor(scope, position))).toEqual(position)
  })

  it.each<[string, Partial<CursorScope>]>([
    ["another tool", { tool: "find_process" }],
    ["another node", { node: "b@host" }],
    ["a restarted node", { creation: 8 }],
    ["another order", { arguments: { ...scope.arguments, sort_by: "reductions" } }],
    ["another filter", { arguments: { ...scope.arguments, filter: { module: "sup" } } }],
    ["an argument more", { arguments: { ...scope.arguments, extra: true } }]
  ])("is refused for %s", (_what, change) =>
    expect(decode({ ...scope, ...change }, encodeCursor(scope, position))).toEqual({
      problem: expect.stringContaining("belongs to a call with other arguments")
    })
  )

  it("is refused when its position was changed", () => {
    const [digest] = JSON.parse(Buffer.from(encodeCursor(scope, position), "base64url").toString()) as [string]
    const forged = Buffer.from(JSON.stringify([digest, { ...position, id: 91 }])).toString("base64url")
    expect(decode(scope, forged)).toEqual({ problem: expect.stringContaining("belongs to a call") })
  })

  it.each([{ ...position, id: "x" }, { id: 90 }, { ...position, more: 1 }, { ...position, serial: 1.5 }])(
    "is refused with a position that the tool does not have, even rightly signed: %j",
    (made) =>
      expect(decode(scope, encodeCursor(scope, made))).toEqual({ problem: expect.stringContaining("is not one") })
  )

  it("is refused however deep it is", () => {
    const deep = `["x",{"id":${"[".repeat(100_000)}${"]".repeat(100_000)}}]`
    expect(decode(scope, Buffer.from(deep).toString("base64url"))).toEqual({ problem: expect.any(String) })
  })

  it("that is sealed gives back its position, to the same call alone, and shows nothing of it", () => {
    const named = Schema.Struct({ at: Schema.String })
    const cursor = sealCursor(scope, { at: "hunter2" })
    expect(decodeCursor(scope, named, cursor)).toEqual({ at: "hunter2" })
    expect(Buffer.from(cursor, "base64url").toString("latin1")).not.toContain("hunter2")
    expect(sealCursor(scope, { at: "hunter2" })).not.toBe(cursor)
    expect(decodeCursor({ ...scope, creation: 8 }, named, cursor)).toEqual({
      problem: expect.stringContaining("belongs to a call")
    })
  })

  it.each([1, 13, 29, 40])("that is sealed is refused when byte %i of it was changed", (at) => {
    const bytes = Buffer.from(sealCursor(scope, position), "base64url")
    bytes[at]! ^= 1
    expect(decode(scope, bytes.toString("base64url"))).toEqual({
      problem: expect.stringContaining("only while the server that gave it runs")
    })
  })

  it("is never more than refused, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          fc.uint8Array().map((bytes) => Buffer.of(0, ...bytes).toString("base64url")),
          fc.json().map((it) => Buffer.from(it).toString("base64url"))
        ),
        (text) => {
          expect(decode(scope, text)).toEqual({ problem: expect.any(String) })
        }
      )
    )
  })
})

/** As rows are seen. */
const sight = {
  print: (term: Term) => syntaxes.erlang.print(term, { mask: secrets.masked }).text,
  clean: withoutShapes
}
/** A position as lists of the node have it. */
const holding = (key: Term) => ({ at: Buffer.from(encode([atom("key"), key])).toString("base64url") })

describe("a position", () => {
  it.each<[string, Term, boolean]>([
    ["an ordinary key", [atom("user"), binary("ann")], true],
    ["a secret under its name", [atom("password"), binary("hunter2")], false],
    ["a secret further inside", [[atom("app"), [atom("token"), binary("abc")]], 1], false],
    ["what has the shape of a secret", binary("sk_live_abcdefghijklmnop1234567"), false]
  ])("can be shown with %s as a row can", (_what, key, expected) =>
    expect(isShowable(holding(key), sight)).toBe(expected)
  )

  it("can be shown with names that can be", () => {
    expect(isShowable({ name: "logger", id: 7 }, sight)).toBe(true)
    expect(isShowable({ name: "sk_live_abcdefghijklmnop1234567" }, sight)).toBe(false)
  })
})
