import { Formatter } from "effect"
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { cleanValue } from "../../../src/tools/CleanValue.ts"

const clean = (text: string): string => text.replaceAll("SECRET", "[redacted]")

const raise = (): never => {
  throw new Error("no")
}

const toJSON = () => "SECRET"

describe("a clean value", () => {
  it("is the value itself where there is nothing to take out", () => {
    for (const value of [
      "a",
      1,
      undefined,
      null,
      [1, ["b"]],
      { a: { b: "c" } },
      new Map([["a", 1]]),
      new Error("told")
    ])
      expect(cleanValue(value, clean)).toBe(value)
  })

  it("has what is left of texts, names of fields, bytes and errors", () => {
    const error = Object.assign(new TypeError("of SECRET"), { node: "app@host", SECRETkey: 1 })
    const told = cleanValue({ error, list: ["SECRET", 7], bytes: new TextEncoder().encode("SECRET") }, clean)
    expect(told).toMatchObject({ list: ["[redacted]", 7], bytes: "[redacted]" })
    const { error: left } = told as { readonly error: Error }
    expect(left).toBeInstanceOf(Error)
    expect(left).toMatchObject({ name: "TypeError", message: "of [redacted]", node: "app@host", "[redacted]key": 1 })
    expect(left.stack).not.toContain("SECRET")
  })

  it("is what a value that prints itself would print, without it", () => {
    for (const value of [
      new URL("http://app:SECRET@host/"),
      new URLSearchParams({ key: "SECRET" }),
      new Headers({ key: "SECRET" }),
      { toJSON: () => "SECRET" },
      { toString: () => "SECRET" },
      new (class {
        toString() {
          return "SECRET"
        }
      })()
    ]) {
      const { to } = cleanValue({ to: value }, clean) as { readonly to: unknown }
      expect(to).toContain("[redacted]")
      expect(to).not.toContain("SECRET")
    }
    const plain = new URL("http://host/")
    expect(cleanValue(plain, clean)).toBe(plain)
  })

  it("is what the loggers print of whatever prints itself", () => {
    const printed = (value: unknown) => Formatter.formatJson(cleanValue({ value }, clean))
    for (const value of [
      { toJSON: () => ({ count: 1n, text: "SECRET" }) },
      { note: "SECRET", toJSON },
      { note: "SECRET", toString: toJSON, [inspect.custom]: toJSON },
      Object.assign([1], { toJSON }),
      Object.assign(["SECRET"], { toJSON }),
      Object.assign(() => 1, { toJSON }),
      Object.assign(new Map([["a", 1]]), { toJSON }),
      Object.assign(new Set(["a"]), { toJSON }),
      Object.assign(new Error("SECRET"), { toJSON })
    ]) {
      expect(printed(value)).not.toContain("SECRET")
      expect(inspect(cleanValue({ value }, clean))).not.toContain("SECRET")
      expect(String(cleanValue(value, clean))).not.toContain("SECRET")
    }
    const plain = { at: new Date(0), pattern: /a/u, call: () => 1 }
    expect(cleanValue(plain, clean)).toBe(plain)
  })

  it("is the name of its type where it raises when it is printed, or looked at", () => {
    class Mute {
      toJSON = raise
    }
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [new Mute(), "[Mute]"],
      [{ toString: raise }, "[Object]"],
      [{ [inspect.custom]: raise }, "[Object]"],
      [Object.defineProperty({}, "toString", { get: raise }), "[Object]"],
      [new Proxy({}, { has: raise }), "[Object]"],
      [new Proxy({}, { ownKeys: raise }), "[Object]"],
      [revoked.proxy, "[object]"]
    ]
    for (const [value, name] of cases) {
      expect(cleanValue(value, clean)).toBe(name)
      expect(cleanValue([{ value }], clean)).toEqual([{ value: name }])
    }
    // Nothing is left of a getter that raises, though all else is clean.
    const half = Object.defineProperty({ a: 1 }, "b", { get: raise, enumerable: true })
    expect(cleanValue(half, clean)).toEqual({ a: 1, b: "..." })
  })

  it("ends where a value stands within itself, and leaves out what raises when it is read", () => {
    const value: { self?: unknown; readonly field: unknown; text: string } = {
      text: "SECRET",
      get field() {
        throw new Error("no")
      }
    }
    value.self = value
    expect(cleanValue(value, clean)).toMatchObject({ text: "[redacted]", field: "...", self: { text: "[redacted]" } })
  })
})
