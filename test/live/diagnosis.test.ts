import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { cookieFingerprint } from "../../src/node/CookieFingerprint.ts"
import { type Diagnosis, diagnose, stepNames } from "../../src/node/Diagnosis.ts"
import { type NodeTarget, TargetError } from "../../src/node/Targets.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { closedPort, serve, serveEpmd } from "../support/FakePeer.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])
const cookie = Redacted.make("a cookie nobody may see")

const walk = (target: Partial<NodeTarget> & { readonly name: string }, known: ReadonlyArray<string> = []) =>
  diagnose(target.name, Exit.succeed({ cookie, epmdPort, cookieSource: "a test", ...target }), {
    known,
    timeoutMillis: 20_000
  })

/** The step that failed, with all that was passed before. */
const failure = ({ remarks, steps }: Diagnosis) => {
  const at = steps.findIndex(({ outcome }) => outcome === "failed")
  expect(steps.map(({ step }) => step).toSorted()).toEqual([...stepNames].toSorted())
  for (const { outcome } of steps.slice(at + 1)) expect(outcome).toBe("not_reached")
  expect(JSON.stringify(steps)).not.toContain(Redacted.value(cookie))
  return { step: steps[at]?.step, found: steps[at]?.found, seen: steps[at]?.seen, remarks }
}

const epmdOf = (registered: Readonly<Record<string, number>>) => serveEpmd(registered)

describe("a node that cannot be connected", () => {
  it.live("fails at the step that fails, and says what that means", () =>
    Effect.gen(function* () {
      expect(failure(yield* walk({ name: "app" }))).toMatchObject({ step: "name" })

      const none = new TargetError({ node: "app@box", message: "there is no cookie to connect to app@box with." })
      const unset = yield* diagnose("app@box", Exit.fail(none), { known: [], timeoutMillis: 1_000 })
      expect(failure(unset)).toMatchObject({ step: "configuration", found: expect.stringContaining("no cookie") })

      const nowhere = failure(yield* walk({ name: "app@no-such-host.invalid" }))
      expect(nowhere).toMatchObject({ step: "host", found: expect.stringContaining("no-such-host.invalid") })

      const dead = yield* closedPort
      expect(failure(yield* walk({ name: "app@127.0.0.1", epmdPort: dead }))).toMatchObject({ step: "epmd" })

      const empty = failure(yield* walk({ name: "app@127.0.0.1", epmdPort: yield* epmdOf({}) }))
      expect(empty).toMatchObject({ step: "epmd", remarks: [expect.stringContaining("no names at all")] })

      const others = yield* walk({ name: "app@127.0.0.1", epmdPort: yield* epmdOf({ shop: 1 }) }, ["app@10.0.0.7"])
      expect(failure(others)).toMatchObject({
        step: "epmd",
        found: expect.stringContaining("shop"),
        remarks: [expect.stringContaining("app@10.0.0.7")]
      })

      const refused = yield* walk({ name: "app@127.0.0.1", epmdPort: yield* epmdOf({ app: yield* closedPort }) })
      expect(failure(refused)).toMatchObject({ step: "tcp" })

      const web = yield* serve(
        (socket) => void socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      )
      const notOne = failure(yield* walk({ name: "app@127.0.0.1", epmdPort: yield* epmdOf({ app: web }) }))
      expect(notOne).toMatchObject({ step: "handshake", seen: expect.stringContaining("HTTP/1.1") })

      const alert = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 10)
      const secured = yield* serve((socket) => void socket.once("data", () => socket.end(alert)))
      const wantsTls = failure(yield* walk({ name: "app@127.0.0.1", epmdPort: yield* epmdOf({ app: secured }) }))
      expect(wantsTls).toMatchObject({ step: "tls", seen: expect.stringContaining("15030300") })

      const silent = yield* serve(() => {})
      const placed = yield* diagnose(
        "app@127.0.0.1",
        Exit.succeed({ name: "app@127.0.0.1", cookie, address: { host: "127.0.0.1", port: silent } }),
        { known: [], timeoutMillis: 5_000 }
      )
      expect(failure(placed)).toMatchObject({ step: "handshake", found: expect.stringContaining("longer than") })
      expect(placed.steps.find(({ step }) => step === "epmd")?.outcome).toBe("skipped")
    })
  )
})

describe.each(BeamNode.otpReleases())("on OTP $otp", ({ otp }) => {
  it.live("a node that can be reached passes every step, and none tells a secret", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const { remarks, steps } = yield* walk({ name: node.name, cookie: Redacted.make(node.cookie) })
      expect(steps.map(({ outcome, step }) => [step, outcome])).toEqual(
        stepNames.map((step) => [step, step === "tls" ? "skipped" : "passed"])
      )
      expect(remarks).toEqual([])
      expect(steps.find(({ step }) => step === "call")?.found).toContain(`OTP ${otp}`)
      expect(JSON.stringify(steps)).not.toContain(node.cookie)
      expect(yield* Effect.promise(() => node.evaluate("nodes(connected)"))).toBe("[]")
      expect(node.log()).toBe("")
    })
  )

  it.live("a wrong cookie is found at its step, with a fingerprint to compare and without what came", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const told = yield* walk({ name: node.name })
      expect(failure(told)).toMatchObject({ step: "cookie", seen: undefined })
      const { found } = told.steps.find(({ step }) => step === "configuration")!
      expect(found).toContain(`a test, fingerprint ${yield* cookieFingerprint(cookie)}`)
    })
  )

  it.live("a node of another name says so, and whether its name is short where ours is long", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const [short] = node.name.split("@")
      const told = failure(yield* walk({ name: `${short}@localhost`, cookie: Redacted.make(node.cookie) }))
      expect(told).toMatchObject({ step: "handshake", seen: expect.stringContaining(node.name) })
      expect(told.remarks).toEqual([expect.stringContaining("by a short one")])
    })
  )

  it.live("a node that lets only others in says so", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      yield* Effect.promise(() => node.evaluate("net_kernel:allow(['nobody@nowhere'])"))
      const told = failure(yield* walk({ name: node.name, cookie: Redacted.make(node.cookie) }))
      expect(told).toMatchObject({ step: "handshake", found: expect.stringContaining("--our-name") })
    })
  )
})

const fingerprintOf = (text: string) => cookieFingerprint(Redacted.make(text))

describe("a cookie's fingerprint", () => {
  it.live("is the same for the same cookie, and another for another", () =>
    Effect.gen(function* () {
      expect(yield* fingerprintOf("monster")).toMatch(/^[0-9a-f]{6}$/u)
      expect(yield* fingerprintOf("monster")).toBe(yield* fingerprintOf("monster"))
      expect(yield* fingerprintOf("monster")).not.toBe(yield* fingerprintOf("monstes"))
    })
  )
})
