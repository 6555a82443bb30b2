import { Result, Schema } from "effect"
import { parseNodeName } from "../dist/NodeName.ts"
import { accessClasses } from "../policy/Access.ts"
import { parseAddress } from "./Address.ts"
import { takenNames } from "./OwnNames.ts"
import type * as Types from "./SettingTypes.ts"

const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }))
const agentModes = ["auto", "eval", "load", "none"] as const
const modes = ["elixir", "erlang", "gleam", "lfe"] as const
const logLevels = ["trace", "debug", "info", "warn", "error", "none"] as const

/** A full node name that ours can be: a node that connects is let in under a name of ASCII characters alone. */
const OurName = Schema.String.check(
  Schema.makeFilter((text) => /^\p{ASCII}*$/u.test(text) && !("problem" in parseNodeName(text)), {
    expected: "a full node name, name@host, in ASCII"
  })
)

/** What an operator calls something by. */
const Label = Schema.String.check(
  Schema.isPattern(/^[^\s,]+$/u, { expected: "a name without white space or commas, and not empty" })
)

/** What an operator calls a node, or some of them, by, beside the names that they have themselves. */
const OwnName = Schema.String.check(
  Schema.isPattern(/^[^\s,@]+$/u, { expected: "a name without white space, commas or @, and not empty" })
)

const HostName = Schema.String.check(
  Schema.isPattern(/^(?![^:]*:\d*$)[^\s/@[\]]+$/u, {
    expected: "a host name or an IP address, without brackets and port"
  })
)

/** Never what is in the file: a key would then stand in messages. */
const FilePath = Schema.String.check(Schema.isPattern(/^[^\r\n]+$/u, { expected: "the path of a file" }))

/** A schema for each key of a type, no more and no less. */
type FieldsOf<Settings> = { readonly [Key in keyof Settings]-?: { readonly Type: Exclude<Settings[Key], undefined> } }

/** {@link Types.TlsEntry}. */
export const TlsEntry = Schema.Struct({
  ca: Schema.optionalKey(FilePath),
  cert: Schema.optionalKey(FilePath),
  key: Schema.optionalKey(FilePath),
  serverName: Schema.optionalKey(HostName),
  insecure: Schema.optionalKey(Schema.Boolean)
} satisfies FieldsOf<Types.TlsEntry>)
export const TlsEntryFile = TlsEntry.pipe(Schema.encodeKeys({ serverName: "server_name" }))

/** Stands in a tunnel's command for the port of this machine that it must listen on. */
export const portPlaceholder = "{port}"

/** {@link Types.NodeEntry}. */
export const NodeEntry = Schema.Struct({
  name: Schema.String,
  alias: Schema.optionalKey(OwnName),
  group: Schema.optionalKey(OwnName),
  tags: Schema.optionalKey(Schema.Array(Label)),
  access: Schema.optionalKey(Schema.Literals(accessClasses)),
  address: Schema.optionalKey(
    Schema.String.check(
      Schema.makeFilter((text) => Result.isSuccess(parseAddress(text)), {
        expected: "host, host:port, [IPv6 address]:port or unix:/path"
      })
    )
  ),
  tunnel: Schema.optionalKey(
    Schema.Array(Schema.String).check(
      Schema.makeFilter(
        ([command = "", ...args]) => command.trim() !== "" && args.some((arg) => arg.includes(portPlaceholder)),
        { expected: `a command and its arguments, with ${portPlaceholder} in one of these` }
      )
    )
  ),
  tls: Schema.optionalKey(Schema.Union([Schema.Boolean, TlsEntryFile])),
  cookieFile: Schema.optionalKey(Schema.String),
  cookie: Schema.optionalKey(Schema.RedactedFromValue(Schema.String)),
  epmdHost: Schema.optionalKey(HostName),
  epmdPort: Schema.optionalKey(Port),
  ourName: Schema.optionalKey(OurName),
  agent: Schema.optionalKey(Schema.Literals(agentModes))
} satisfies FieldsOf<Types.NodeEntry>)
export type NodeEntry = Types.NodeEntry

/** What each key of a node's entry is for, as the README and the type have it. */
export const nodeEntryTexts: { readonly [Key in keyof NodeEntry]-?: string } = {
  name: "`name@host`, or the name alone of a node of this machine. Required",
  alias: "A shorter name to call it by, without white space, commas or `@`",
  group: "The group that it belongs to, no alias of a node; `--node` takes a group for all of its nodes",
  tags: "A list of words to know it by",
  access: "The most that may be done to it: `inspect`, `observe`, `control` or `eval`; never more than the flags allow",
  address:
    "Where it is, if not where its name and EPMD say: `host`, `host:port`, `[::1]:port` or `unix:/path`. With a port or a path, EPMD is not asked",
  tunnel:
    "A command and its arguments, in place of an address: run without a shell while the node is connected. `{port}` stands for the port of this machine that it must forward to the node",
  tls: "`true`, `false`, or an object with `ca`, `cert`, `key` (files), `server_name` and `insecure`; what is left out is as the `--tls-…` flags say",
  cookieFile: "A file with this node's cookie; it must be accessible by its owner only",
  cookie: "This node's cookie itself; the configuration file must then be accessible by its owner only",
  epmdHost: "The host of the EPMD that knows the node; default the node's",
  epmdPort: "EPMD's port there",
  ourName: "The full name to join this node under, as `--our-name`",
  agent: "How helper code runs on this node, as `--agent`"
}

/** {@link NodeEntry} as it stands in the configuration file. */
export const NodeEntryFile = NodeEntry.pipe(
  Schema.encodeKeys({
    cookieFile: "cookie_file",
    epmdHost: "epmd_host",
    epmdPort: "epmd_port",
    ourName: "our_name"
  })
)

/** {@link Types.Settings}; flags and environment variables are listed in {@link settings}, `Config.ts` has the defaults. */
export const Settings = Schema.Struct({
  nodes: Schema.optionalKey(
    Schema.Array(Schema.Union([Schema.String, NodeEntryFile])).check(
      Schema.makeFilter((nodes) =>
        takenNames(nodes).map(({ as, at, by }) => ({
          path: [at, as],
          issue: `Expected a name that no other node is called by (${by} is)`
        }))
      )
    )
  ),
  cookieFile: Schema.optionalKey(Schema.String),
  epmdHost: Schema.optionalKey(HostName),
  epmdPort: Schema.optionalKey(Port),
  tls: Schema.optionalKey(Schema.Boolean),
  tlsCa: Schema.optionalKey(FilePath),
  tlsCert: Schema.optionalKey(FilePath),
  tlsKey: Schema.optionalKey(FilePath),
  tlsServerName: Schema.optionalKey(HostName),
  tlsInsecure: Schema.optionalKey(Schema.Boolean),
  discover: Schema.optionalKey(Schema.Array(Schema.String)),
  ourName: Schema.optionalKey(OurName),
  agent: Schema.optionalKey(Schema.Literals(agentModes)),
  mode: Schema.optionalKey(Schema.Literals(modes)),
  logLevel: Schema.optionalKey(Schema.Literals(logLevels)),
  maxChars: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1_000, maximum: 1_000_000 }))),
  readOnly: Schema.optionalKey(Schema.Boolean),
  inspectOnly: Schema.optionalKey(Schema.Boolean),
  allowControl: Schema.optionalKey(Schema.Boolean),
  allowEval: Schema.optionalKey(Schema.Boolean),
  tools: Schema.optionalKey(Schema.Array(Schema.String)),
  toolsets: Schema.optionalKey(Schema.Array(Schema.String)),
  excludeTools: Schema.optionalKey(Schema.Array(Schema.String)),
  allowNodes: Schema.optionalKey(Schema.Array(Schema.String)),
  reveal: Schema.optionalKey(Schema.Boolean)
} satisfies FieldsOf<Types.Settings>)
export type Settings = Types.Settings
export type SettingName = keyof Settings

/** {@link Settings} as they stand in the configuration file. */
export const SettingsFile = Settings.pipe(
  Schema.encodeKeys({
    cookieFile: "cookie_file",
    epmdHost: "epmd_host",
    epmdPort: "epmd_port",
    tlsCa: "tls_ca",
    tlsCert: "tls_cert",
    tlsKey: "tls_key",
    tlsServerName: "tls_server_name",
    tlsInsecure: "tls_insecure",
    ourName: "our_name",
    logLevel: "log_level",
    maxChars: "max_chars",
    readOnly: "read_only",
    inspectOnly: "inspect_only",
    allowControl: "allow_control",
    allowEval: "allow_eval",
    excludeTools: "exclude_tools",
    allowNodes: "allow_nodes"
  })
)

/** How a setting is written where there is only text: on the command line and in the environment. */
export interface Setting {
  /** Without the dashes in front. */
  readonly flag: string
  readonly form:
    | { readonly _tag: "Text"; readonly placeholder: string }
    /** Given again for each, or separated by commas. */
    | { readonly _tag: "List"; readonly placeholder: string }
    | { readonly _tag: "Number"; readonly placeholder: string; readonly expected: string }
    /** `true`, `false`, `1` or `0`; the flag alone means true. */
    | { readonly _tag: "Switch" }
    | { readonly _tag: "Choice"; readonly choices: ReadonlyArray<string> }
  readonly description: string
}

/** The environment variable that says the same as a flag: `BEAMSCOPE_READ_ONLY` for `--read-only`. */
export const variableOf = (flag: string): string => `BEAMSCOPE_${flag.toUpperCase().replaceAll("-", "_")}`

/** The key that says the same in the configuration file: `read_only` for `readOnly`. */
export const keyOf = (name: SettingName | keyof NodeEntry): string =>
  name.replace(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`)

const text = (placeholder: string): Setting["form"] => ({ _tag: "Text", placeholder })
const texts = (placeholder: string): Setting["form"] => ({ _tag: "List", placeholder })
const oneOf = (choices: ReadonlyArray<string>): Setting["form"] => ({ _tag: "Choice", choices })
const onOff: Setting["form"] = { _tag: "Switch" }

/** Every setting's flag, in the order in which `--help` lists them. */
export const settings: { readonly [Name in SettingName]-?: Setting } = {
  nodes: {
    flag: "node",
    form: texts("NAME[@HOST]"),
    description:
      "A node to know of, or an alias or a group of the configuration file; again for each, or separated by commas. Without @HOST, of this machine"
  },
  cookieFile: {
    flag: "cookie-file",
    form: text("FILE"),
    description: "Read the cookie here; the file must be accessible by its owner only"
  },
  epmdHost: {
    flag: "epmd-host",
    form: text("HOST"),
    description: "The host of the EPMD that knows the nodes; default that of each node"
  },
  epmdPort: {
    flag: "epmd-port",
    form: { _tag: "Number", placeholder: "PORT", expected: "a port, 1 to 65535" },
    description: "EPMD's port on the nodes' hosts; default ERL_EPMD_PORT, else 4369"
  },
  tls: {
    flag: "tls",
    form: onOff,
    description: "Reach nodes over TLS (-proto_dist inet_tls)"
  },
  tlsCa: {
    flag: "tls-ca",
    form: text("FILE"),
    description: "PEM file of the authorities that may have signed a node's certificate; default those of Node.js"
  },
  tlsCert: {
    flag: "tls-cert",
    form: text("FILE"),
    description: "PEM file of our own certificate, for nodes that ask for one"
  },
  tlsKey: {
    flag: "tls-key",
    form: text("FILE"),
    description:
      "PEM file of that certificate's key, accessible by its owner only; default the file of the certificate has it"
  },
  tlsServerName: {
    flag: "tls-server-name",
    form: text("HOST"),
    description: "The host that a node's certificate must be for; default what stands behind the @ of its name"
  },
  tlsInsecure: {
    flag: "tls-insecure",
    form: onOff,
    description: "Take any certificate: whoever is in between can read and change everything"
  },
  discover: {
    flag: "discover",
    form: texts("SOURCE"),
    description:
      "Where discover_nodes looks: epmd:HOST[:PORT], dns:NAME@HOST, srv:NAME@SERVICE, hosts[:FILE], releases, follow; default epmd:localhost, releases, follow, and hosts where its file is there"
  },
  ourName: {
    flag: "our-name",
    form: text("NAME@HOST"),
    description:
      "Join nodes under this name, for those that allow only certain ones; default one that the node gives. Keep to it: each new name costs a node an atom for ever"
  },
  agent: {
    flag: "agent",
    form: oneOf(agentModes),
    description:
      "How helper code runs on a node: interpreted (eval), loaded until we leave, not at all; default auto, which interprets, and loads where much waits for a scheduler"
  },
  mode: {
    flag: "mode",
    form: oneOf(modes),
    description: "The language that terms are printed in; default elixir"
  },
  logLevel: {
    flag: "log-level",
    form: oneOf(logLevels),
    description: "What is logged to stderr; default info, and error for the other commands"
  },
  maxChars: {
    flag: "max-chars",
    form: { _tag: "Number", placeholder: "N", expected: "a number of characters, 1000 to 1000000" },
    description: "How long a result may be; default 10000. Hosts cut or hide what is too long for them"
  },
  readOnly: {
    flag: "read-only",
    form: onOff,
    description: "Only tools that inspect and observe, whatever else is allowed"
  },
  inspectOnly: {
    flag: "inspect-only",
    form: onOff,
    description: "Only tools that read and leave nothing behind, whatever else is allowed"
  },
  allowControl: {
    flag: "allow-control",
    form: onOff,
    description: "Also tools that change a node"
  },
  allowEval: {
    flag: "allow-eval",
    form: onOff,
    description: "Also tools that run given code on a node"
  },
  tools: {
    flag: "tools",
    form: texts("TOOL"),
    description: "Only these tools"
  },
  toolsets: {
    flag: "toolsets",
    form: texts("TOOLSET"),
    description:
      "Only the tools of these toolsets, or all; by default clients are shown those of daily use, and can call all"
  },
  excludeTools: {
    flag: "exclude-tools",
    form: texts("TOOL"),
    description: "Never these tools"
  },
  allowNodes: {
    flag: "allow-nodes",
    form: texts("PATTERN"),
    description:
      "Nodes that may be connected to beside those of --node, as 'name@host' with * in it; default this machine's"
  },
  reveal: {
    flag: "reveal",
    form: onOff,
    description: "Show what is taken for a secret by its key or its shape: passwords, tokens, keys. Cookies stay hidden"
  }
}
