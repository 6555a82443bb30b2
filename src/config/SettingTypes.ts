import type { Redacted } from "effect"
import type { AgentMode } from "../node/Targets.ts"
import type { AccessClass } from "../policy/Access.ts"
import type { AccessSettings } from "../policy/AccessSettings.ts"
import type { SyntaxName } from "../syntax/Syntax.ts"

/** How one node is reached over TLS. */
export interface TlsEntry {
  /** A file with the certificates of the authorities that may have signed the node's. Default: those of Node.js. */
  readonly ca?: string
  /** A file with our own certificate, for nodes that ask for one. */
  readonly cert?: string
  /** A file with its key, under the rules of a cookie file. Default: `cert` has it. */
  readonly key?: string
  /** The host that the node's certificate must be for. Default: the one in the node's name. */
  readonly serverName?: string
  /** Takes any certificate, from anybody. */
  readonly insecure?: boolean
}

// The comments of what follows are those of README.md: scripts/readme.ts writes both.

/** A node as the configuration has it: its name, and what this node needs that others do not. */
export interface NodeEntry {
  /** `name@host`, or the name alone of a node of this machine. Required. */
  readonly name: string
  /** A shorter name to call it by, without white space, commas or `@`. */
  readonly alias?: string
  /** The group that it belongs to, no alias of a node; `--node` takes a group for all of its nodes. */
  readonly group?: string
  /** A list of words to know it by. */
  readonly tags?: ReadonlyArray<string>
  /** The most that may be done to it: `inspect`, `observe`, `control` or `eval`; never more than the flags allow. */
  readonly access?: AccessClass
  /**
   * Where it is, if not where its name and EPMD say: `host`, `host:port`, `[::1]:port` or `unix:/path`. With a port or
   * a path, EPMD is not asked.
   */
  readonly address?: string
  /**
   * A command and its arguments, in place of an address: run without a shell while the node is connected. `{port}`
   * stands for the port of this machine that it must forward to the node.
   */
  readonly tunnel?: ReadonlyArray<string>
  /**
   * `true`, `false`, or an object with `ca`, `cert`, `key` (files), `server_name` and `insecure`; what is left out is
   * as the `--tls-…` flags say.
   */
  readonly tls?: boolean | TlsEntry
  /** A file with this node's cookie; it must be accessible by its owner only. */
  readonly cookieFile?: string
  /** This node's cookie itself; the configuration file must then be accessible by its owner only. */
  readonly cookie?: Redacted.Redacted
  /** The host of the EPMD that knows the node; default the node's. */
  readonly epmdHost?: string
  /** EPMD's port there. */
  readonly epmdPort?: number
  /** The full name to join this node under, as `--our-name`. */
  readonly ourName?: string
  /** How helper code runs on this node, as `--agent`. */
  readonly agent?: AgentMode
}

/**
 * What an operator can set, all of it optional. The JSON configuration file has the same keys in snake_case; flags and
 * environment variables say the same, in whose words each key is told here.
 */
export interface Settings extends AccessSettings {
  /**
   * A node to know of, or an alias or a group of the configuration file; again for each, or separated by commas.
   * Without `@HOST`, of this machine.
   */
  readonly nodes?: ReadonlyArray<string | NodeEntry>
  /** Read the cookie here; the file must be accessible by its owner only. */
  readonly cookieFile?: string
  /** The host of the EPMD that knows the nodes; default that of each node. */
  readonly epmdHost?: string
  /** EPMD's port on the nodes' hosts; default ERL_EPMD_PORT, else 4369. */
  readonly epmdPort?: number
  /** Reach nodes over TLS (-proto_dist inet_tls). */
  readonly tls?: boolean
  /** PEM file of the authorities that may have signed a node's certificate; default those of Node.js. */
  readonly tlsCa?: string
  /** PEM file of our own certificate, for nodes that ask for one. */
  readonly tlsCert?: string
  /** PEM file of that certificate's key, accessible by its owner only; default the file of the certificate has it. */
  readonly tlsKey?: string
  /** The host that a node's certificate must be for; default what stands behind the `@` of its name. */
  readonly tlsServerName?: string
  /** Take any certificate: whoever is in between can read and change everything. */
  readonly tlsInsecure?: boolean
  /**
   * Where discover_nodes looks: epmd:HOST[:PORT], dns:NAME@HOST, srv:NAME@SERVICE, hosts[:FILE], releases, follow;
   * default epmd:localhost, releases, follow, and hosts where its file is there.
   */
  readonly discover?: ReadonlyArray<string>
  /**
   * Join nodes under this name, for those that allow only certain ones; default one that the node gives. Keep to it:
   * each new name costs a node an atom for ever.
   */
  readonly ourName?: string
  /**
   * How helper code runs on a node: interpreted (eval), loaded until we leave, not at all; default auto, which
   * interprets, and loads where much waits for a scheduler.
   */
  readonly agent?: AgentMode
  /** The language that terms are printed in; default elixir. */
  readonly mode?: SyntaxName
  /** What is logged to stderr; default info, and error for the other commands. */
  readonly logLevel?: "trace" | "debug" | "info" | "warn" | "error" | "none"
  /** How long a result may be; default 10000. Hosts cut or hide what is too long for them. */
  readonly maxChars?: number
  /** Show what is taken for a secret by its key or its shape: passwords, tokens, keys. Cookies stay hidden. */
  readonly reveal?: boolean
}
