import { describe, expect, it } from "vitest"
import { isAddress, parseNodeName } from "../../../src/dist/NodeName.ts"

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
    "a@[::1]",
    `${"x".repeat(255)}@h`
  ])("says what is wrong with %j", (text) => expect(parseNodeName(text)).toHaveProperty("problem"))

  it("says how a name whose host stands in brackets is written", () =>
    expect(parseNodeName("a@[fe80::1%eth0]")).toEqual({ problem: expect.stringContaining("a@fe80::1%eth0") }))
})

describe("a host", () => {
  it.each(["10.0.3.7", "::", "::1", "fe80::1%eth0", "2001:db8::ffff:10.0.3.7", "1:2:3:4:5:6:7:8"])(
    "may be %s, an address",
    (host) => expect(isAddress(host)).toBe(true)
  )

  it.each([
    "",
    "localhost",
    "10.0.3",
    "10.0.3.7.8",
    "10.0.3.attacker.example",
    "cafe",
    "fd00:attacker.example",
    "fd00::7.attacker.cafe",
    "fd00::%x.attacker.example"
  ])("may be '%s', no address", (host) => expect(isAddress(host)).toBe(false))
})
