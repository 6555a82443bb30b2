import { describe, expect, it } from "vitest"
import { cleanValue } from "../../../src/tools/CleanValue.ts"

const clean = (text: string): string => text.replaceAll("SECRET", "[redacted]")

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
    const mute = {
      toJSON: () => {
        throw new Error("no")
      }
    }
    expect(cleanValue(mute, clean)).toBe(mute)
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
