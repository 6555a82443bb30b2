import type { Redacted } from "effect"

/**
 * How a link is made over TLS: what a node's `ssl_dist_optfile` has on the other side. Certificates and keys are PEM
 * texts. TLS 1.2 is the least that is spoken. Source: ssl "Using TLS for Erlang Distribution", `inet_tls_dist.erl`.
 */
export interface TlsOptions {
  /** Who may have signed the node's certificate. Default: the authorities that Node.js trusts. */
  readonly ca?: string
  /** Our own certificate, for nodes that ask for one (`verify_peer` with `fail_if_no_peer_cert`), and its key. */
  readonly cert?: string
  readonly key?: Redacted.Redacted
  /** The host name that the node's certificate must be for. Default: what stands behind the @ of the node's name. */
  readonly serverName?: string
  /** Takes any certificate, for any name: whoever is in between can read and change everything. Default `false`. */
  readonly insecure?: boolean
}

/** What is wrong with the certificate that a node shows us. */
export type CertificateProblem =
  | "expired"
  | "not_yet_valid"
  | "unknown_authority"
  | "self_signed"
  | "name_mismatch"
  /** Anything else: it may not be used for this, a signature is wrong, the key is too weak, … */
  | "invalid"
