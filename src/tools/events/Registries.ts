import { Effect, Schema } from "effect"
import {
  registries,
  type Registry,
  type RegistryEntries,
  registryEntries,
  type RegistryKind
} from "../../beam/Registries.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { readAtom } from "../../syntax/AtomText.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
import { namePart } from "../AtomName.ts"
import { countCutValues, cutNote } from "../CutValues.ts"
import { whyLate } from "../Deadline.ts"
import { didYouMeanAtom } from "../DidYouMean.ts"
import {
  cursor,
  FilterText,
  isFiltering,
  ledBy,
  limitUpTo,
  listBounds,
  listOutput,
  ListPosition,
  noneOf,
  ofItsMoment,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { amount, bytes } from "../Quantity.ts"
import { partPattern } from "../TermPart.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"

const shared = {
  toolset: "events",
  access: "inspect",
  cost: "moderate",
  target: "connected",
  timeoutMillis: 15_000
} as const

const Text = Schema.optionalKey(Schema.String)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))

/** Characters of a key in a row. */
const keyCharacters = 200

/** Names of atoms that a text may stand for: as a language writes atoms, or bare. */
export const atomNames = (text: string): ReadonlyArray<string> => {
  const verbatim = text.trim()
  const read = readAtom(verbatim, 0)
  return [...new Set([...(read?.end === verbatim.length ? [read.name] : []), verbatim])]
}

/** Names that were perhaps meant, as atoms are shown. */
export const meantAtoms = (written: string, names: ReadonlyArray<string>, terms: Terms): ReadonlyArray<string> =>
  didYouMeanAtom(written, names).map(terms.atom)

/** What keeps a list of names from being whole, in words. */
export const whyMissing = (incomplete: ReadonlyArray<string>, what: string): ReadonlyArray<string> => [
  ...(incomplete.includes("deadline")
    ? [`Time ran out before all ${what} were looked at. Allow more with timeout_ms. ${whyLate}`]
    : []),
  ...(incomplete.includes("many")
    ? [
        `There are more ${what} than are read for one answer, which is 100,000 at most, and fewer where their names are large: some are missing, and counts are too low.`
      ]
    : []),
  ...(incomplete.includes("long")
    ? [
        `Of names above 1,000 bytes a filter looks at the beginning alone: it may hold for more ${what} than it was found in.`
      ]
    : [])
]

/** {@link shownOf}, where not all may have been read. */
export const shownOfKnown = (
  shown: number,
  { incomplete, matched }: Pick<RegistryEntries, "incomplete" | "matched">,
  singular: string,
  plural?: string
): string => {
  const isCut = incomplete.includes("many") || incomplete.includes("deadline")
  if (!isCut || matched === 0) return shownOf(shown, matched, singular, plural)
  const all = amount(matched, singular, plural)
  return shown === matched ? `At least ${all}` : `${shown} of at least ${all}`
}

/** The summary of a list of names; `rest` is what is said behind how many are shown, `where` what they are names of. */
export const namesShown = (
  shown: number,
  read: Pick<RegistryEntries, "incomplete" | "matched" | "total"> & { readonly rows: ReadonlyArray<unknown> },
  filter: object,
  { rest = "", singular, where }: { readonly singular: string; readonly where: string; readonly rest?: string }
): string => {
  const words = [`${singular} ${where}`, `${singular}s ${where}`] as const
  // Of the reasons why names may be missing, only the clock keeps all of a list from being searched.
  if (read.rows.length === 0)
    return noneOf(
      { ...read, incomplete: read.incomplete.filter((why) => why === "deadline") },
      isFiltering(filter),
      ...words
    )
  return `${shownOfKnown(shown, read, ...words)}${rest}.`
}

/** The next call, about the first process of a row. */
export const inspectFirst = (
  row: { readonly pids: RegistryEntries["rows"][number]["row"]["pids"] } | undefined,
  terms: Terms
): ReadonlyArray<string> =>
  row?.pids[0] === undefined ? [] : [`get_process_info ${JSON.stringify({ pid: terms.print(row.pids[0]) })}`]

/** A registry as the argument takes it. */
const argumentOf = ({ kind, name }: Pick<Registry, "kind" | "name">, terms: Terms): string => {
  if (kind === "elixir") return terms.atom(name)
  return kind === "syn" && name !== "syn" ? `syn/${terms.atom(name)}` : kind
}

/** The registry that is meant. One of Elixir, unless it has the name of another registry. */
const sought = (text: string): { readonly kind: RegistryKind; readonly names: ReadonlyArray<string> } => {
  const names = atomNames(text)
  const kind = (["global", "gproc", "syn"] as const).find((it) => names.includes(it))
  if (kind !== undefined) return { kind, names: [kind] }
  return text.startsWith("syn/") ? { kind: "syn", names: atomNames(text.slice(4)) } : { kind: "elixir", names }
}

const showRegistry = (registry: Registry, terms: Terms) => ({
  registry: argumentOf(registry, terms),
  kind: registry.kind,
  keys: terms.print(registry.keys, 100),
  entries: registry.entries,
  memory_bytes: registry.memoryBytes,
  partitions: registry.partitions,
  pid: registry.pid && terms.print(registry.pid),
  listeners: registry.listeners.map(terms.atom)
})

const listRegistries = Tool.make({
  ...shared,
  name: "list_registries",
  title: "Registries and their keys",
  description:
    "Registries of names: Elixir's Registry, global, gproc, syn; how many entries, unique or duplicate keys, memory. With registry its keys, each with its processes. Reads tables only. Next: list_registries with registry.",
  input: {
    registry: Schema.optionalKey(FilterText),
    sort_by: sortBy(["entries", "memory", "name"], "entries"),
    filter: Schema.optionalKey(Schema.Struct({ name: Schema.optionalKey(FilterText) })),
    limit: limitUpTo(200, 20),
    cursor
  },
  output: {
    ...listOutput,
    registries: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          registry: Schema.String,
          kind: Schema.String,
          keys: Schema.String,
          entries: Schema.Int,
          memory_bytes: Schema.Int,
          partitions: Schema.optionalKey(Schema.Int),
          pid: Text,
          listeners: Texts
        })
      )
    ),
    keys: Schema.optionalKey(
      Schema.Array(Schema.Struct({ key: Schema.String, entries: Schema.Int, pids: Texts, value: Text }))
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, registry, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const bounds = yield* listBounds(limit, after)
    if (registry !== undefined) {
      if (sort === "memory") {
        return yield* new ToolError({
          code: "invalid_input",
          message: "list_registries: with registry, sort_by is entries or name.",
          retryable: false
        })
      }
      const read = yield* registryEntries(node, {
        ...bounds,
        sort,
        pattern: filter.name && (yield* partPattern(node, filter.name)),
        from: sought(registry)
      })
      if (read._tag === "NoRegistry") return yield* noRegistry(node, registry, read.names, terms)
      return answerKeys(read, filter, terms, ofItsMoment(after, sort, "key", ["name"]))
    }
    const page = yield* registries(node, { ...bounds, sort, name: filter.name && namePart(filter.name) })
    const { matched, rows, total } = page
    const first = rows[0]?.row
    const leading = ledBy(
      first &&
        `${argumentOf(first, terms)} with ${amount(first.entries, "entry", "entries")} in ${bytes(first.memoryBytes)}`,
      after
    )
    return {
      summary: (shown: number) =>
        rows.length === 0
          ? noneOf(page, isFiltering(filter), "registry", "registries")
          : `${shownOf(shown, matched, "registry", "registries")} by ${sort}${leading}.`,
      notes: ofItsMoment(after, sort, "registry", ["name"]),
      data: { total, matched, registries: rows.map(({ row }) => showRegistry(row, terms)) },
      page: pageOf("registries", page),
      hints: first === undefined ? [] : [`list_registries ${JSON.stringify({ registry: argumentOf(first, terms) })}`]
    }
  })
})

const answerKeys = (read: RegistryEntries, filter: object, terms: Terms, later: ReadonlyArray<string>) => {
  const { incomplete, matched, rows, sources, total } = read
  const unread = rows.filter(({ row }) => row.isUnread).length
  const notes = [
    ...later,
    ...whyMissing(incomplete, "registrations"),
    ...(unread > 0
      ? [
          `${amount(unread, "value is", "values are")} not read: the node would have to copy what may be all of a large table (from 128.0 MiB on), or more than ${bytes(64 * 1024 * 1024)}.`
        ]
      : [])
  ]
  const called = sources.map((source) => argumentOf(source, terms)).join(", ")
  return {
    summary: (shown: number) => namesShown(shown, read, filter, { singular: "key", where: `of ${called}` }),
    complete: incomplete.length === 0 && unread === 0,
    notes,
    cut: (characters: number, shown: number) => {
      const values = rows
        .slice(0, shown)
        .flatMap(({ row: { key, value } }) => (value === undefined ? [] : [[key, value] as const]))
      return cutNote(countCutValues(values, terms, characters), "value")
    },
    data: (characters: number) => ({
      total,
      matched,
      registries: sources.map((source) => showRegistry(source, terms)),
      keys: rows.map(({ row }) => ({
        key: terms.print(row.key, keyCharacters),
        entries: row.count,
        pids: row.pids.map((pid) => terms.print(pid)),
        value: row.value === undefined ? undefined : terms.value(row.key, row.value, characters)
      }))
    }),
    page: pageOf("keys", read),
    hints: inspectFirst(rows[0]?.row, terms)
  }
}

const noRegistry = (node: ErlangNode, text: string, names: ReadonlyArray<string>, terms: Terms): ToolError =>
  new ToolError({
    code: "not_found",
    message: `There is no registry ${excerpt(text)} on ${node.name}.`,
    retryable: false,
    next: "list_registries",
    didYouMean: meantAtoms(text, names, terms)
  })

const listPubsubTopics = Tool.make({
  ...shared,
  name: "list_pubsub_topics",
  title: "Topics of Phoenix.PubSub",
  description:
    "Topics of Phoenix.PubSub 2 that processes of this node subscribe to, with the number of subscriptions and the first subscribers. Reads tables only; other nodes keep their own. Next: get_process_info.",
  input: {
    pubsub: Schema.optionalKey(FilterText),
    sort_by: sortBy(["subscribers", "name"], "subscribers"),
    filter: Schema.optionalKey(Schema.Struct({ topic: Schema.optionalKey(FilterText) })),
    limit: limitUpTo(200, 20),
    cursor
  },
  output: {
    ...listOutput,
    pubsubs: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({ pubsub: Schema.String, adapter: Text, subscriptions: Schema.Int, memory_bytes: Schema.Int })
      )
    ),
    topics: Schema.optionalKey(
      Schema.Array(Schema.Struct({ topic: Schema.String, pubsub: Schema.String, subscribers: Schema.Int, pids: Texts }))
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, pubsub, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const read = yield* registryEntries(node, {
      ...(yield* listBounds(limit, after)),
      sort: sort === "subscribers" ? "entries" : sort,
      pattern: filter.topic && (yield* partPattern(node, filter.topic)),
      from: { kind: "pubsub", names: pubsub === undefined ? undefined : atomNames(pubsub) }
    })
    if (read._tag === "NoRegistry") {
      return yield* new ToolError({
        code: "not_found",
        message: `There is no Phoenix.PubSub ${excerpt(pubsub!)} on ${node.name}${read.names.length === 0 ? ", nor any other" : ""}.`,
        retryable: false,
        next: "list_pubsub_topics",
        didYouMean: meantAtoms(pubsub!, read.names, terms)
      })
    }
    const { incomplete, matched, rows, sources, total } = read
    const first = rows[0]?.row
    const leading = ledBy(first && `${terms.print(first.key, 80)} with ${amount(first.count, "subscriber")}`, after)
    return {
      summary: (shown: number) =>
        sources.length === 0
          ? `No Phoenix.PubSub (of version 2) runs on ${node.name}.`
          : namesShown(shown, read, filter, {
              singular: "topic",
              where: `of ${sources.map(({ name }) => terms.atom(name)).join(", ")}`,
              rest: ` by ${sort}${leading}`
            }),
      complete: incomplete.length === 0,
      notes: [...ofItsMoment(after, sort, "topic", ["name"]), ...whyMissing(incomplete, "subscriptions")],
      data: {
        total,
        matched,
        pubsubs: sources.map((source) => ({
          pubsub: terms.atom(source.name),
          adapter: source.adapter && terms.atom(source.adapter),
          subscriptions: source.entries,
          memory_bytes: source.memoryBytes
        })),
        topics: rows.map(({ row }) => ({
          topic: terms.print(row.key, keyCharacters),
          pubsub: terms.atom(row.registry),
          subscribers: row.count,
          pids: row.pids.map((pid) => terms.print(pid))
        }))
      },
      page: pageOf("topics", read),
      hints: inspectFirst(first, terms)
    }
  })
})

/** The tools for names that are registered. */
export const registryTools: ReadonlyArray<Tool.Tool> = [listRegistries, listPubsubTopics]
