import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { parseAddress } from "../../../src/config/Address.ts"

describe("the text of an address", () => {
  it.each([
    ["gate", { host: "gate" }],
    ["gate.example:4370", { host: "gate.example", port: 4370 }],
    ["10.1.2.3:1", { host: "10.1.2.3", port: 1 }],
    ["[::1]", { host: "::1" }],
    ["[fe80::1%eth0]:65535", { host: "fe80::1%eth0", port: 65_535 }],
    ["unix:/run/app.sock", { path: "/run/app.sock" }]
  ])("%s is a place", (text, place) => {
    expect(parseAddress(text)).toEqual(Result.succeed(place))
  })

  it.each([
    ["", "expected host"],
    [":4370", "expected host"],
    ["gate:", "expected host"],
    ["gate:0", "there is no port 0"],
    ["gate:65536", "there is no port 65536"],
    ["gate:x", "expected host"],
    ["app@gate", "expected host"],
    ["http://gate", "expected host"],
    ["a b", "expected host"],
    ["[gate]:1", "expected host"],
    ["::1", "stands in brackets"],
    ["::1:4370", "stands in brackets"],
    ["unix:", "no path"]
  ])("%j is none", (text, why) => {
    const parsed = parseAddress(text)
    expect(Result.isFailure(parsed) ? parsed.failure : parsed).toContain(why)
  })
})
