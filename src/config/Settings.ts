import { Schema } from "effect"
import { parseNodeName } from "../dist/NodeName.ts"

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

/** A node as the configuration has it: its name, and what this node needs that others do not. */
export const NodeEntry = Schema.Struct({
  /** `name@host`, or the name alone of a node of this machine. */
  name: Schema.String,
  /** A shorter name to call it by. */
  alias: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^[^\s,]+$/u, { expected: "a name without white space or commas, and not empty" })
    )
  ),
  /** A file with this node's cookie, under the rules of `~/.erlang.cookie`. */
  cookieFile: Schema.optionalKey(Schema.String),
  cookie: Schema.optionalKey(Schema.RedactedFromValue(Schema.String)),
  epmdPort: Schema.optionalKey(Port),
  /** The full name to join this node under; see {@link Settings}. */
  ourName: Schema.optionalKey(OurName),
  agent: Schema.optionalKey(Schema.Literals(agentModes))
})
export type NodeEntry = typeof NodeEntry.Type

/** What each key of a node's entry is for, as the README has it. */
export const nodeEntryTexts: { readonly [Key in keyof NodeEntry]-?: string } = {
  name: "`name@host`, or the name alone of a node of this machine. Required",
  alias: "A shorter name to call it by, without white space or commas",
  cookieFile: "A file with this node's cookie; it must be accessible by its owner only",
  cookie: "This node's cookie itself; the configuration file must then be accessible by its owner only",
  epmdPort: "EPMD's port on the node's host",
  ourName: "The full name to join this node under, as `--our-name`",
  agent: "How helper code runs on this node, as `--agent`"
}

/** {@link NodeEntry} as it stands in the configuration file. */
export const NodeEntryFile = NodeEntry.pipe(
  Schema.encodeKeys({ cookieFile: "cookie_file", epmdPort: "epmd_port", ourName: "our_name" })
)

/**
 * What an operator can set, all of it optional. The JSON configuration file has the same keys in snake_case; flags and
 * environment variables are listed in {@link settings}; `Config.ts` has the defaults.
 */
export const Settings = Schema.Struct({
  nodes: Schema.optionalKey(Schema.Array(Schema.Union([Schema.String, NodeEntryFile]))),
  cookieFile: Schema.optionalKey(Schema.String),
  epmdPort: Schema.optionalKey(Port),
  /** In place of a name that the node gives us. Each new name costs a node an atom for ever. */
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
})
export type Settings = typeof Settings.Type
export type SettingName = keyof Settings

/** {@link Settings} as they stand in the configuration file. */
export const SettingsFile = Settings.pipe(
  Schema.encodeKeys({
    cookieFile: "cookie_file",
    epmdPort: "epmd_port",
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

/** Every setting's flag, in the order in which `--help` lists them. */
export const settings: { readonly [Name in SettingName]-?: Setting } = {
  nodes: {
    flag: "node",
    form: { _tag: "List", placeholder: "NAME[@HOST]" },
    description: "A node to know of; again for each, or separated by commas. Without @HOST, of this machine"
  },
  cookieFile: {
    flag: "cookie-file",
    form: { _tag: "Text", placeholder: "FILE" },
    description: "Read the cookie here; the file must be accessible by its owner only"
  },
  epmdPort: {
    flag: "epmd-port",
    form: { _tag: "Number", placeholder: "PORT", expected: "a port, 1 to 65535" },
    description: "EPMD's port on the nodes' hosts; default ERL_EPMD_PORT, else 4369"
  },
  ourName: {
    flag: "our-name",
    form: { _tag: "Text", placeholder: "NAME@HOST" },
    description:
      "Join nodes under this name, for those that allow only certain ones; default one that the node gives. Keep to it: each new name costs a node an atom for ever"
  },
  agent: {
    flag: "agent",
    form: { _tag: "Choice", choices: agentModes },
    description:
      "How helper code runs on a node: interpreted (auto, eval), loaded for a while, not at all; default auto"
  },
  mode: {
    flag: "mode",
    form: { _tag: "Choice", choices: modes },
    description: "The language that terms are printed in; default elixir"
  },
  logLevel: {
    flag: "log-level",
    form: { _tag: "Choice", choices: logLevels },
    description: "What is logged to stderr; default info, and error for the other commands"
  },
  maxChars: {
    flag: "max-chars",
    form: { _tag: "Number", placeholder: "N", expected: "a number of characters, 1000 to 1000000" },
    description: "How long a result may be; default 10000. Hosts cut or hide what is too long for them"
  },
  readOnly: {
    flag: "read-only",
    form: { _tag: "Switch" },
    description: "Only tools that inspect and observe, whatever else is allowed"
  },
  inspectOnly: {
    flag: "inspect-only",
    form: { _tag: "Switch" },
    description: "Only tools that read and leave nothing behind, whatever else is allowed"
  },
  allowControl: {
    flag: "allow-control",
    form: { _tag: "Switch" },
    description: "Also tools that change a node"
  },
  allowEval: {
    flag: "allow-eval",
    form: { _tag: "Switch" },
    description: "Also tools that run given code on a node"
  },
  tools: {
    flag: "tools",
    form: { _tag: "List", placeholder: "TOOL" },
    description: "Only these tools"
  },
  toolsets: {
    flag: "toolsets",
    form: { _tag: "List", placeholder: "TOOLSET" },
    description:
      "Only the tools of these toolsets, or all; by default clients are shown those of daily use, and can call all"
  },
  excludeTools: {
    flag: "exclude-tools",
    form: { _tag: "List", placeholder: "TOOL" },
    description: "Never these tools"
  },
  allowNodes: {
    flag: "allow-nodes",
    form: { _tag: "List", placeholder: "PATTERN" },
    description:
      "Nodes that may be connected to beside those of --node, as 'name@host' with * in it; default this machine's"
  },
  reveal: {
    flag: "reveal",
    form: { _tag: "Switch" },
    description: "Show what is taken for a secret by its key or its shape: passwords, tokens, keys. Cookies stay hidden"
  }
}
