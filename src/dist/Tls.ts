import { Redacted } from "effect"
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { beginningOf } from "../syntax/Excerpt.ts"
import type { DistReason } from "./DistError.ts"

/**
 * How a link is made over TLS: what a node's `ssl_dist_optfile` has on the other side. Certificates and keys are PEM
 * texts. TLS 1.2 is the least that is spoken. Source: ssl "Using TLS for Erlang Distribution", `inet_tls_dist.erl`.
 */
export interface TlsOptions {
  /** Who may have signed the node's certificate. Default: the authorities that Node.js trusts. */
  readonly ca?: string
  /**
   * Our own certificate, for nodes that ask for one (`verify_peer` with `fail_if_no_peer_cert`), with those of the
   * authorities between it and theirs, if there are any.
   */
  readonly cert?: string
  /** The key of our certificate. Default: it stands in the same text, as a `certfile` without a `keyfile` has it. */
  readonly key?: Redacted.Redacted
  /**
   * The host name that the node's certificate must be for. Default: what stands behind the @ of the node's name. One of
   * its DNS names; of an IP address also one of its addresses; or, where it has no alternative names and this is given,
   * its common name. A certificate for `*.example.com` is for exactly that, since nodes do not see a pattern in it.
   */
  readonly serverName?: string
  /** Takes any certificate, for any name: whoever is in between can read and change everything. Default `false`. */
  readonly insecure?: boolean
}

/** What was seen of TLS on one connection, as far as it went. */
export interface TlsSeen {
  /** The version and the cipher that were agreed on. */
  readonly agreed?: { readonly protocol: string; readonly cipher: string }
  /** The certificate that the node showed. */
  readonly certificate?: X509Certificate
  /** Bytes on the wire until our part of TLS was done or it was given up, where that is known. */
  readonly wire?: { readonly sentBytes: number; readonly receivedBytes: number }
  /** The number of the alert by which the node ended it. */
  readonly alert?: number
}

/** How one stream is secured: `serverName` is whom the certificate of the other side must be for. */
export interface Securing {
  readonly options: TlsOptions
  readonly serverName: string
  /** Told what was seen, once TLS stands, or the attempt is over. */
  readonly onSeen?: (seen: TlsSeen) => void
}

/** What is wrong with the certificate that a node shows us. */
export type CertificateProblem =
  | "expired"
  | "not_yet_valid"
  | "unknown_authority"
  /** It was signed by one on the way to the root, whose own certificate we have, and the node does not send. */
  | "incomplete_chain"
  | "self_signed"
  | "name_mismatch"
  /** It has no alternative names, and its common name, which would fit, does not count by itself. */
  | "common_name_only"
  /** The chain is in order; an authority given for it is too old or too new. */
  | "authority_not_valid_now"
  /** An authority given for it has the name of the one that signed it, and another key. */
  | "authority_replaced"
  /** Who signed it may sign none: by its own certificate it is no authority. */
  | "no_authority"
  /** It, or an authority's on the way to the root, has uses that it was made for, and a server's is none of them. */
  | "not_for_servers"
  /** Anything else: a signature is wrong, the key is too weak, … */
  | "invalid"

/** Why a certificate or key of ours is of no use. */
export const unusable = (part: "ca" | "cert" | "key", detail: string): DistReason => ({
  _tag: "TlsMaterial",
  part,
  detail
})

/** Why our certificate, its key, or the authority's certificate cannot be used, if that is so. */
export const materialProblem = ({ ca, cert, key }: TlsOptions): DistReason | undefined => {
  if (ca !== undefined && attempt(() => new X509Certificate(ca)) === undefined)
    return unusable("ca", "there is no certificate in it that can be read")
  if (cert === undefined)
    return key === undefined ? undefined : unusable("cert", "none was given for the key that was given")
  const certificate = attempt(() => new X509Certificate(cert))
  if (certificate === undefined) return unusable("cert", "there is no certificate in it that can be read")
  const privateKey = attempt((): KeyObject => createPrivateKey(keyText(cert, key)))
  if (privateKey === undefined)
    return unusable(
      "key",
      key === undefined
        ? "there is none beside the certificate either, so it has to be given (--tls-key)"
        : "there is no private key in it that can be read without a passphrase"
    )
  return certificate.checkPrivateKey(privateKey) ? undefined : unusable("key", "it belongs to another certificate")
}

const attempt = <A>(evaluate: () => A): A | undefined => {
  try {
    return evaluate()
  } catch {
    return undefined
  }
}

/** The text that holds the key of our certificate. */
export const keyText = (cert: string, key: Redacted.Redacted | undefined): string =>
  key === undefined ? cert : Redacted.value(key)

const wrong = (problem: CertificateProblem, detail: string): DistReason => ({
  _tag: "TlsCertificate",
  problem,
  detail
})

/**
 * What is wrong with a node's certificate, if something is: with its chain, for which OpenSSL has a `code`, or with
 * the name that it is for.
 */
export const certificateProblem = (
  code: string | null,
  certificate: X509Certificate,
  securing: Securing
): DistReason | undefined => {
  switch (code) {
    case null:
      return isFor(securing, certificate) ? undefined : nameProblem(securing, certificate)
    case "CERT_HAS_EXPIRED":
      return untimely(
        "expired",
        certificate,
        securing.options,
        ({ validToDate }) => validToDate.getTime() < Date.now(),
        ({ validToDate }) => `was valid until ${when(validToDate)}`
      )
    case "CERT_NOT_YET_VALID":
      return untimely(
        "not_yet_valid",
        certificate,
        securing.options,
        ({ validFromDate }) => validFromDate.getTime() > Date.now(),
        ({ validFromDate }) => `is valid from ${when(validFromDate)} on`
      )
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return wrong("self_signed", `it is that of ${holderOf(certificate)}`)
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return replacedAuthority(certificate, securing.options) ?? unknownAuthority(certificate, securing.options)
    case "CERT_SIGNATURE_FAILURE":
      // Of several of one name OpenSSL takes the first, where no key identifiers tell them apart.
      return replacedAuthority(certificate, securing.options, { isFirstTaken: true }) ?? wrong("invalid", code)
    case "INVALID_PURPOSE":
      return unfitPurpose(code, certificate, securing.options)
    case "UNSPECIFIED":
      // Among these is OpenSSL's "invalid CA certificate", for which Node.js has no word of its own.
      return noAuthority(certificate, securing.options) ?? wrong("invalid", smallKey(certificate) ?? code)
    default:
      return wrong("invalid", code)
  }
}

/** Bits of an RSA key that OpenSSL, as Node.js has it, asks for at least. */
const leastRsaBits = 2_048

/** What there is to say of a key that is too small, of the certificate or on the way from there, for which Node.js has no word. */
const smallKey = (leaf: X509Certificate): string | undefined => {
  for (const each of chainOf(leaf)) {
    const bits = attempt(() => each.publicKey.asymmetricKeyDetails?.modulusLength)
    if (bits !== undefined && bits < leastRsaBits)
      return `${whose(each, leaf)} has an RSA key of ${bits} bits; at least ${leastRsaBits} are asked for here`
  }
  return undefined
}

/** A chain has no more certificates than this, whatever a node sends. */
const maxChain = 100

/** Which certificate it is whose time is not now: one that the node sent, else an authority that was given. */
const untimely = (
  problem: "expired" | "not_yet_valid",
  leaf: X509Certificate,
  { ca = "" }: TlsOptions,
  is: (certificate: X509Certificate) => boolean,
  told: (certificate: X509Certificate) => string
): DistReason => {
  const sent = chainOf(leaf)
  const which = sent.find(is)
  if (which !== undefined) return wrong(problem, `${whose(which, leaf)} ${told(which)}, ${now()}`)
  const old = certificatesIn(ca).filter(is)
  const authority = old.find((one) => sent.some(({ issuer }) => issuer === one.subject)) ?? old[0]
  return authority === undefined
    ? wrong(problem, `an authority on the way from it to the root is not valid now, ${now()}`)
    : wrong("authority_not_valid_now", `that of ${holderOf(authority)} ${told(authority)}, ${now()}`)
}

/** The certificates on the way from a node's own to the root, as far as the node sends them. */
const chainOf = (leaf: X509Certificate): ReadonlyArray<X509Certificate> => {
  const chain = [leaf]
  for (let at = leaf.issuerCertificate; at !== undefined && chain.length < maxChain; at = at.issuerCertificate)
    chain.push(at)
  return chain
}

/** Those in a PEM text that can be read. */
const certificatesIn = (pem: string): ReadonlyArray<X509Certificate> =>
  (pem.match(/-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gsu) ?? []).flatMap(
    (one) => attempt(() => new X509Certificate(one)) ?? []
  )

/**
 * Who signed a certificate, and to whom the way on from there leads, by the certificates that the node sent and we have.
 * Of those in between a node has to send all: who only knows the root cannot tell whom to believe.
 */
const unknownAuthority = (leaf: X509Certificate, { ca = "" }: TlsOptions): DistReason => {
  const sent = chainOf(leaf)
  const known = [...sent, ...certificatesIn(ca)]
  const way = [leaf]
  const nextOf = (last: X509Certificate) =>
    known.find((each) => last.checkIssued(each) && !way.some(({ subject }) => subject === each.subject))
  for (let next = nextOf(leaf); next !== undefined; next = nextOf(next)) way.push(next)
  const [first, last] = [leaf, way.at(-1)!].map(issuer)
  const told = `it is that of ${holderOf(leaf)}, signed by ${first === last ? first! : `${first}, on the way to ${last}`}`
  const unsent = way.filter((each) => !sent.includes(each) && each.subject !== each.issuer).map(holderOf)
  return unsent.length === 0
    ? wrong("unknown_authority", told)
    : wrong("incomplete_chain", `without that of ${unsent.join(" and that of ")}; ${told}`)
}

/**
 * That an authority which was given only has the name of who signed, as where an authority was made anew: whoever reads
 * its name alone would look for the mistake elsewhere.
 */
const replacedAuthority = (
  leaf: X509Certificate,
  { ca = "" }: TlsOptions,
  { isFirstTaken = false } = {}
): DistReason | undefined => {
  const given = certificatesIn(ca)
  for (const signed of chainOf(leaf)) {
    const namesakes = given.filter((each) => each.subject === signed.issuer)
    const [namesake] = namesakes
    const taken = isFirstTaken ? namesakes.slice(0, 1) : namesakes
    if (namesake === undefined || taken.some((each) => hasSigned(each, signed))) continue
    const detail = `${whose(signed, leaf)} is signed by ${issuer(signed)}, and not with the key of the one of that name that was given, which is valid from ${when(namesake.validFromDate)} on and has the SHA-256 fingerprint ${namesake.fingerprint256}`
    return wrong("authority_replaced", detail)
  }
  return undefined
}

/** A key of another kind than the signature's is none that made it. */
const hasSigned = (authority: X509Certificate, signed: X509Certificate): boolean =>
  attempt(() => signed.verify(authority.publicKey)) === true

/** The use of a certificate by whom others connect to, as `extendedKeyUsage` has it: `serverAuth`. RFC 5280 §4.2.1.12. */
const serverUse = "1.3.6.1.5.5.7.3.1"
const usesByName: Readonly<Record<string, string>> = {
  "1.3.6.1.5.5.7.3.2": "clientAuth",
  "1.3.6.1.5.5.7.3.3": "codeSigning",
  "1.3.6.1.5.5.7.3.4": "emailProtection",
  "2.5.29.37.0": "anyExtendedKeyUsage"
}

/** What Node.js calls its `keyUsage` is the extended one, and absent where there is none. */
const usesOf = ({ keyUsage }: X509Certificate): ReadonlyArray<string> | undefined => keyUsage

/** Which certificate it is that was not made for what it does here; OpenSSL has one code for all that one is not for. */
const unfitPurpose = (code: string, leaf: X509Certificate, options: TlsOptions): DistReason => {
  const which = chainOf(leaf).find((each) => usesOf(each)?.includes(serverUse) === false)
  if (which !== undefined) {
    const uses = usesOf(which)!.map((use) => usesByName[use] ?? use)
    const of = which === leaf ? "of" : "of the authority's, which signed it, that of"
    return wrong("not_for_servers", `the extendedKeyUsage ${of} ${holderOf(which)} is ${short(uses.join(", "))}`)
  }
  return noAuthority(leaf, options) ?? wrong("invalid", `${code}: by its extensions it was made for something else`)
}

/** That one of those who signed, on the way from a node's certificate to the root, is no authority. */
const noAuthority = (leaf: X509Certificate, { ca = "" }: TlsOptions): DistReason | undefined => {
  const chain = chainOf(leaf)
  const signer = [...chain, ...certificatesIn(ca)].find(
    (each) => !each.ca && chain.some((signed) => signed.issuer === each.subject && hasSigned(each, signed))
  )
  return signer && wrong("no_authority", `that is ${holderOf(signer)}`)
}

const whose = (which: X509Certificate, leaf: X509Certificate): string =>
  which === leaf ? "it" : `that of ${holderOf(which)}, which signed it,`

const now = (): string => `and by the clock here it is ${when(new Date())}`
const when = (date: Date): string => attempt(() => date.toISOString()) ?? "a date that cannot be read"

const short = (text: string): string => beginningOf(text, 200)
const distinguished = (name: string | undefined): string => (name ? short(name.replaceAll("\n", ", ")) : "nobody")
/** Whom a certificate is for, by its subject; whoever made it may have written anything there. */
export const holderOf = (certificate: X509Certificate): string => distinguished(certificate.subject)
const issuer = (certificate: X509Certificate): string => distinguished(certificate.issuer)
const namesOf = (certificate: X509Certificate): string =>
  certificate.subjectAltName === undefined ? holderOf(certificate) : short(certificate.subjectAltName)

/**
 * Whether a certificate is for a host, as a node of one release of OTP or another sees it (`public_key:pkix_verify_hostname/2`
 * with a `dns_id` or an `ip`): the host equals one of its DNS names, letter for letter but for the case. A host that is
 * written as an IP address is one of its DNS names up to OTP 26, and one of its addresses from OTP 27 on, which has no
 * eye for the other: what any of them takes is taken here, since the authority has vouched for it in both. Older releases
 * fall back on the common name where there are no alternative names, newer ones (27.3) do not; here it counts only where
 * the operator has said it.
 */
export const isFor = ({ options, serverName }: Securing, certificate: X509Certificate): boolean => {
  const { subjectAltName } = certificate
  if (subjectAltName === undefined)
    return options.serverName !== undefined && isAmong(serverName, commonNames(certificate))
  return hasAddress(serverName, certificate) || isAmong(serverName, dnsNames(subjectAltName))
}

/** Whether a host is one of the addresses of a certificate. OpenSSL throws at what is none, and stops at a character 0. */
const hasAddress = (host: string, certificate: X509Certificate): boolean =>
  /^[\da-f.:]+$/iu.test(host) && attempt(() => certificate.checkIP(host)) !== undefined

/** Why a certificate is not for a host. */
const nameProblem = ({ serverName }: Securing, certificate: X509Certificate): DistReason =>
  certificate.subjectAltName === undefined && isAmong(serverName, commonNames(certificate))
    ? wrong("common_name_only", `it is that of ${holderOf(certificate)}`)
    : wrong("name_mismatch", `it is for ${namesOf(certificate)}, not for ${short(serverName)}`)

const isAmong = (host: string, names: ReadonlyArray<string>): boolean =>
  names.some((name) => lowerCase(name) === lowerCase(host))

// Only ASCII letters have a case for nodes.
const lowerCase = (text: string): string => text.replaceAll(/[A-Z]/gu, (letter) => letter.toLowerCase())

/** The DNS names in a list as OpenSSL prints it; names with characters that could mislead stand there as JSON. */
const dnsNames = (alternatives: string): ReadonlyArray<string> => {
  const entries = alternatives.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/gu) ?? []
  return entries.flatMap((entry) => {
    const name = /^\s*DNS:(?<name>.*)$/su.exec(entry)?.groups?.["name"]
    if (name === undefined) return []
    return name.startsWith('"') ? (attempt(() => [String(JSON.parse(name))]) ?? []) : [name]
  })
}

const commonNames = (certificate: X509Certificate): ReadonlyArray<string> => {
  const { CN } = certificate.toLegacyObject().subject
  return CN === undefined ? [] : [CN].flat()
}

/** What a node says of our certificate, by the number of its alert. RFC 8446 §6.2. */
const refusals: Readonly<Record<number, string>> = {
  42: "it calls it bad",
  43: "it does not take certificates of this kind",
  44: "it was revoked",
  45: "it has expired, or is not valid yet",
  46: "it found something wrong with it and does not say what",
  48: "it does not know the authority that signed it",
  49: "it is valid, but not allowed in"
}

/** The other side accepted the connection and closed it before TLS was established, without saying why. */
export const cutInTls: DistReason = { _tag: "TlsFailed", detail: "it closed the connection", isCut: true }

/** Why there is no TLS, by the error that ended its handshake. `sawCertificate`: as in {@link alertProblem}. */
export const tlsProblem = (error: NodeJS.ErrnoException, options: TlsOptions, sawCertificate: boolean): DistReason => {
  const alert = alertProblem(error, options, sawCertificate)
  if (alert !== undefined) return alert
  switch (error.code) {
    case "ERR_SSL_UNSUPPORTED_PROTOCOL":
      return { _tag: "TlsVersion" }
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return { ...failed("what it sends is not TLS"), isNotTls: true }
    case "ECONNRESET":
    case "EPIPE":
      return cutInTls
    default:
      return failed(short(reasonOf(error)))
  }
}

/**
 * What an alert of the node's means, if the error is one. With TLS 1.3 its word on our certificate comes when our part
 * of the handshake is long done. `sawCertificate`: whether the node had shown us its own, and so had agreed on a
 * version and on ciphers.
 */
export const alertProblem = (
  error: NodeJS.ErrnoException,
  { cert }: TlsOptions,
  sawCertificate: boolean
): DistReason | undefined => {
  const alert = alertOf(error)
  if (alert === undefined) return undefined
  if (alert === 70) return { _tag: "TlsVersion" }
  // Up to TLS 1.2 there is no alert of its own for a missing certificate: nodes call it a failed handshake.
  if (cert === undefined && (alert === 116 || (sawCertificate && (alert === 40 || alert === 42))))
    return { _tag: "TlsClientCertificateWanted" }
  const refusal = refusals[alert]
  if (refusal !== undefined && cert !== undefined) return { _tag: "TlsClientCertificateRefused", detail: refusal }
  const meaning = alert === insufficientSecurity ? `; ${tooWeak}` : ""
  return { ...failed(`it ended it with alert ${alert} (${short(reasonOf(error))})${meaning}`), alert }
}

const insufficientSecurity = 71
const tooWeak =
  "it has no certificate or cipher that is taken here: a certificate signed with SHA-1 is not, and has to be made anew, with SHA-256, say"

const failed = (detail: string) => ({ _tag: "TlsFailed", detail }) as const

/** The alerts of TLS 1.2 and 1.3, by their numbers. RFC 5246 §7.2, RFC 8446 §6. */
const alertNames: Readonly<Record<number, string>> = {
  0: "close_notify",
  10: "unexpected_message",
  20: "bad_record_mac",
  22: "record_overflow",
  40: "handshake_failure",
  42: "bad_certificate",
  43: "unsupported_certificate",
  44: "certificate_revoked",
  45: "certificate_expired",
  46: "certificate_unknown",
  47: "illegal_parameter",
  48: "unknown_ca",
  49: "access_denied",
  50: "decode_error",
  51: "decrypt_error",
  70: "protocol_version",
  71: "insufficient_security",
  80: "internal_error",
  86: "inappropriate_fallback",
  90: "user_canceled",
  109: "missing_extension",
  110: "unsupported_extension",
  112: "unrecognized_name",
  113: "bad_certificate_status_response",
  115: "unknown_psk_identity",
  116: "certificate_required",
  120: "no_application_protocol"
}

const alertText = (alert: number): string => {
  const name = alertNames[alert]
  return name === undefined ? `alert ${alert}` : `alert ${alert} (${name})`
}

/**
 * What was seen of TLS, for a person; `undefined` where nothing was. Of the certificate also its SHA-256 fingerprint, as
 * `openssl x509 -fingerprint -sha256` prints it, by which two people can compare.
 */
export const describeTls = ({ agreed, alert, certificate, wire }: TlsSeen): string | undefined => {
  const told = [
    ...(wire === undefined ? [] : [`sent ${wire.sentBytes} bytes, received ${wire.receivedBytes}`]),
    ...(alert === undefined ? [] : [`the node's ${alertText(alert)}`]),
    ...(agreed === undefined ? [] : [`${agreed.protocol} with ${agreed.cipher}`]),
    ...(certificate === undefined
      ? []
      : [
          `the certificate of ${holderOf(certificate)}, issued by ${issuer(certificate)}, valid from ${when(certificate.validFromDate)} to ${when(certificate.validToDate)}, SHA-256 fingerprint ${certificate.fingerprint256}`
        ])
  ]
  return told.length === 0 ? undefined : told.join("; ")
}

/** OpenSSL tells an alert by its number, in a text that begins with an address. */
export const alertOf = ({ message }: Error): number | undefined => {
  const number = /SSL alert number (?<number>\d+)/u.exec(message)?.groups?.["number"]
  return number === undefined ? undefined : Number(number)
}

/** What OpenSSL says, in its own words. */
export const reasonOf = (error: NodeJS.ErrnoException): string =>
  "reason" in error && typeof error.reason === "string" ? error.reason : (error.code ?? error.message)
