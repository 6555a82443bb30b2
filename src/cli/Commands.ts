import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Option } from "effect"
import { Argument, CliConfig, CliError, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import { switchVariable } from "../config/SettingTexts.ts"
import { type SettingName, settings, variableOf } from "../config/Settings.ts"
import { version } from "../mcp/Version.ts"
import { guardedTools } from "../tools/Toolsets.ts"
import { callCommand } from "./CallCommand.ts"
import { CommandError, usageError } from "./CommandError.ts"
import { commandSwitches, type CommandSwitch, configFlag } from "./CommandFlags.ts"
import { doctorCommand } from "./DoctorCommand.ts"
import { serverCommand } from "./ServerCommand.ts"
import type { ServerFlags } from "./ServerFlags.ts"
import { toolsCommand } from "./ToolsCommand.ts"

const described =
  (flag: string, description: string) =>
  <A>(self: Flag.Flag<A>): Flag.Flag<A> =>
    Flag.withDescription(self, `${description} [${variableOf(flag)}]`)

/** The flag of a setting, as the texts that it was given with: what `ServerFlags.ts` gives too. */
const settingFlag = (name: SettingName): Flag.Flag<ReadonlyArray<string>> => {
  const { description, flag, form } = settings[name]
  switch (form._tag) {
    case "List":
      return Flag.String(flag).pipe(described(flag, description), Flag.withMetavar(form.placeholder), Flag.atLeast(0))
    case "Number":
    case "Text":
      return Flag.String(flag).pipe(
        described(flag, description),
        Flag.withMetavar(form.placeholder),
        Flag.optional,
        Flag.map(Option.toArray)
      )
    case "Choice":
      return Flag.Literals(flag, form.choices).pipe(
        described(flag, description),
        Flag.optional,
        Flag.map(Option.toArray)
      )
    case "Switch":
      return Flag.Boolean(flag).pipe(
        described(flag, description),
        Flag.optional,
        Flag.map((value) => Option.toArray(value).map(String))
      )
  }
}

/** A switch that is no setting: its variable is read here. */
const switchFlag = ({ description, flag }: CommandSwitch): Flag.Flag<boolean> =>
  Flag.Boolean(flag).pipe(
    described(flag, description),
    Flag.optional,
    Flag.mapEffect((given) =>
      Option.isSome(given)
        ? Effect.succeed(given.value)
        : Effect.mapError(
            Effect.fromResult(switchVariable(flag, process.env)),
            ({ message }) => new CliError.ValidationError({ message })
          )
    )
  )

const settingNames = Object.keys(settings) as ReadonlyArray<SettingName>

const sharedFlags = {
  config: Flag.String(configFlag.flag).pipe(
    described(configFlag.flag, configFlag.description),
    Flag.withMetavar(configFlag.placeholder),
    Flag.optional
  ),
  ...(Object.fromEntries(settingNames.map((name) => [name, settingFlag(name)])) as {
    readonly [Name in SettingName]: Flag.Flag<ReadonlyArray<string>>
  })
}

const root = Command.make("beamscope").pipe(Command.withSharedFlags(sharedFlags))

const serverFlagsOf = ({ config, ...flags }: Command.Command.Config.Infer<typeof sharedFlags>): ServerFlags => ({
  flags,
  ...(Option.isSome(config) && { file: config.value })
})

/** For a subcommand: the flags that it shares with all others. */
const given = Effect.map(root, serverFlagsOf)

const json = switchFlag(commandSwitches.json)

/** What each command does. */
export interface Handlers {
  readonly server: (given: ServerFlags) => Effect.Effect<void, CommandError>
  readonly call: (options: {
    readonly tool: string
    readonly input: Option.Option<string>
    readonly json: boolean
    readonly given: ServerFlags
  }) => Effect.Effect<void, CommandError>
  readonly tools: (options: {
    readonly json: boolean
    readonly given: ServerFlags
  }) => Effect.Effect<void, CommandError>
  readonly doctor: (options: {
    readonly node: string
    readonly json: boolean
    readonly given: ServerFlags
  }) => Effect.Effect<void, CommandError>
  readonly demo: (options: {
    readonly keep: boolean
    readonly yes: boolean
    readonly given: ServerFlags
  }) => Effect.Effect<void, CommandError>
}

/** In the scripts that complete a command line, tools are words to choose from; else the catalogue says which it has. */
const toolArgument = (completing: boolean): Argument.Argument<string> =>
  completing
    ? Argument.Literals(
        "tool",
        guardedTools.map(({ name }) => name)
      )
    : Argument.String("tool")

const commandTree = (handlers: Handlers, completing: boolean) => {
  const call = Command.make(
    "call",
    {
      tool: toolArgument(completing).pipe(Argument.withDescription("The tool's name, see beamscope tools")),
      input: Argument.String("input").pipe(
        Argument.withDescription(
          "Its input as a JSON object, or - to read it from stdin; without a node in it, the one that is configured is asked"
        ),
        Argument.optional
      ),
      json
    },
    (options) => Effect.flatMap(given, (given) => handlers.call({ ...options, given }))
  ).pipe(
    Command.withDescription("Run one tool, print what it finds, and leave"),
    Command.withExamples([
      {
        command: `beamscope call top_processes '{"limit": 5}' --node shop@db1`,
        description: "The five processes that stand out"
      }
    ])
  )

  const tools = Command.make("tools", { json }, (options) =>
    Effect.flatMap(given, (given) => handlers.tools({ ...options, given }))
  ).pipe(Command.withDescription("List the tools that the settings allow"))

  const nodes = Command.make("nodes", { json }, (options) =>
    Effect.flatMap(given, (given) =>
      // As many as a page may have.
      handlers.call({ ...options, tool: "list_nodes", input: Option.some('{"limit": 200}'), given })
    )
  ).pipe(Command.withDescription("List the nodes that are configured or run on this machine"))

  const doctor = Command.make(
    "doctor",
    {
      node: Argument.String("node").pipe(
        Argument.withDescription("The node's name, or its alias in the configuration")
      ),
      json
    },
    (options) => Effect.flatMap(given, (given) => handlers.doctor({ ...options, given }))
  ).pipe(Command.withDescription("Find out, step by step, why a node cannot be connected"))

  const demo = Command.make(
    "demo",
    {
      keep: switchFlag(commandSwitches.keep),
      yes: switchFlag(commandSwitches.yes)
    },
    (options) => Effect.flatMap(given, (given) => handlers.demo({ ...options, given }))
  ).pipe(Command.withDescription("Start an Erlang node and watch Beamscope find what is wrong with it"))

  return root.pipe(
    Command.withDescription(
      "An MCP server that looks into live Erlang/BEAM nodes. Without a subcommand it serves MCP on stdin and stdout."
    ),
    Command.withHandler((flags) => handlers.server(serverFlagsOf(flags))),
    Command.withSubcommands([call, tools, nodes, doctor, demo])
  )
}

const firstLine = ({ message, ...error }: CliError.NonShowHelpErrors): string => {
  const suggestions = "suggestions" in error ? error.suggestions : []
  const [what = message] = message.split("\n")
  return suggestions.length === 0 ? what : `${what}; did you mean ${suggestions.join(" or ")}?`
}

/** A mistake is told in one line, not under a page of help. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(`beamscope: ${event.errors.map(firstLine).join("; ")} (see beamscope --help)`)
      : CliOutput.defaultPresenter.present(event)
}

const cli = Layer.mergeAll(
  NodeServices.layer,
  CliOutput.layerPresenter(presenter),
  // Its own flag for the log level would not be heard by the configuration, and nobody needs a wizard.
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })
)

/** Runs a command line. `--help`, `--version` and `--completions` are answered here, as are mistakes. */
export const commandLine =
  (handlers: Handlers) =>
  (args: ReadonlyArray<string>): Effect.Effect<void, CommandError> =>
    Command.runWith(
      commandTree(
        handlers,
        args.some((arg) => arg.startsWith("--completions"))
      ),
      { version }
    )(args).pipe(
      // What is wrong with the command line has been told by the presenter.
      Effect.mapError((error) => (error instanceof CommandError ? error : usageError(""))),
      Effect.provide(cli)
    )

export const run = commandLine({
  server: serverCommand,
  call: callCommand,
  tools: toolsCommand,
  doctor: doctorCommand,
  demo: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./DemoCommand.ts")),
      ({ demoCommand }) => demoCommand(options)
    )
})
