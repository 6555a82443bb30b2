import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { discoverySource } from "../../../src/cluster/Source.ts"
import { fromSettings } from "../../../src/config/Config.ts"

describe("a source", () => {
  it.each([
    ["epmd:db.example", { kind: "epmd", host: "db.example" }],
    ["epmd:db.example:14369", { kind: "epmd", host: "db.example", port: 14_369 }],
    ["epmd:[::1]", { kind: "epmd", host: "::1" }],
    ["epmd:[fe80::1%eth0]:4369", { kind: "epmd", host: "fe80::1%eth0", port: 4_369 }],
    ["dns:app@pods.shop.svc", { kind: "dns", name: "app", host: "pods.shop.svc" }],
    ["srv:app@_epmd._tcp.shop.svc", { kind: "srv", name: "app", service: "_epmd._tcp.shop.svc" }],
    ["hosts", { kind: "hosts" }],
    ["hosts:/etc/my hosts:2", { kind: "hosts", file: "/etc/my hosts:2" }],
    ["releases", { kind: "releases" }],
    ["follow", { kind: "follow" }]
  ])("is read from %j", (text, source) => {
    expect(discoverySource(text)).toEqual({ text, ...source })
  })

  it.each([
    ["", "it is no source; write epmd:HOST[:PORT]"],
    ["EPMD:box", "it is no source"],
    ["epmd", "it names no host"],
    ["epmd:", "it names no host"],
    ["epmd:::1", "it names no host; write epmd:HOST or epmd:HOST:PORT, an IPv6 address in brackets"],
    ["epmd:box:0", "0 is no port"],
    ["epmd:box:65536", "65536 is no port"],
    ["epmd:bo\u202ex", "it has white space, quotes, or control or format characters in it"],
    ["dns:pods", "it has no @host part; write dns:NAME@HOST"],
    ["srv:@service", "the part before the @ is empty; write srv:NAME@SERVICE"],
    ["hosts:", "it has no file behind the colon"],
    ["follow:app@box", "follow takes nothing behind it"],
    ["releases:", "releases takes nothing behind it"]
  ])("that is written as %j is refused with what is wrong", (text, problem) => {
    expect(discoverySource(text)).toEqual({ problem: expect.stringContaining(problem) })
  })

  it.effect("with a mistake in it is one of the configuration", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(fromSettings({ discover: ["follow", "epmd:"] }, {}))
      expect(error.message).toContain("discover: 'epmd:': it names no host")
      expect((yield* fromSettings({ discover: ["follow"] }, {})).discover).toEqual(["follow"])
    })
  )
})
