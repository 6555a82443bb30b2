import { Effect, type Scope } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as BeamNode from "./BeamNode.ts"
import type { Certificate } from "./Certificates.ts"

export interface TlsNodeOptions extends BeamNode.BeamNodeOptions {
  /** What the node shows to others. */
  readonly certificate: Certificate
  /** Whose certificates the node takes; with it, it wants one of everybody. */
  readonly clientAuthority?: string
  /** E.g. `["tlsv1.3"]`. Default: what the release speaks. */
  readonly versions?: ReadonlyArray<string>
}

/** Arguments of `erl` for a node whose distribution runs over TLS alone; the files that they name go with the scope. */
export const argsOf = (
  options: Omit<TlsNodeOptions, keyof BeamNode.BeamNodeOptions> & Pick<TlsNodeOptions, "ipv6">
): Effect.Effect<ReadonlyArray<string>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "beamscope-tls-"))),
      (folder) => Effect.promise(() => rm(folder, { recursive: true }))
    )
    const file = (name: string, text: string) =>
      Effect.as(
        Effect.promise(() => writeFile(join(folder, name), text, { mode: 0o600 })),
        join(folder, name)
      )
    const { certificate, clientAuthority, versions } = options
    const server = [
      `{certfile,"${yield* file("cert.pem", certificate.cert)}"}`,
      `{keyfile,"${yield* file("key.pem", certificate.key)}"}`,
      ...(clientAuthority === undefined
        ? ["{verify,verify_none}"]
        : [
            `{cacertfile,"${yield* file("ca.pem", clientAuthority)}"}`,
            "{verify,verify_peer}",
            "{fail_if_no_peer_cert,true}"
          ]),
      ...(versions === undefined ? [] : [`{versions,[${versions.map((version) => `'${version}'`).join(",")}]}`])
    ]
    const optfile = yield* file("dist.conf", `[{server,[${server.join(",")}]},{client,[{verify,verify_none}]}].\n`)
    return ["-proto_dist", options.ipv6 === true ? "inet6_tls" : "inet_tls", "-ssl_dist_optfile", optfile]
  })

/** A node whose distribution runs over TLS alone, ended with the scope. */
export const start = (options: TlsNodeOptions): Effect.Effect<BeamNode.BeamNode, never, Scope.Scope> =>
  Effect.flatMap(argsOf(options), (args) => BeamNode.start({ ...options, args: [...args, ...(options.args ?? [])] }))
