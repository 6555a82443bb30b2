import { describe, expect, it } from "vitest"
import { parseNodeName } from "../../../src/dist/NodeName.ts"

describe("parseNodeName", () => {
  it.each(["app@localhost", "app@10.1.2.3", "a-b_c.1@host.example.com", "six@::1"])("takes %s apart", (full) => {
    const [name, host] = full.split("@")
    expect(parseNodeName(full)).toEqual({ full, name, host })
  })

  it.each([
    "",
    "app",
    "@host",
    "app@",
    "a@b@c",
    "a b@host",
    "a'@host",
    "a\n@host",
    "a\u{9b}@host",
    "a\u{202e}b@host",
    "a@ho\u{200b}st",
    `${"x".repeat(255)}@h`
  ])("says what is wrong with %j", (text) => expect(parseNodeName(text)).toHaveProperty("problem"))
})
