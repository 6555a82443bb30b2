import { Effect, Redacted } from "effect"
import type { TlsOptions } from "../dist/Tls.ts"
import { exposure, infoOf, type Problem, textOf, unfit } from "./RegularFile.ts"
import type { NodeEntry } from "./Settings.ts"

/** A file, and the setting that names it. */
export interface NamedFile {
  readonly said: string
  readonly path: string
}

/** How nodes are reached over TLS, before the files are read. */
export interface TlsSettings {
  readonly ca?: NamedFile
  readonly cert?: NamedFile
  readonly key?: NamedFile
  readonly serverName?: string
  readonly insecure?: boolean
}

/** How a node is reached over TLS, if it is: what its own entry says, then what `all` say, who use it where `isUsed`. */
export const tlsOf = (entry: NodeEntry | undefined, all: TlsSettings, isUsed: boolean): TlsSettings | undefined => {
  const own = entry?.tls ?? isUsed
  if (own === true) return all
  if (own === false) return undefined
  const file = (key: "ca" | "cert" | "key"): NamedFile | undefined => {
    const path = own[key]
    return path === undefined ? undefined : { said: `tls.${key} of its entry in the configuration`, path }
  }
  const [ca, cert, key] = [file("ca"), file("cert"), file("key")]
  const { insecure, serverName } = own
  // A certificate and its key belong together.
  const { key: _, ...withoutKey } = all
  return {
    ...(cert === undefined ? all : withoutKey),
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(serverName !== undefined && { serverName }),
    ...(insecure !== undefined && { insecure })
  }
}

/** A file with the certificates of all common authorities has a quarter of this. */
const maxFileBytes = 1_048_576

const certificate = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/u
const privateKey = /-----BEGIN (?:\w+ )?PRIVATE KEY-----/u
const encryptedKey = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/mu

const pemOf = Effect.fnUntraced(function* (
  part: "ca" | "cert" | "key",
  path: string
): Effect.fn.Return<string, Problem> {
  const info = yield* infoOf(path)
  if (info.size > maxFileBytes) return yield* Effect.fail(unfit(`is ${info.size} bytes long, which is too much`))
  const text = yield* textOf(path)
  const hasKey = privateKey.test(text)
  const exposed = hasKey ? exposure(info, "because there is a private key in it") : undefined
  if (exposed !== undefined) return yield* Effect.fail(exposed)
  if (hasKey && encryptedKey.test(text))
    return yield* Effect.fail(unfit("has a private key that a passphrase protects, and there is none to give"))
  if (part === "key" ? hasKey : certificate.test(text)) return text
  const wanted = part === "key" ? "private key" : "certificate"
  const [begins] = /-----BEGIN [^\n-]{1,40}-----/u.exec(text) ?? []
  return yield* Effect.fail(
    unfit(
      begins === undefined
        ? "is no PEM file: nothing in it begins with -----BEGIN"
        : `has no ${wanted} in it, in the form of PEM: what it has begins with ${begins}`
    )
  )
})

/** Certificates and keys from their files; fails with the setting, the file, and why that does not serve. */
export const readTls = Effect.fnUntraced(function* (wanted: TlsSettings): Effect.fn.Return<TlsOptions, string> {
  const read = (part: "ca" | "cert" | "key") => {
    const file = wanted[part]
    return file === undefined
      ? Effect.undefined
      : Effect.mapError(pemOf(part, file.path), ({ why }) => `${file.said}: ${file.path} ${why}`)
  }
  const [ca, cert, key] = yield* Effect.all([read("ca"), read("cert"), read("key")])
  const { insecure, serverName } = wanted
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key: Redacted.make(key) }),
    ...(serverName !== undefined && { serverName }),
    ...(insecure !== undefined && { insecure })
  }
})
