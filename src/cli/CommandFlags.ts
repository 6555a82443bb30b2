/** A switch of some commands, which is no setting: it is for people at a terminal. */
export interface CommandSwitch {
  /** Without the dashes in front. */
  readonly flag: string
  readonly commands: ReadonlyArray<string>
  readonly description: string
}

/** Where settings are read from, which no file can say. */
export const configFlag = {
  flag: "config",
  placeholder: "FILE",
  description: "Read settings from this JSON file; flags and the environment come before it"
}

export const commandSwitches = {
  json: {
    flag: "json",
    commands: ["call", "tools", "nodes", "doctor"],
    description: 'Print JSON instead of text; a failure as {"error": {"code": …}}, beside its text on stderr'
  },
  keep: {
    flag: "keep",
    commands: ["demo"],
    description: "Leave the node running, and print how to let an assistant look into it"
  },
  yes: { flag: "yes", commands: ["demo"], description: "Install Erlang/OTP without asking, should it be missing" }
} satisfies Readonly<Record<string, CommandSwitch>>
