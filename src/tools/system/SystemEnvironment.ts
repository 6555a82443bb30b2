import { Effect, Schema } from "effect"
import { type Started, started, type Variable, variables } from "../../beam/Environment.ts"
import { type Term } from "../../etf/Term.ts"
import { visible } from "../../syntax/Escape.ts"
import { countCut, cutNote } from "../CutValues.ts"
import { amount, bytes } from "../Quantity.ts"
import {
  cursor,
  FilterText,
  ledBy,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { redacted } from "../SecretShapes.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { left, leftNote, unanswered } from "../Unanswered.ts"

/** The value of a variable. A cookie is never shown, whatever else is. */
const valueText = ({ name, value }: Variable, terms: Terms, characters = Infinity): string | undefined => {
  if (value === undefined) return undefined
  return /cookie/iu.test(name.text()) ? redacted : terms.value(name, value, characters)
}

/** One argument as on the command line; what follows the name of a secret is one. */
const argumentText = ({ flag, values }: Started["arguments"][number], terms: Terms, characters = Infinity): string => {
  if (flag.text === "setcookie") return `-setcookie ${redacted}`
  const shown = values.map((value, at) => {
    const keys: ReadonlyArray<Term> = at === 0 ? [flag] : [flag, values[at - 1]!]
    const texts = keys.map((key) => terms.value(key, value, characters))
    return texts.includes(redacted) ? redacted : visible(value.text())
  })
  const text = [`-${visible(flag.text)}`, ...shown].join(" ")
  return text.length <= characters ? text : `${text.slice(0, characters - 3)}...`
}

/** What the agent could not see, in words. */
const note = (why: string): string => {
  switch (why) {
    case "code_server":
      return unanswered("code_server", "the number of code paths is not known")
    case left:
      return leftNote
    default:
      return unanswered("init", "the arguments are not known")
  }
}

const getEnvironment = Tool.make({
  toolset: "system",
  access: "inspect",
  cost: "cheap",
  target: "connected",
  name: "get_environment",
  title: "Environment of a node",
  description:
    "How a node was started: arguments, flags, directory, environment variables; values only of those in `names`.",
  input: {
    names: Schema.optionalKey(Schema.Array(FilterText).check(Schema.isMaxLength(50))),
    sort_by: sortBy(["name", "bytes"], "name"),
    filter: Schema.optionalKey(FilterText),
    limit: limitUpTo(500, 100),
    cursor
  },
  output: {
    ...listOutput,
    os_pid: Schema.String,
    host: Schema.String,
    directory: Schema.optionalKey(Schema.String),
    code_paths: Schema.optionalKey(Schema.Int),
    emulator_flags: Schema.optionalKey(Schema.String),
    arguments: Schema.optionalKey(Schema.Array(Schema.String)),
    plain_arguments: Schema.optionalKey(Schema.Int),
    variables: Schema.optionalKey(
      Schema.Array(Schema.Struct({ name: Schema.String, bytes: Schema.Int, value: Schema.optionalKey(Schema.String) }))
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter, limit, names, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const bounds = yield* listBounds(limit, after)
    const [listed, start] = yield* Effect.all(
      [
        variables(node, {
          ...bounds,
          sort,
          ...(names !== undefined && { names }),
          ...(filter !== undefined && { contains: filter })
        }),
        started(node)
      ],
      { concurrency: "unbounded" }
    )
    const { matched, rows, total } = listed
    const first = rows[0]?.row
    const leading =
      sort === "name" ? "" : ledBy(first && `${visible(first.name.text())} with ${bytes(first.bytes)}`, after)
    const found = new Set(rows.map(({ row }) => row.name.text()))
    const missing = after === undefined && filter === undefined ? (names ?? []).filter((name) => !found.has(name)) : []
    return {
      summary: (shown: number) =>
        `Process ${visible(start.osPid)} of the operating system on ${visible(start.host)}, with ${amount(total, "environment variable")}: ${names === undefined ? shownOf(shown, matched, "name") : shownOf(shown, matched, "name and value", "names and values")} here${sort === "name" ? "" : ", by bytes of the value"}${leading}.`,
      complete: start.incomplete.length === 0,
      notes: [
        ...(missing.length === 0 ? [] : [`Not set (or not on this page): ${missing.map(visible).join(", ")}.`]),
        ...start.incomplete.map(note)
      ],
      cut: (characters: number, shown: number) => {
        const prints = [
          ...start.arguments.map((it) => (most?: number) => argumentText(it, terms, most)),
          ...rows.slice(0, shown).map(
            ({ row }) =>
              (most?: number) =>
                valueText(row, terms, most)
          )
        ]
        return cutNote(countCut(prints, characters), "value")
      },
      data: (characters: number) => ({
        total,
        matched,
        os_pid: visible(start.osPid),
        host: visible(start.host),
        directory: start.directory && visible(start.directory),
        code_paths: start.codePaths,
        emulator_flags: start.emulatorFlags.length === 0 ? undefined : visible(start.emulatorFlags.join(" ")),
        arguments: start.arguments.map((it) => argumentText(it, terms, characters)),
        plain_arguments: start.plainArguments === 0 ? undefined : start.plainArguments,
        variables: rows.map(({ row }) => ({
          name: visible(row.name.text()),
          bytes: row.bytes,
          value: valueText(row, terms, characters)
        }))
      }),
      page: pageOf("variables", listed),
      hints: names === undefined && rows.length > 0 ? ['get_environment {"names": ["PATH"]}'] : []
    }
  })
})

export const systemEnvironmentTools: ReadonlyArray<Tool.Tool> = [getEnvironment]
