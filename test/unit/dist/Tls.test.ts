import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { createConnection, type Socket } from "node:net"
import { createServer, type TlsOptions as ServerOptions } from "node:tls"
import { connect } from "../../../src/dist/Link.ts"
import { alertProblem, isFor, materialProblem, type TlsOptions, type TlsSeen } from "../../../src/dist/Tls.ts"
import { Transport } from "../../../src/dist/Transport.ts"
import { type Certificate, type Claims, makeAuthority, selfSigned } from "../../support/Certificates.ts"
import { eventually } from "../../support/eventually.ts"
import { packet, serve } from "../../support/FakePeer.ts"

const authority = makeAuthority("test authority")
const stranger = makeAuthority("another authority")
const minute = 60_000
const ago = new Date(Date.now() - minute)
const soon = new Date(Date.now() + minute)
const fitting = { commonName: "node", dnsNames: ["127.0.0.1"] }
const good = authority.issue(fitting)
const trusting = { ca: authority.cert }

/** A TLS server of Node's on loopback; what it is sent over TLS is kept, and answered with a refusal. */
const serveTls = (options: ServerOptions) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const received: Array<Buffer> = []
      const sockets = new Set<Socket>()
      let secured = 0
      const server = createServer(options, (socket) => {
        secured++
        socket.on("error", () => {})
        socket.on("data", (chunk: Buffer) => {
          received.push(chunk)
          socket.write(Buffer.concat([Buffer.from([0, 0, 0, 12]), Buffer.from("snot_allowed")]))
        })
      })
      server.on("connection", (socket) => {
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket))
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const address = server.address()
      if (address === null || typeof address === "string") throw new Error("no port")
      const stop = () => {
        for (const socket of sockets) socket.destroy()
        server.close()
      }
      return { port: address.port, received, secured: () => secured, sockets, stop }
    }),
    ({ stop }) => Effect.sync(stop)
  )

const whyNot = (port: number, tls?: TlsOptions, timeoutMillis = 5_000) =>
  Effect.scoped(
    connect({
      node: "app@127.0.0.1",
      address: { host: "127.0.0.1", port },
      cookie: Redacted.make("cookie"),
      timeoutMillis,
      ...(tls && { tls })
    })
  ).pipe(
    Effect.flip,
    Effect.map(({ message, reason }) => ({ message, reason }))
  )

const whyNotAt = (server: ServerOptions, tls: TlsOptions) =>
  Effect.flatMap(serveTls(server), ({ port }) => whyNot(port, tls))

/** As a certificate has it. */
const wholeSeconds = (date: Date) => date.toISOString().replace(/\.\d+Z$/u, ".000Z")

/**
 * A certificate with another time. Its signature is wrong then, which nobody checks of an authority that is trusted as
 * it stands.
 */
const retimed = (cert: string, { notAfter, notBefore }: { readonly notAfter?: Date; readonly notBefore?: Date }) => {
  const times = [notBefore, notAfter]
  const der = new X509Certificate(cert).raw.toString("latin1").replaceAll(
    /\d{14}Z/gu,
    (time) =>
      times
        .shift()
        ?.toISOString()
        .replaceAll(/[-:T]|\.\d+/gu, "") ?? time
  )
  const base64 = Buffer.from(der, "latin1").toString("base64")
  return `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{64}/gu, "$&\n")}\n-----END CERTIFICATE-----\n`
}

const asClient = ({ cert, key }: Certificate) => ({ cert, key: Redacted.make(key) })

describe("a link over TLS", () => {
  it.live.each(["TLSv1.2", "TLSv1.3"] as const)("speaks %s, and frames its handshake with four bytes", (version) =>
    Effect.gen(function* () {
      const { port, received } = yield* serveTls({ ...good, minVersion: version, maxVersion: version })
      expect((yield* whyNot(port, trusting)).reason).toEqual({ _tag: "NotAllowed" })
      const opening = Buffer.concat(received)
      expect(opening.readUInt32BE(0)).toBe(opening.length - 4)
      expect(opening.toString("latin1", 4, 5)).toBe("N")
    })
  )

  it.live.each(["TLSv1.2", "TLSv1.3"] as const)(
    "of %s tells all bytes that it took, those of our certificate, too",
    (version) =>
      Effect.gen(function* () {
        const asking = { requestCert: true, ca: authority.cert, minVersion: version, maxVersion: version }
        const { port, secured } = yield* serveTls({ ...good, ...asking })
        let passed = 0
        const front = yield* serve((socket) => {
          const far = createConnection(port, "127.0.0.1")
          far.on("error", () => {})
          socket.on("data", (chunk: Buffer) => {
            passed += chunk.length
            far.write(chunk)
          })
          far.pipe(socket)
        })
        let seen: TlsSeen = {}
        const securing = {
          options: { ...trusting, ...asClient(good) },
          serverName: "127.0.0.1",
          onSeen: (it: TlsSeen) => void (seen = it)
        }
        yield* (yield* Transport).dial({ host: "127.0.0.1", port: front }, 5_000, securing)
        expect(seen.agreed?.protocol).toBe(version)
        // Then our part of TLS has come, and nothing else is sent.
        yield* eventually(Effect.sync(() => secured() === 1))
        expect(seen.wire!.sentBytes).toBe(passed)
      }).pipe(Effect.scoped)
  )

  it.live("sends nothing to a node whose certificate will not do", () =>
    Effect.gen(function* () {
      const { port, received, sockets } = yield* serveTls(stranger.issue(fitting))
      expect((yield* whyNot(port, trusting)).reason._tag).toBe("TlsCertificate")
      yield* eventually(Effect.sync(() => sockets.size === 0))
      expect(received).toEqual([])
    })
  )

  const expired = authority.issue({ ...fitting, notAfter: ago })
  const early = authority.issue({ ...fitting, notBefore: soon })
  const own = selfSigned(fitting)
  it.live.each([
    ["that has expired", expired, "expired", `it was valid until ${wholeSeconds(ago)}, and by the clock here`],
    [
      "that is not valid yet",
      early,
      "not_yet_valid",
      `it is valid from ${wholeSeconds(soon)} on, and by the clock here`
    ],
    [
      "of an authority that we do not know",
      stranger.issue(fitting),
      "unknown_authority",
      "it is that of CN=node, signed by CN=another authority"
    ],
    ["that nobody has signed", own, "self_signed", "it is that of CN=node"],
    [
      "for another name",
      authority.issue({ dnsNames: ["a.example", "b.example"] }),
      "name_mismatch",
      "it is for DNS:a.example, DNS:b.example, not for 127.0.0.1"
    ],
    [
      "for another address",
      authority.issue({ commonName: "127.0.0.1", ipAddresses: ["127.0.0.2"] }),
      "name_mismatch",
      "it is for IP Address:127.0.0.2, not for 127.0.0.1"
    ],
    [
      "that has its host as a common name alone",
      authority.issue({ commonName: "127.0.0.1" }),
      "common_name_only",
      "it is that of CN=127.0.0.1"
    ]
  ] as ReadonlyArray<readonly [string, Certificate, string, string]>)(
    "is not made to a node with a certificate %s, unless told to",
    ([, certificate, problem, detail]) =>
      Effect.gen(function* () {
        const { message, reason } = yield* whyNotAt(certificate, trusting)
        expect(reason).toEqual({ _tag: "TlsCertificate", problem, detail: expect.stringContaining(detail) })
        expect(message).toContain(detail)
        expect((yield* whyNotAt(certificate, { ...trusting, insecure: true })).reason).toEqual({ _tag: "NotAllowed" })
      })
  )

  it.live("trusts the authorities of Node.js where none is given, and a certificate that is its own authority", () =>
    Effect.gen(function* () {
      expect((yield* whyNotAt(good, {})).reason).toMatchObject({ problem: "unknown_authority" })
      expect((yield* whyNotAt(own, { ca: own.cert })).reason).toEqual({ _tag: "NotAllowed" })
    })
  )

  it.live("is made to an address that the certificate has as one", () =>
    Effect.gen(function* () {
      const addressed = authority.issue({ commonName: "node", ipAddresses: ["127.0.0.1"] })
      expect((yield* whyNotAt(addressed, trusting)).reason).toEqual({ _tag: "NotAllowed" })
    })
  )

  it.live("names the authority that lacks, where one on the way to it was given or sent", () =>
    Effect.gen(function* () {
      const between = authority.appoint("between")
      const below = between.appoint("below")
      const leaf = below.issue(fitting)
      const detail = "it is that of CN=node, signed by CN=below, on the way to CN=test authority"
      const sent = { ...leaf, cert: leaf.cert + below.cert + between.cert }
      for (const [shown, ca] of [
        [sent, stranger.cert],
        [{ ...sent, cert: sent.cert + authority.cert }, stranger.cert]
      ] as const) {
        const { message, reason } = yield* whyNotAt(shown, { ca })
        expect(reason).toEqual({ _tag: "TlsCertificate", problem: "unknown_authority", detail })
        expect(message).toContain("of the authority that is named last (--tls-ca)")
      }
      expect((yield* whyNotAt(sent, trusting)).reason).toEqual({ _tag: "NotAllowed" })
    })
  )

  it.live("says that a node leaves out a certificate on the way, and that both are needed until it sends that", () =>
    Effect.gen(function* () {
      const between = authority.appoint("between")
      const leaf = between.issue(fitting)
      const told = "it is that of CN=node, signed by CN=between"
      const both = "has to hold both: the certificate that is left out, and that of the authority at the end of the way"
      const byRoot = yield* whyNotAt(leaf, trusting)
      expect(byRoot.reason).toEqual({ _tag: "TlsCertificate", problem: "unknown_authority", detail: told })
      const byBetween = yield* whyNotAt(leaf, { ca: between.cert })
      expect(byBetween.reason).toEqual({
        _tag: "TlsCertificate",
        problem: "incomplete_chain",
        detail: `without that of CN=between; ${told}, on the way to CN=test authority`
      })
      for (const { message } of [byRoot, byBetween]) {
        expect(message).toContain("its certfile has to hold the chain")
        expect(message).toContain(both)
      }
      expect((yield* whyNotAt(leaf, { ca: between.cert + authority.cert })).reason).toEqual({ _tag: "NotAllowed" })
      const chain = { ...leaf, cert: leaf.cert + between.cert }
      expect((yield* whyNotAt(chain, trusting)).reason).toEqual({ _tag: "NotAllowed" })
    })
  )

  it.live("says of a certificate for clients alone what it is for, and what it lacks", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* whyNotAt(authority.issue({ ...fitting, uses: ["clientAuth"] }), trusting)
      expect(reason).toEqual({
        _tag: "TlsCertificate",
        problem: "not_for_servers",
        detail: "the extendedKeyUsage of CN=node is clientAuth"
      })
      expect(message).toContain("Have one made whose extendedKeyUsage has serverAuth")
      const fit = authority.issue({ ...fitting, uses: ["serverAuth", "clientAuth"] })
      expect((yield* whyNotAt(fit, trusting)).reason).toEqual({ _tag: "NotAllowed" })
    })
  )

  it.live("says of an authority on the way what it is for, where that is not servers, or not to sign", () =>
    Effect.gen(function* () {
      const clients = authority.appoint("clients", { uses: ["clientAuth"] })
      const issued = clients.issue(fitting)
      const { reason } = yield* whyNotAt({ ...issued, cert: issued.cert + clients.cert }, trusting)
      expect(reason).toEqual({
        _tag: "TlsCertificate",
        problem: "not_for_servers",
        detail: "the extendedKeyUsage of the authority's, which signed it, that of CN=clients is clientAuth"
      })
      const none = authority.appoint("nobody", {}, false)
      const signed = none.issue(fitting)
      const why = yield* whyNotAt({ ...signed, cert: signed.cert + none.cert }, trusting)
      expect(why.reason).toEqual({
        _tag: "TlsCertificate",
        problem: "no_authority",
        detail: "that is CN=nobody"
      })
      expect(why.message).toContain("Have an authority made that is one")
    })
  )

  it.live("says of an authority that was given that it has only the name of the one that signed", () =>
    Effect.gen(function* () {
      const old = makeAuthority("test authority")
      const replaced = { _tag: "TlsCertificate", problem: "authority_replaced" }
      for (const cert of [good.cert, good.cert + authority.cert]) {
        const { message, reason } = yield* whyNotAt({ ...good, cert }, { ca: stranger.cert + old.cert })
        const { fingerprint256 } = new X509Certificate(old.cert)
        expect(reason).toEqual({ ...replaced, detail: expect.stringContaining(`fingerprint ${fingerprint256}`) })
        expect(message).toContain("it is signed by CN=test authority, and not with the key of the one of that name")
      }
      const between = authority.appoint("between").issue(fitting)
      expect((yield* whyNotAt(between, { ca: old.cert })).reason).toMatchObject({ problem: "unknown_authority" })
      // Where the one of now is given, too, it has to come first.
      expect((yield* whyNotAt(good, { ca: authority.cert + old.cert })).reason).toEqual({ _tag: "NotAllowed" })
      const { message } = yield* whyNotAt(good, { ca: old.cert + authority.cert })
      expect(message).toContain("in place of the old one or before it in the file")
    })
  )

  it.live("says of an authority that was given that its time is over, or to come, and not of what it signed", () =>
    Effect.gen(function* () {
      const old = retimed(authority.cert, { notAfter: ago })
      const { message, reason } = yield* whyNotAt(good, { ca: stranger.cert + old })
      expect(reason).toEqual({
        _tag: "TlsCertificate",
        problem: "authority_not_valid_now",
        detail: expect.stringContaining(`that of CN=test authority was valid until ${wholeSeconds(ago)}, and by`)
      })
      expect(message).toContain("an authority given with --tls-ca has expired")
      expect((yield* whyNotAt(good, { ca: retimed(authority.cert, { notBefore: soon }) })).reason).toEqual({
        _tag: "TlsCertificate",
        problem: "authority_not_valid_now",
        detail: expect.stringContaining(`that of CN=test authority is valid from ${wholeSeconds(soon)} on, and by`)
      })
    })
  )

  it.live("checks the certificate for the server's name that is given", () =>
    Effect.gen(function* () {
      const named = authority.issue({ dnsNames: ["*.example"] })
      expect((yield* whyNotAt(named, { ...trusting, serverName: "b.example" })).reason).toMatchObject({
        problem: "name_mismatch"
      })
      expect((yield* whyNotAt(named, { ...trusting, serverName: "*.example" })).reason).toEqual({ _tag: "NotAllowed" })
    })
  )

  it.live.each(["TLSv1.2", "TLSv1.3"] as const)("says that a certificate of ours is wanted, in %s", (version) =>
    Effect.gen(function* () {
      const mutual = { ...good, ...trusting, requestCert: true, minVersion: version, maxVersion: version }
      expect((yield* whyNotAt(mutual, trusting)).reason).toEqual({ _tag: "TlsClientCertificateWanted" })
      const ours = asClient(authority.issue({ commonName: "us" }))
      expect((yield* whyNotAt(mutual, { ...trusting, ...ours })).reason).toEqual({ _tag: "NotAllowed" })
    })
  )

  it.live("says of a certificate whose key is too small how large that is", () =>
    Effect.gen(function* () {
      const small = authority.issue({ ...fitting, rsaBits: 1_024 })
      const { reason } = yield* whyNotAt({ ...small, ciphers: "DEFAULT@SECLEVEL=0" }, trusting)
      expect(reason).toEqual({
        _tag: "TlsCertificate",
        problem: "invalid",
        detail: "it has an RSA key of 1024 bits; at least 2048 are asked for here"
      })
    }).pipe(Effect.scoped)
  )

  it.live("says that there is no version in common", () =>
    Effect.gen(function* () {
      const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const
      expect((yield* whyNotAt({ ...good, ...old }, trusting)).reason).toEqual({ _tag: "TlsVersion" })
    })
  )

  it.live("tells a lack of common ciphers from a certificate that is wanted", () =>
    Effect.gen(function* () {
      const other = { maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-GCM-SHA256" } as const
      expect((yield* whyNotAt({ ...good, ...other }, trusting)).reason).toEqual({
        _tag: "TlsFailed",
        detail: expect.stringMatching(/^it ended it with alert 40 \(.*handshake failure\)$/u),
        alert: 40
      })
    })
  )

  it.live("is not made to what does not speak TLS", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"))
      const { message, reason } = yield* whyNot(port, trusting)
      const isNotTls = { _tag: "TlsFailed", detail: "what it sends is not TLS", isNotTls: true }
      expect(reason).toEqual({ ...isNotTls, seen: 'the text "SSH-2.0-OpenSSH_9.2"' })
      expect(message).toBe(
        'what listens at the address of app@127.0.0.1 is no Erlang node with TLS: what it sends is not TLS (asked without, it sent the text "SSH-2.0-OpenSSH_9.2"). Check the host and the port.'
      )
    })
  )

  it.live.each<[string, string | Buffer, object]>([
    [
      "in its own words",
      "HTTP/1.1 400 Bad Request\r\n",
      { _tag: "TlsFailed", seen: 'the text "HTTP/1.1 400 Bad Request"' }
    ],
    ["as a node without TLS", packet("snot_allowed"), { _tag: "WantsPlain" }]
  ])("says what answers %s where it is asked without TLS", ([, answer, expected]) =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => socket.once("data", () => socket.end(answer)))
      const { reason } = yield* whyNot(port, trusting)
      expect(reason).toMatchObject(expected)
    })
  )

  it.live("says nothing of what it heard where it heard nothing", () =>
    Effect.gen(function* () {
      let asked = 0
      const port = yield* serve((socket) => asked++ === 0 && socket.write("HTTP/1.1 400 Bad Request\r\n"))
      const { message, reason } = yield* whyNot(port, trusting, 500)
      expect(reason).toEqual({ _tag: "TlsFailed", detail: "what it sends is not TLS", isNotTls: true })
      expect(message).toContain("what it sends is not TLS. Check the host")
    })
  )

  it.live("is not made to what closes the connection", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => socket.once("data", () => socket.destroy()))
      expect((yield* whyNot(port, trusting)).reason).toEqual({
        _tag: "TlsFailed",
        detail: "it closed the connection",
        isCut: true
      })
    })
  )

  it.live("takes no longer than it may where nothing is answered", () =>
    Effect.gen(function* () {
      const port = yield* serve(() => {})
      const { reason } = yield* whyNot(port, trusting, 200)
      expect(reason).toMatchObject({ _tag: "Timeout", phase: "tls" })
      expect(reason._tag === "Timeout" && reason.millis).toBeLessThanOrEqual(200)
    })
  )

  it.live("says that a node which waits for the rest of a packet speaks without TLS", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) =>
        socket.once("data", (head: Buffer) => head.readUInt16BE(0) < 2048 && socket.write(packet("snot_allowed")))
      )
      const { message, reason } = yield* whyNot(port, trusting, 300)
      expect(reason).toEqual({ _tag: "WantsPlain" })
      // Whoever is in between can have it look so: nobody is to be led to do without TLS by that.
      expect(message).toMatch(
        /not one with TLS\. Start the node with TLS \(.*\)\. Something in between .* can answer so too/u
      )
    })
  )
})

describe("a link without TLS", () => {
  it.live("is told that the node wants it, by one that answers with an alert, and by one that only closes", () =>
    Effect.gen(function* () {
      const { port } = yield* serveTls(good)
      // What shows a certificate may be a web server as well.
      const { message, reason } = yield* whyNot(port)
      expect(reason).toEqual({ _tag: "WantsTls", holder: "CN=node" })
      expect(message).toMatch(/certificate is that of CN=node.*If it is the node, .*--tls.*; another server/u)
      const silent = yield* serve((socket) =>
        socket.once("data", (head: Buffer) =>
          // To a greeting of TLS, the alert of a server that shares no version.
          head[0] === 0x16 ? socket.end(Uint8Array.of(0x15, 3, 3, 0, 2, 2, 70)) : socket.end()
        )
      )
      expect((yield* whyNot(silent)).reason).toEqual({ _tag: "WantsTls" })
    })
  )

  it.live.each([40, 80])("is told so by a node that closes, and ends TLS with alert %i", (alert) =>
    Effect.gen(function* () {
      const port = yield* serve((socket) =>
        socket.once("data", (head: Buffer) =>
          head[0] === 0x16 ? socket.end(Uint8Array.of(0x15, 3, 3, 0, 2, 2, alert)) : socket.end()
        )
      )
      expect((yield* whyNot(port)).reason).toEqual({ _tag: "WantsTls" })
    })
  )

  it.live("does not take for TLS what closes whatever comes", () =>
    Effect.gen(function* () {
      const port = yield* serve((socket) => socket.once("data", () => socket.end()))
      expect((yield* whyNot(port)).reason).toEqual({ _tag: "ClosedInHandshake", stage: "status" })
    })
  )
})

describe("our certificate", () => {
  const ours = authority.issue({ commonName: "us" })
  const key = Redacted.make(ours.key)
  it.each<[string, TlsOptions, "ca" | "cert" | "key" | undefined]>([
    ["with its key", { ...trusting, cert: ours.cert, key }, undefined],
    ["and its key in one text", { cert: ours.cert + ours.key }, undefined],
    ["without a key", { cert: ours.cert }, "key"],
    ["that is none", { cert: "none", key }, "cert"],
    ["that is not there, but its key", { key }, "cert"],
    ["with a key that is none", { cert: ours.cert, key: Redacted.make("none") }, "key"],
    ["with the key of another", { cert: ours.cert, key: Redacted.make(good.key) }, "key"],
    ["from an authority that is none", { ca: "none" }, "ca"]
  ])("%s", (_, options, part) => {
    const problem = materialProblem(options)
    if (part === undefined) expect(problem).toBeUndefined()
    else expect(problem).toMatchObject({ _tag: "TlsMaterial", part })
    expect(JSON.stringify(problem ?? {})).not.toContain("PRIVATE")
  })

  it.live("is looked at before anything is dialled", () =>
    Effect.gen(function* () {
      expect((yield* whyNot(1, { cert: "none" })).reason).toMatchObject({ _tag: "TlsMaterial", part: "cert" })
    })
  )

  it.each([
    [42, "bad"],
    [45, "expired"],
    [46, "does not say what"],
    [48, "authority"],
    [49, "not allowed"]
  ])("is refused by alert %i, in words", (alert, words) => {
    const error = new Error(`0:error:0A000000:SSL routines:f:text:file.c:1:SSL alert number ${alert}\n`)
    expect(alertProblem(error, { cert: ours.cert }, true)).toMatchObject({
      _tag: "TlsClientCertificateRefused",
      detail: expect.stringContaining(words)
    })
    // Without one of ours it cannot be ours that is meant.
    expect(alertProblem(error, {}, false)?._tag).toBe("TlsFailed")
  })
})

it("says what a node may lack that ends TLS for want of security", () => {
  const error = new Error("0:error:0A000000:SSL routines:f:insufficient security:file.c:1:SSL alert number 71\n")
  expect(alertProblem(error, {}, false)).toMatchObject({
    _tag: "TlsFailed",
    alert: 71,
    detail: expect.stringContaining("a certificate signed with SHA-1 is not, and has to be made anew")
  })
})

const certificate = (claims: Claims) => new X509Certificate(authority.issue(claims).cert)
const fits = (host: string, to: X509Certificate) => isFor({ options: {}, serverName: host }, to)
const fitsAsGiven = (host: string, to: X509Certificate) =>
  isFor({ options: { serverName: host }, serverName: host }, to)

describe("the name on a certificate", () => {
  it("is one of its DNS names, whatever characters a name has", () => {
    const names = ["A.example", 'quote",DNS:evil.example', "comma, DNS:worse.example", "127.0.0.1"]
    const named = certificate({ commonName: "common.example", dnsNames: names })
    for (const name of names) expect(fits(name, named)).toBe(true)
    expect(fits("a.EXAMPLE", named)).toBe(true)
    for (const name of ["evil.example", "worse.example", "common.example", ""]) {
      expect(fits(name, named)).toBe(false)
      expect(fitsAsGiven(name, named)).toBe(false)
    }
  })

  it("is one of its addresses where the host is written as one, however that is", () => {
    const addressed = certificate({ commonName: "10.0.0.1", ipAddresses: ["127.0.0.1", "::1", "2001:db8::7"] })
    for (const host of ["127.0.0.1", "::1", "0:0:0:0:0:0:0:1", "2001:DB8:0::7"]) {
      expect(fits(host, addressed)).toBe(true)
      expect(fitsAsGiven(host, addressed)).toBe(true)
    }
    for (const host of [
      "10.0.0.1",
      "127.0.0.2",
      "127.1",
      "::2",
      "::ffff:127.0.0.1",
      "localhost",
      "",
      "IP Address:127.0.0.1",
      "127.0.0.1\0x"
    ])
      expect(fits(host, addressed)).toBe(false)
    // Written as a name it is one, up to OTP 26.
    expect(fits("127.0.0.1", certificate({ dnsNames: ["127.0.0.1"], ipAddresses: ["127.0.0.2"] }))).toBe(true)
  })

  it("is its common name where it has no other, and only where that was given", () => {
    const common = certificate({ commonName: "common.example" })
    expect(fits("common.example", common)).toBe(false)
    expect(fitsAsGiven("Common.example", common)).toBe(true)
    expect(fitsAsGiven("other.example", common)).toBe(false)
    expect(fitsAsGiven("", certificate({}))).toBe(false)
  })
})
