import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { X509Certificate } from "node:crypto"
import { isIP } from "node:net"
import type { Duplex } from "node:stream"
import { TLSSocket } from "node:tls"
import { connect, type TlsOptions } from "../../src/dist/index.ts"
import { isFor } from "../../src/dist/Tls.ts"
import { Transport } from "../../src/dist/Transport.ts"
import { equal } from "../../src/etf/Equal.ts"
import { joinNode } from "../../src/node/index.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { type Certificate, type Claims, makeAuthority, selfSigned } from "../support/Certificates.ts"
import { eventually } from "../support/eventually.ts"
import * as TlsNode from "../support/TlsNode.ts"

const epmdPort = Number(process.env["ERL_EPMD_PORT"])
const authority = makeAuthority("test authority")
const stranger = makeAuthority("another authority")
const certificate = authority.issue({ commonName: "node", dnsNames: ["127.0.0.1"] })
const trusting: TlsOptions = { ca: authority.cert }
const asClient = ({ cert, key }: Certificate): TlsOptions => ({ ...trusting, cert, key: Redacted.make(key) })
const ours = asClient(authority.issue({ commonName: "us" }))
const ago = new Date(Date.now() - 60_000)

const target = (node: { readonly name: string; readonly cookie: string }, tls?: TlsOptions) => ({
  cookie: Redacted.make(node.cookie),
  epmdPort,
  ...(tls && { tls })
})

/** Why there is no link; 3 s are enough to be told, and more than a node without TLS is waited for. */
const whyNot = (node: { readonly name: string; readonly cookie: string }, tls?: TlsOptions) =>
  Effect.scoped(connect({ node: node.name, ...target(node, tls), timeoutMillis: 3_000 })).pipe(
    Effect.flip,
    Effect.map(({ reason }) => reason)
  )

/** The version of TLS that a link speaks. */
const versionTo = (node: BeamNode.BeamNode, tls: TlsOptions) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    let stream: Duplex | undefined
    const dial = (...to: Parameters<typeof transport.dial>) =>
      Effect.tap(transport.dial(...to), (dialled) => Effect.sync(() => (stream = dialled)))
    return yield* connect({ node: node.name, ...target(node, tls) }).pipe(
      Effect.map(() => (stream instanceof TLSSocket ? stream.getProtocol() : undefined)),
      Effect.provideService(Transport, { ...transport, dial }),
      Effect.scoped
    )
  })

describe.each(BeamNode.otpReleases())("a link over TLS to OTP $otp", ({ otp }) => {
  it.live("carries calls and replies of many records, and is closed in peace", () =>
    Effect.gen(function* () {
      const node = yield* TlsNode.start({ otp, certificate })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const us = yield* joinNode({ name: node.name, ...target(node, trusting) })
          expect(us.capabilities.otpRelease).toBe(Number(otp))
          const long = yield* us.call("lists", "seq", [1, 300_000])
          const back = yield* us.call("lists", "reverse", [yield* us.call("lists", "reverse", [long])])
          expect(equal(back, long)).toBe(true)
          const many = Array.from({ length: 200 }, (_, number) => us.call("erlang", "abs", [-number]))
          expect(yield* Effect.all(many, { concurrency: "unbounded" })).toEqual(many.map((_, number) => number))
        })
      )
      yield* eventually(
        Effect.map(
          Effect.promise(() => node.evaluate("nodes(connected)")),
          (nodes) => nodes === "[]"
        )
      )
      expect(node.log()).toBe("")
    })
  )

  it.live.each([
    ["tlsv1.2", "TLSv1.2"],
    ["tlsv1.3", "TLSv1.3"]
  ] as const)("speaks %s where the node speaks nothing else, and shows it a certificate", ([version, spoken]) =>
    Effect.gen(function* () {
      const node = yield* TlsNode.start({ otp, certificate, clientAuthority: authority.cert, versions: [version] })
      expect(yield* versionTo(node, ours)).toBe(spoken)
      // TLS 1.3 tells us of this when TLS is long up on our side.
      expect(yield* whyNot(node, trusting)).toEqual({ _tag: "TlsClientCertificateWanted" })
      expect(yield* whyNot(node, asClient(stranger.issue({ commonName: "us" })))).toEqual({
        _tag: "TlsClientCertificateRefused",
        detail: "it does not know the authority that signed it"
      })
      expect(yield* whyNot(node, asClient(authority.issue({ commonName: "us", notAfter: ago })))).toEqual({
        _tag: "TlsClientCertificateRefused",
        detail: "it has expired, or is not valid yet"
      })
      expect(yield* whyNot(node, asClient(selfSigned({ commonName: "us" })))).toEqual({
        _tag: "TlsClientCertificateRefused",
        detail: "it calls it bad"
      })
      expect(yield* whyNot({ ...node, cookie: "not the cookie" }, ours)).toEqual({ _tag: "CookieRejected" })
    })
  )

  it.live.each<[string, Certificate, string]>([
    ["has expired", authority.issue({ dnsNames: ["127.0.0.1"], notAfter: ago }), "expired"],
    ["is of an unknown authority", stranger.issue({ dnsNames: ["127.0.0.1"] }), "unknown_authority"],
    ["is for another name", authority.issue({ dnsNames: ["a.example"] }), "name_mismatch"]
  ])("is not made where the node's certificate %s, unless told to", ([, shown, problem]) =>
    Effect.gen(function* () {
      const node = yield* TlsNode.start({ otp, certificate: shown })
      expect(yield* whyNot(node, trusting)).toMatchObject({ _tag: "TlsCertificate", problem })
      expect(yield* versionTo(node, { ...trusting, insecure: true })).toMatch(/^TLSv1\.[23]$/u)
    })
  )

  it.live.each<[string, Claims, boolean, boolean]>([
    ["has that as a name, as nodes want it up to OTP 26", { dnsNames: ["127.0.0.1"] }, true, true],
    ["has that as an address, as they do from OTP 27 on", { ipAddresses: ["127.0.0.1"] }, true, false],
    ["has another address", { ipAddresses: ["127.0.0.2"] }, false, false]
  ])("is made to an address where the certificate %s", ([, claims, isMade, isOld]) =>
    Effect.gen(function* () {
      const node = yield* TlsNode.start({ otp, certificate: authority.issue({ commonName: "127.0.0.1", ...claims }) })
      const link = yield* Effect.exit(versionTo(node, trusting))
      expect(Exit.isSuccess(link)).toBe(isMade)
      const [short] = node.name.split("@")
      const pem = Buffer.from(authority.cert).toString("base64")
      // As inet_tls_dist asks another node.
      const theirs = yield* Effect.promise(() =>
        node.evaluate(`
          {ok, _} = application:ensure_all_started(ssl),
          [{_, Der, _}] = public_key:pem_decode(base64:decode("${pem}")),
          {port, Port, _} = erl_epmd:port_please("${short}", "127.0.0.1"),
          Options = [{verify, verify_peer}, {cacerts, [Der]}, {server_name_indication, "127.0.0.1"}],
          element(1, ssl:connect("127.0.0.1", Port, Options))`)
      )
      expect(theirs).toBe(isMade && isOld === Number(otp) < 27 ? "ok" : "error")
    })
  )

  it.live("is not made to a node that speaks only versions which are broken", () =>
    Effect.gen(function* () {
      const node = yield* TlsNode.start({ otp, certificate, versions: ["tlsv1.1"] })
      expect(yield* whyNot(node, trusting)).toEqual({ _tag: "TlsVersion" })
    })
  )

  it.live("is what a node wants that does not take a plain one", () =>
    Effect.gen(function* () {
      expect(yield* whyNot(yield* TlsNode.start({ otp, certificate }))).toMatchObject({ _tag: "WantsTls" })
    })
  )

  it.live("is not what a plain node wants, and asking it leaves nothing behind", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      expect(yield* whyNot(node, trusting)).toEqual({ _tag: "WantsPlain" })
      expect(yield* Effect.promise(() => node.evaluate("nodes(connected)"))).toBe("[]")
      expect(node.log()).toBe("")
    })
  )

  it.live("is not made to a node that is stuck, and the time for it is kept", () =>
    Effect.gen(function* () {
      const node = yield* TlsNode.start({ otp, certificate })
      yield* Effect.promise(node.freeze)
      expect(yield* whyNot(node, trusting)).toMatchObject({ _tag: "Timeout", phase: "tls" })
      node.thaw()
    })
  )

  it.live("takes a certificate for a name where the node itself would", () =>
    Effect.gen(function* () {
      const node = yield* BeamNode.start({ otp })
      const disagreements: Array<unknown> = []
      for (const claims of claimed) {
        const { cert } = authority.issue(claims)
        const der = new X509Certificate(cert).raw.toString("base64")
        for (const host of hosts) {
          // Up to OTP 26 an address is a name, from 27 on it is none: what one of them takes is taken.
          const ids = [`{dns_id, "${host}"}`, ...(isIP(host) === 0 ? [] : [`{ip, "${host}"}`])]
          const theirs = yield* Effect.promise(() =>
            node.evaluate(`public_key:pkix_verify_hostname(base64:decode("${der}"), [${ids.join(", ")}])`)
          )
          const own = String(isFor({ options: {}, serverName: host }, new X509Certificate(cert)))
          if (own !== theirs) disagreements.push({ claims, host, own, theirs })
        }
      }
      expect(disagreements).toEqual([])
    })
  )
})

const hosts = [
  "127.0.0.1",
  "::1",
  "127.1",
  "a.example",
  "A.EXAMPLE",
  "b.a.example",
  "*.example",
  "example",
  "localhost",
  "xay.example"
]

// Without alternative names, patched releases and older ones differ: those fall back on the common name.
const claimed: ReadonlyArray<Claims> = [
  ...[
    "127.0.0.1",
    "::1",
    "a.example",
    "A.Example",
    "*.example",
    "*.a.example",
    "x*y.example",
    "*",
    "localhost"
  ].flatMap((name) => [{ dnsNames: [name] }, { commonName: name, dnsNames: ["other.example"] }]),
  { commonName: "127.0.0.1", ipAddresses: ["127.0.0.1"] },
  { commonName: "a.example", ipAddresses: ["127.0.0.1"] },
  { commonName: "a.example", ipAddresses: ["127.0.0.2", "::1"] },
  { dnsNames: ["127.0.0.1"], ipAddresses: ["127.0.0.2"] },
  { dnsNames: ["a.example", "127.0.0.1"] }
]
