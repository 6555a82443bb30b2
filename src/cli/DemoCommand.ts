import { Console, Effect } from "effect"
import { realpath } from "node:fs/promises"
import * as DemoNode from "../launch/DemoNode.ts"
import * as Erlang from "../launch/Erlang.ts"
import { type Answer, startServer } from "../mcp/Client.ts"
import { CommandError, usageError } from "./CommandError.ts"
import { demoSettings } from "./DemoSettings.ts"
import { tellUnread } from "./ReadConfig.ts"
import type { ServerFlags } from "./ServerFlags.ts"
import { untilTold } from "./Signals.ts"

/** The node has two seconds to end, and the server before it as many. */
const cleanUpMillis = 5_000

/** Something that an engineer wants to know of a node, and the call that answers it. */
interface Question {
  readonly question: string
  readonly tool: string
  /** What the answers so far, the latest last, make of the tool's input. */
  readonly input: (answers: ReadonlyArray<Answer>) => Readonly<Record<string, unknown>>
}

interface ProcessRow {
  readonly pid: string
  readonly name?: string
  readonly growth_per_second?: number
}

const processesOf = ({ structured }: Answer) => structured["processes"] as ReadonlyArray<ProcessRow> | undefined

/** The process that the latest list of processes begins with. */
const foremost = (answers: ReadonlyArray<Answer>): ProcessRow | undefined =>
  answers.map(processesOf).findLast((rows) => rows !== undefined)?.[0]

const questions: ReadonlyArray<Question> = [
  {
    question: "What is this node, and is it close to a limit?",
    tool: "get_system_info",
    input: () => ({})
  },
  {
    question: "Is there a process whose mailbox grows?",
    tool: "top_processes",
    input: () => ({ sort_by: "message_queue", window_ms: 1_000, limit: 3 })
  },
  {
    question: "What does it do while its messages wait?",
    tool: "get_process_stacktrace",
    input: (answers) => ({ pid: foremost(answers)?.pid })
  },
  {
    question: "Who uses the processor right now?",
    tool: "top_processes",
    input: () => ({ sort_by: "reductions", window_ms: 1_000, limit: 3 })
  },
  {
    question: "What is that process?",
    tool: "get_process_info",
    input: (answers) => ({ pid: foremost(answers)?.pid, groups: ["meta", "location"] })
  }
]

/** Lines of an answer that are shown. */
const maxLines = 8

/** What stands in every result, and says nothing here. */
const frame = /^(?:node|as_of|complete|matched|born|gone|hints):/u

/** An answer as it fits on a terminal. */
const readable = (text: string, columns: number): string => {
  const lines = text.split("\n").filter((line) => !frame.test(line))
  const shown = lines
    .slice(0, maxLines)
    .map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line))
  return [...shown, ...(lines.length > maxLines ? ["…"] : [])].join("\n")
}

const indented = (text: string): string => text.replace(/^/gmu, "   ")

/** How a host on this machine starts the program that we are. */
const ourselves = Effect.promise(async () => ({ command: process.execPath, script: await realpath(process.argv[1]!) }))

/** A demonstration: the node, and the flags of the server beside it that were given for it. */
interface Demo {
  readonly node: DemoNode.DemoNode
  readonly flags: ReadonlyArray<string>
}

const flagsFor = ({ flags, node: { epmdPort, name } }: Demo): ReadonlyArray<string> => [
  `--node=${name}`,
  `--epmd-port=${epmdPort}`,
  ...(flags.some((flag) => flag.startsWith("--mode=")) ? [] : ["--mode=erlang"]),
  ...flags
]

const called = (row: ProcessRow | undefined): string => row?.name ?? row?.pid ?? "no process"
const growth = (row: ProcessRow | undefined): string => (row?.growth_per_second ?? 0).toLocaleString("en")

/** Asks the questions, and prints the dialogue. */
const converse = Effect.fnUntraced(function* (demo: Demo) {
  const { command, script } = yield* ourselves
  const server = yield* startServer({
    command,
    args: [script, ...flagsFor(demo)],
    env: { BEAMSCOPE_COOKIE_FILE: demo.node.cookieFile }
  })
  const columns = Math.max(40, (process.stdout.columns ?? 110) - 3)
  const answers: Array<Answer> = []
  for (const { input, question, tool } of questions) {
    const given = input(answers)
    yield* Console.log(`\n${answers.length + 1}. ${question}`)
    yield* Console.log(`   > ${tool} ${JSON.stringify(given)}`)
    const answer = yield* server.call(tool, given)
    yield* Console.log(indented(readable(answer.text, columns)))
    answers.push(answer)
  }
  const [mailbox, busy] = answers.flatMap((answer) => processesOf(answer)?.slice(0, 1) ?? [])
  yield* Console.log(
    `\nFound in ${answers.length} calls: ${called(mailbox)} has ${growth(mailbox)} messages more each second, ` +
      `and ${called(busy)} keeps the processor busy with ${growth(busy)} reductions a second.`
  )
})

const quoted = (argument: string): string =>
  /^[\w@%+=:,./-]+$/u.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`

/** What to paste where, so that a host can look into the node that stays. */
const invitation = Effect.fnUntraced(function* (demo: Demo) {
  const { command, script } = yield* ourselves
  const args = [script, ...flagsFor(demo), `--cookie-file=${demo.node.cookieFile}`]
  const json = JSON.stringify({ mcpServers: { beamscope: { command, args } } }, null, 2)
  yield* Console.log(`
The node stays. To let your assistant look into it, paste one of these.

Claude Desktop (claude_desktop_config.json), Cursor (.cursor/mcp.json):

${json}

Claude Code:

claude mcp add beamscope -- ${[command, ...args].map(quoted).join(" ")}

To end the node:

${demo.node.stopCommand}`)
})

/** `beamscope demo`: a node to look into, and a conversation over MCP that finds what is wrong with it. */
export const demoCommand = (options: {
  readonly keep: boolean
  readonly yes: boolean
  readonly given: ServerFlags
}): Effect.Effect<void, CommandError> =>
  untilTold(
    Effect.gen(function* () {
      const { flags, unused } = yield* Effect.fromResult(demoSettings(options.given, process.env))
      tellUnread(process.env)
      if (unused.length > 0)
        yield* Console.error(`beamscope: the demo has a node and a server of its own, without ${unused.join(", ")}`)
      const erlang = yield* Erlang.install(options)
      yield* Console.log("Starting an Erlang node with a small shop on it, and Beamscope beside it as an MCP server.")
      const node = yield* DemoNode.start({ erlang, keep: options.keep })
      const demo: Demo = { node, flags }
      yield* Effect.scoped(converse(demo)).pipe(
        // A node that nobody was told how to end must not stay.
        Effect.onError(() => Effect.ignore(Effect.try(() => options.keep && process.kill(node.pid))))
      )
      if (options.keep) yield* invitation(demo)
    }).pipe(Effect.scoped),
    cleanUpMillis
  ).pipe(
    Effect.catchTag(["LaunchError", "ClientError"], ({ message }) =>
      Effect.fail(new CommandError({ exitCode: 1, message }))
    ),
    Effect.catchTag("ConfigError", ({ message }) => Effect.fail(usageError(message)))
  )
