import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { Buffer } from "node:buffer"
import { X509Certificate } from "node:crypto"
import { names } from "../../src/dist/Epmd.ts"
import { recording } from "../../src/dist/Recording.ts"
import { Transport } from "../../src/dist/Transport.ts"
import { cookieFingerprint } from "../../src/node/CookieFingerprint.ts"
import { type Diagnosis, diagnose, stepNames } from "../../src/node/Diagnosis.ts"
import { joinNode, type NodeTarget, TargetError } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { makeAuthority } from "../support/Certificates.ts"
import { closedPort, serve, serveEpmd } from "../support/FakePeer.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { call } from "../support/Tools.ts"
import { acceptHandshake } from "../support/StandInNode.ts"
import * as TlsNode from "../support/TlsNode.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])
const cookie = Redacted.make("a cookie nobody may see")

const walk = (target: Partial<NodeTarget> & { readonly name: string }, known: ReadonlyArray<string> = []) =>
  diagnose(target.name, Exit.succeed({ cookie, epmdPort, cookieSource: "a test", ...target }), {
    known,
    timeoutMillis: 20_000
  })

/** What a diagnosis says of the step that failed; `before` is what it says of those before: p(assed) or s(kipped). */
const failure = ({ remarks, steps }: Diagnosis) => {
  expect(steps.map(({ step }) => step)).toEqual(stepNames)
  const at = steps.findIndex(({ outcome }) => outcome === "failed")
  for (const { outcome } of steps.slice(at + 1)) expect(outcome).toBe("not_reached")
  expect(JSON.stringify([steps, remarks])).not.toContain(Redacted.value(cookie))
  const before = steps.slice(0, at).map(({ outcome }) => outcome[0])
  return {
    step: steps[at]?.step,
    found: steps[at]?.found,
    seen: steps[at]?.seen,
    before: before.join(""),
    remarks
  }
}

const epmdOf = (registered: Readonly<Record<string, number>>) => serveEpmd(registered)

describe("a node that cannot be connected", () => {
  it.live("fails at the step that fails, and says what that means", () =>
    Effect.gen(function* () {
      expect(failure(yield* walk({ name: "app" }))).toMatchObject({ step: "name", before: "" })

      const none = new TargetError({ node: "app@box", message: "there is no cookie to connect to app@box with." })
      const unset = yield* diagnose("app@box", Exit.fail(none), { known: [], timeoutMillis: 1_000 })
      expect(failure(unset)).toMatchObject({
        step: "configuration",
        before: "p",
        found: expect.stringContaining("no cookie")
      })

      const nowhere = failure(yield* walk({ name: "app@no-such-host.invalid" }))
      expect(nowhere).toMatchObject({
        step: "host",
        before: "pp",
        found: expect.stringContaining("no-such-host.invalid")
      })

      const dead = yield* closedPort
      expect(failure(yield* walk({ name: "app@127.0.0.1", epmdPort: dead }))).toMatchObject({
        step: "epmd",
        before: "ppp"
      })
      const lost = failure(yield* walk({ name: "app@127.0.0.1", epmdHost: "no-such-host.invalid" }))
      expect(lost).toMatchObject({ step: "epmd", before: "ppp", found: expect.stringContaining("no-such-host") })

      const empty = failure(yield* walk({ name: "app@127.0.0.1", epmdPort: yield* epmdOf({}) }))
      expect(empty).toMatchObject({
        step: "epmd",
        before: "ppp",
        remarks: [expect.stringContaining("no names at all")]
      })

      const others = yield* walk({ name: "app@127.0.0.1", epmdPort: yield* epmdOf({ shop: 1 }) }, ["app@10.0.0.7"])
      expect(failure(others)).toMatchObject({
        step: "epmd",
        found: expect.stringContaining("shop"),
        remarks: [expect.stringContaining("app@10.0.0.7")]
      })

      const denied = failure(yield* walk({ name: "app@127.0.0.1", epmdPort: yield* serveEpmd({ app: 1 }, ["app"]) }))
      expect(denied).toMatchObject({
        step: "epmd",
        found: expect.stringContaining("contradicts itself"),
        seen: expect.stringMatching(/^sent 6 bytes, received 2: the bytes 7701; then sent 3 bytes, received \d+: .*$/u)
      })

      const refused = yield* walk({ name: "app@127.0.0.1", epmdPort: yield* epmdOf({ app: yield* closedPort }) })
      expect(failure(refused)).toMatchObject({ step: "tcp", before: "pppp" })

      const web = yield* serve(
        (socket) => void socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      )
      const notOne = failure(yield* walk({ name: "app@127.0.0.1", epmdPort: yield* epmdOf({ app: web }) }))
      expect(notOne).toMatchObject({ step: "handshake", before: "ppppps", seen: expect.stringContaining("HTTP/1.1") })

      const alert = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 10)
      const secured = yield* serve((socket) => void socket.once("data", () => socket.end(alert)))
      const wantsTls = failure(yield* walk({ name: "app@127.0.0.1", epmdPort: yield* epmdOf({ app: secured }) }))
      expect(wantsTls).toMatchObject({ step: "tls", before: "ppppp", seen: expect.stringContaining("15030300") })

      const silent = yield* serve(() => {})
      const placed = yield* diagnose(
        "app@127.0.0.1",
        Exit.succeed({ name: "app@127.0.0.1", cookie, address: { host: "127.0.0.1", port: silent } }),
        { known: [], timeoutMillis: 5_000 }
      )
      expect(failure(placed)).toMatchObject({
        step: "handshake",
        before: "pppsps",
        found: expect.stringContaining("longer than")
      })

      // The end of a tunnel that leads nowhere.
      const tunnel = yield* serve((socket) => void socket.end())
      const nowhereElse = yield* walk({ name: "app@127.0.0.1", address: { host: "127.0.0.1", port: tunnel } })
      expect(failure(nowhereElse)).toMatchObject({ step: "handshake", before: "pppsps" })

      const late = yield* diagnose("app@127.0.0.1", Exit.succeed({ name: "app@127.0.0.1", cookie }), {
        known: [],
        timeoutMillis: 0
      })
      expect(failure(late)).toMatchObject({ step: "host", before: "pp", found: expect.stringContaining("were over") })

      const key = Redacted.make("no key")
      const badKey = yield* walk({
        name: "app@127.0.0.1",
        address: { host: "127.0.0.1", port: tunnel },
        tls: { cert: "no certificate", key }
      })
      expect(failure(badKey)).toMatchObject({ step: "configuration", before: "p" })
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

  it.live("a node with TLS passes that step too, and fails there where its certificate, or ours, will not do", () =>
    Effect.gen(function* () {
      const authority = makeAuthority("test authority")
      const certificate = authority.issue({ commonName: "node", dnsNames: ["127.0.0.1"] })
      const tls = { ca: authority.cert }
      const node = yield* TlsNode.start({ otp, certificate })
      const at = { name: node.name, cookie: Redacted.make(node.cookie) }
      const { steps } = yield* walk({ ...at, tls })
      expect(steps.map(({ outcome, step }) => [step, outcome])).toEqual(stepNames.map((step) => [step, "passed"]))
      const passed = steps.find(({ step }) => step === "tls")
      expect(passed?.found).toMatch(/^TLSv1\.[23]; the certificate is accepted/u)
      const { fingerprint256 } = new X509Certificate(certificate.cert)
      const shown = `the certificate of CN=node, issued by CN=test authority, valid from `
      const agreed = String.raw`TLSv1\.[23] with \w[\w-]+; ${shown}\S+ to \S+, SHA-256 fingerprint ${fingerprint256}`
      const sent = String.raw`with TLS: sent \d{3,} bytes, received \d{3,}; `
      const whole = new RegExp(`^${sent}${agreed}$`, "u")
      expect(passed?.seen).toMatch(whole)

      const blind = yield* walk({ ...at, tls: { insecure: true } })
      expect(blind.steps.find(({ step }) => step === "tls")?.found).toContain("not looked at")
      const plain = failure(yield* walk(at))
      expect(plain).toMatchObject({ step: "tls", before: "ppppp" })
      // What was answered without TLS, and, where that was nothing, the certificate that was shown with it.
      expect(plain.seen).toMatch(/^without TLS: sent \d+ bytes, received \d+/u)
      const distrusted = failure(yield* walk({ ...at, tls: {} }))
      expect(distrusted).toMatchObject({ step: "tls", before: "ppppp" })
      expect(distrusted.seen).toMatch(whole)

      const wary = yield* TlsNode.start({ otp, certificate, clientAuthority: authority.cert })
      const unknown = yield* walk({ name: wary.name, cookie: Redacted.make(wary.cookie), tls })
      expect(failure(unknown)).toMatchObject({
        step: "tls",
        before: "ppppp",
        found: expect.stringContaining("certificate"),
        // TLS 1.2 has no alert of its own for it.
        seen: expect.stringMatching(
          new RegExp(`^${sent}the node's alert (?:116 \\(certificate_required\\)|40 \\(handshake_failure\\)); `, "u")
        )
      })
      expect(failure(unknown).seen).toContain(fingerprint256)

      const unsecured = yield* BeamNode.start({ otp })
      const wrong = yield* walk({ name: unsecured.name, cookie: Redacted.make(unsecured.cookie), tls })
      expect(failure(wrong)).toMatchObject({
        step: "tls",
        seen: expect.stringMatching(
          /^with TLS: sent \d+ bytes, received 0; then without TLS: sent \d+ bytes, received \d+: status '/u
        )
      })
    })
  )

  it.live("a name of ours that is taken by our own link is told as that", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const target = { name: node.name, cookie: Redacted.make(node.cookie), ourName: "beamscope1@beamscope.local" }
      const us = yield* joinNode({ ...target, epmdPort })
      const told = yield* diagnose(node.name, Exit.succeed({ ...target, epmdPort }), {
        known: [],
        timeoutMillis: 20_000,
        linkedAs: us.localName
      })
      expect(failure(told)).toMatchObject({
        step: "handshake",
        before: "ppppps",
        remarks: [expect.stringContaining("our own")]
      })
    })
  )

  it.live("a wrong cookie is found at its step, with a fingerprint to compare and without what came", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const told = yield* walk({ name: node.name })
      expect(failure(told)).toMatchObject({ step: "cookie", before: "pppppsp", seen: undefined })
      const { found } = told.steps.find(({ step }) => step === "configuration")!
      expect(found).toContain(`a test, fingerprint ${yield* cookieFingerprint(cookie)}`)
    })
  )

  it.live("a cookie that there is not is missed where it is wanted, and nothing is shown in its place", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const withoutCookie = new TargetError({ node: node.name, message: "there is no cookie to connect with." })
      const without = (epmd: number) =>
        diagnose(node.name, Exit.succeed({ name: node.name, cookie, epmdPort: epmd }), {
          known: [],
          timeoutMillis: 20_000,
          withoutCookie
        })
      const told = failure(yield* without(epmdPort))
      expect(told).toMatchObject({ step: "cookie", before: "pppppsp", found: "There is no cookie to connect with." })
      expect(told.remarks).toEqual([])
      // A digest of any other cookie is an error report.
      yield* Effect.promise(() => node.evaluate("ok"))
      expect(node.log()).toBe("")

      const lost = failure(yield* without(yield* closedPort))
      expect(lost).toMatchObject({ step: "epmd", remarks: ["Besides, there is no cookie to connect with."] })
    })
  )

  it.live("a node of another name says so, and whether its name is short where ours is long", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const [short] = node.name.split("@")
      const told = failure(yield* walk({ name: `${short}@localhost`, cookie: Redacted.make(node.cookie) }))
      expect(told).toMatchObject({ step: "handshake", before: "ppppps", seen: expect.stringContaining(node.name) })
      expect(told.remarks).toEqual([expect.stringContaining("by a short one")])
    })
  )

  it.live("a node of this machine that is asked for by another of its names is found, as by a call", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const [short] = node.name.split("@")
      const { structured } = yield* call("diagnose_connection", { node: `${short}@localhost` }).pipe(
        Effect.provide(liveCatalogue([node, { name: `${short}@localhost`, cookie: node.cookie }]))
      )
      expect(structured["summary"]).toContain("can be connected")
      expect(structured["notes"]).toEqual([expect.stringContaining(`calls itself ${node.name}`)])
    }).pipe(Effect.scoped)
  )

  it.live("what answers on a way that was given is not looked for elsewhere by the name that it gives itself", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const name = `${node.name.split("@")[0]}@localhost`
      const registered = yield* names({ host: "127.0.0.1", port: epmdPort }, 5_000)
      const { port } = registered.find((one) => name.startsWith(`${one.name}@`))!
      const { structured } = yield* call("diagnose_connection", { node: name }).pipe(
        Effect.provide(liveCatalogue([node, { name, cookie: node.cookie, port }]))
      )
      expect(structured["summary"]).toContain(
        `cannot be connected: it fails at handshake. The node at that address calls itself '${node.name}'`
      )
    }).pipe(Effect.scoped)
  )

  it.live("a node that a call may not go on to by its own name is not walked to either", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const name = `${node.name.split("@")[0]}@localhost`
      const { structured } = yield* call("diagnose_connection", { node: name }).pipe(
        Effect.provide(liveCatalogue([{ name, cookie: node.cookie }], { policy: { allowNodes: [name] } }))
      )
      expect(structured["summary"]).toContain("cannot be connected")
      expect(structured["notes"]).toContainEqual(expect.stringContaining("--allow-nodes"))
    }).pipe(Effect.scoped)
  )

  it.live(
    "a node that lets us in and answers nothing is told as that, and not as a call of ours that asks for much",
    () =>
      Effect.gen(function* () {
        const name = "app@127.0.0.1"
        const port = yield* serve((socket) =>
          acceptHandshake(socket, { name, cookie: Redacted.value(cookie) }, { isUp: () => {}, onData: () => {} })
        )
        const target = { name, cookie, epmdPort: yield* epmdOf({ app: port }) }
        const told = failure(yield* diagnose(name, Exit.succeed(target), { known: [], timeoutMillis: 2_500 }))
        expect(told).toMatchObject({
          step: "call",
          before: "pppppsppp",
          seen: expect.stringMatching(/^since the handshake: sent \d+ bytes, received 0$/u)
        })
        expect(told.found).toMatch(
          /^app@127\.0\.0\.1 let us in, and gave no answer to a first question within \d+ ms\. /u
        )
        expect(told.found).not.toContain("ask for less")
      })
  )

  it.live("a link that is lost at the last question, for the time, is told as that, and not as a clock", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const { dialer } = recording(yield* Transport, {
        isKept: (bytes) => Buffer.from(bytes).includes(`os${String.fromCharCode(0x77, 11)}system_time`)
      })
      const target = { name: node.name, cookie: Redacted.make(node.cookie) }
      const told = failure(yield* Effect.provideService(walk(target), Transport, dialer))
      expect(told).toMatchObject({ step: "call", before: "pppppsppp", found: expect.stringContaining("was lost") })
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
      expect(yield* fingerprintOf("monster")).toMatch(/^[0-9a-f]{4}$/u)
      expect(yield* fingerprintOf("monster")).toBe(yield* fingerprintOf("monster"))
      expect(yield* fingerprintOf("monster")).not.toBe(yield* fingerprintOf("monstes"))
    })
  )
})
