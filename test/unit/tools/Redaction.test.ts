import { Redacted } from "effect"
import * as fc from "fast-check"
import { Buffer } from "node:buffer"
import { describe, expect, it } from "vitest"
import { redactor } from "../../../src/tools/Redaction.ts"

const secret = "Kj8+x/2mQ'\"\\Pz"
const redact = redactor([Redacted.make(secret)])

describe("a secret in use", () => {
  it.each([
    ["as it is", secret],
    ["as an atom", `'${secret.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`],
    ["as a string", JSON.stringify(secret)],
    ["with every quote escaped", secret.replace(/["'\\]/gu, "\\$&")],
    ["as character codes", JSON.stringify([...Buffer.from(secret)])],
    ["as character codes with blanks", [...Buffer.from(secret)].join(", ")],
    ["in hex", Buffer.from(secret).toString("hex")],
    ["in upper case hex", Buffer.from(secret).toString("hex").toUpperCase()],
    ["in base64", Buffer.from(secret).toString("base64")],
    ["in base64url", Buffer.from(secret).toString("base64url")]
  ])("is blotted out %s", (_how, text) => {
    const shown = redact(`before ${text} after`)
    expect(shown).toContain("[redacted]")
    expect(shown).not.toContain(text)
    expect(shown.startsWith("before ")).toBe(true)
    expect(shown.endsWith(" after")).toBe(true)
  })

  it("is blotted out of base64 wherever it stands in what was encoded", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), (before, after) => {
        const shown = redact(Buffer.from(before + secret + after).toString("base64"))
        expect(shown).toContain("[redacted]")
        expect(Buffer.from(shown.replace("[redacted]", ""), "base64").toString()).not.toContain(secret.slice(1, -1))
      })
    )
  })

  it("is blotted out inside longer words when it is long", () =>
    expect(redactor([Redacted.make("supersecret")])("xsupersecrety")).toBe("x[redacted]y"))

  it("is blotted out as a word only when it is short", () => {
    const short = redactor([Redacted.make("app")])
    expect(short("cookie app, 'app', \"app\"")).toBe("cookie [redacted], '[redacted]', \"[redacted]\"")
    expect(short("the application app@host app_server myapp")).toBe("the application app@host app_server myapp")
  })

  it("leaves all else alone", () => {
    expect(redactor([])("anything")).toBe("anything")
    expect(redactor([Redacted.make("")])("anything")).toBe("anything")
    expect(redact("nothing to see")).toBe("nothing to see")
  })
})
