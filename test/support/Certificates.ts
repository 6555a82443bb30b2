import { Buffer } from "node:buffer"
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"
import { isIP } from "node:net"

/** A certificate and its private key, as PEM texts. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** What a certificate says. */
export interface Claims {
  /** Of its key; without, that is one on an elliptic curve. */
  readonly rsaBits?: number
  /** The common name of its subject. Default: none. */
  readonly commonName?: string
  readonly dnsNames?: ReadonlyArray<string>
  readonly ipAddresses?: ReadonlyArray<string>
  /** What it is for (`extendedKeyUsage`). Default: it does not say. */
  readonly uses?: ReadonlyArray<keyof typeof uses>
  /** Default: an hour ago. */
  readonly notBefore?: Date
  /** Default: in an hour. */
  readonly notAfter?: Date
}

/** Who signs certificates. */
export interface Authority extends Certificate {
  readonly issue: (claims: Claims) => Certificate
  /** Another authority, whose own certificate is signed by this one; what that says, beside its name. */
  readonly appoint: (commonName: string, claims?: Claims, isAuthority?: boolean) => Authority
}

/** RFC 5280 §4.2.1.12. */
const uses = { serverAuth: "2b06010505070301", clientAuth: "2b06010505070302" }

// Just enough of DER (X.690) and of X.509 (RFC 5280) for certificates with EC keys.
const der = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(parts)
  const length = content.length
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...head), content])
}
const sequence = (...parts: ReadonlyArray<Uint8Array>): Buffer => der(0x30, ...parts)
const octets = (content: Uint8Array): Buffer => der(0x04, content)
const bits = (content: Uint8Array): Buffer => der(0x03, Uint8Array.of(0), content)
const yes = der(0x01, Uint8Array.of(0xff))
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, "hex"))
const time = (date: Date): Buffer =>
  der(0x18, Buffer.from(`${date.toISOString().replaceAll(/[-:T]|\.\d+Z$/gu, "")}Z`, "latin1"))

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"))
const name = (commonName: string | undefined): Buffer =>
  commonName === undefined
    ? sequence()
    : sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(commonName, "utf8")))))
const extension = (id: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(oid(id), ...(critical ? [yes] : []), octets(value))

const addressBytes = (address: string): Uint8Array => {
  if (isIP(address) === 4) return Uint8Array.from(address.split(".").map(Number))
  const [before = [], after = []] = address.split("::").map((words) => words.split(":").filter((word) => word !== ""))
  const left = 8 - before.length - after.length
  const bytes = Buffer.alloc(16)
  const words = [...before, ...Array.from({ length: left }, () => "0"), ...after]
  for (const [at, word] of words.entries()) bytes.writeUInt16BE(Number.parseInt(word, 16), 2 * at)
  return bytes
}

const certify = (
  claims: Claims,
  subjectKey: KeyObject,
  issuer: { readonly commonName: string | undefined; readonly key: KeyObject },
  isAuthority: boolean
): string => {
  const hour = 3_600_000
  const { dnsNames = [], ipAddresses = [] } = claims
  const names = [
    ...dnsNames.map((name) => der(0x82, Buffer.from(name, "latin1"))),
    ...ipAddresses.map((address) => der(0x87, addressBytes(address)))
  ]
  const extensions = [
    extension("551d13", true, isAuthority ? sequence(yes) : sequence()),
    // keyCertSign and cRLSign; or digitalSignature.
    extension("551d0f", true, der(0x03, isAuthority ? Uint8Array.of(1, 0x06) : Uint8Array.of(7, 0x80))),
    ...(claims.uses === undefined
      ? []
      : [extension("551d25", false, sequence(...claims.uses.map((use) => oid(uses[use]))))]),
    ...(names.length > 0 ? [extension("551d11", claims.commonName === undefined, sequence(...names))] : [])
  ]
  const content = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(1), randomBytes(8)),
    ecdsaWithSha256,
    name(issuer.commonName),
    sequence(
      time(claims.notBefore ?? new Date(Date.now() - hour)),
      time(claims.notAfter ?? new Date(Date.now() + hour))
    ),
    name(claims.commonName),
    subjectKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions))
  )
  const signed = sequence(content, ecdsaWithSha256, bits(sign("sha256", content, issuer.key)))
  const lines = signed.toString("base64").match(/.{1,64}/gu) ?? []
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n")
}

const newKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" })
const keyText = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString()

/** An authority that nobody knows yet. */
export const makeAuthority = (commonName: string): Authority => {
  const { privateKey, publicKey } = newKey()
  return authorityOf(commonName, privateKey, certify({ commonName }, publicKey, { commonName, key: privateKey }, true))
}

const authorityOf = (commonName: string, privateKey: KeyObject, cert: string): Authority => {
  const issuer = { commonName, key: privateKey }
  return {
    cert,
    key: keyText(privateKey),
    issue: (claims) => {
      const own =
        claims.rsaBits === undefined ? newKey() : generateKeyPairSync("rsa", { modulusLength: claims.rsaBits })
      return { cert: certify(claims, own.publicKey, issuer, false), key: keyText(own.privateKey) }
    },
    appoint: (commonName, claims, isAuthority = true) => {
      const own = newKey()
      return authorityOf(
        commonName,
        own.privateKey,
        certify({ ...claims, commonName }, own.publicKey, issuer, isAuthority)
      )
    }
  }
}

/** A certificate that no authority has signed. */
export const selfSigned = (claims: Claims): Certificate => {
  const { privateKey, publicKey } = newKey()
  const issuer = { commonName: claims.commonName, key: privateKey }
  return { cert: certify(claims, publicKey, issuer, false), key: keyText(privateKey) }
}
