import { Effect, Schema } from "effect"
import { mnesia, type Mnesia, type MnesiaTable, storages } from "../../beam/Mnesia.ts"
import { visible } from "../../syntax/Escape.ts"
import { listed } from "../../syntax/Excerpt.ts"
import { namePart } from "../AtomName.ts"
import { whyLate } from "../Deadline.ts"
import {
  cursor,
  FilterText,
  isFiltering,
  ledBy,
  limitUpTo,
  listBounds,
  ListPosition,
  noneOf,
  ofItsMoment,
  pageOf,
  shownOf,
  sortBy
} from "../Listing.ts"
import { amount, bytes } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const Text = Schema.optionalKey(Schema.String)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))
const Count = Schema.optionalKey(Schema.Int)

/** A column in which every row has nothing is left out of a text, too. */
const some = (names: ReadonlyArray<string>): ReadonlyArray<string> | undefined =>
  names.length === 0 ? undefined : names

/** A row leaves out what is as it is by default. */
const showTable = (table: MnesiaTable, terms: Terms) => ({
  name: terms.atom(table.name),
  type: visible(table.type),
  storage: table.storage === "unknown" ? "none here" : visible(table.storage),
  objects: table.objects,
  memory_bytes: table.memoryBytes,
  file_bytes: table.fileBytes,
  ram_copies: some(table.ramCopies.map(visible)),
  disc_copies: some(table.discCopies.map(visible)),
  disc_only_copies: some(table.discOnlyCopies.map(visible)),
  read_from: table.readFrom && visible(table.readFrom),
  write_to: table.writeTo.map(visible),
  load_order: table.loadOrder === 0 ? undefined : table.loadOrder,
  attributes: table.attributes.map(terms.atom),
  indexes: some(
    table.indexes.map((at) => {
      const attribute = table.attributes[at - 2]
      return attribute === undefined ? String(at) : terms.atom(attribute)
    })
  ),
  record_name:
    table.recordName === undefined || table.recordName === table.name ? undefined : terms.atom(table.recordName),
  majority: table.majority ? true : undefined,
  access_mode: table.accessMode === "read_write" ? undefined : table.accessMode && visible(table.accessMode),
  checkpoints: table.checkpoints === 0 ? undefined : table.checkpoints,
  master_nodes: some(table.masterNodes.map(visible))
})

const showMnesia = (about: Mnesia) => ({
  nodes: about.nodes.map(visible),
  running_nodes: about.runningNodes.map(visible),
  directory: about.usesDisc ? about.directory && visible(about.directory) : undefined,
  transaction_commits: about.commits,
  transaction_failures: about.failures,
  transaction_restarts: about.restarts,
  log_writes: about.logWrites,
  held_locks: about.heldLocks,
  waiting_locks: about.waitingLocks,
  message_queues: Object.fromEntries(about.queues.map(({ messages, process }) => [process, messages]))
})

/** What is worth a word before the tables are. */
const warnings = ({ nodes, runningNodes, tables }: Mnesia): ReadonlyArray<string> => {
  const down = nodes.filter((node) => !runningNodes.includes(node))
  const unloaded = tables.rows.filter(({ row }) => row.readFrom === "nowhere").map(({ row }) => row.name)
  return [
    ...(down.length > 0 ? [`Mnesia does not run on, or is not connected to, ${listed(down)}.`] : []),
    ...(unloaded.length > 0 ? [`Not loaded, so that reads fail: ${listed(unloaded)}.`] : [])
  ]
}

const states = {
  no: "does not run",
  starting: "is starting",
  stopping: "is stopping"
} as const

const listMnesiaTables = Tool.make({
  toolset: "mnesia",
  access: "inspect",
  cost: "moderate",
  target: "connected",
  name: "list_mnesia_tables",
  title: "Mnesia and its tables",
  description:
    "Mnesia on a node: its tables with size, copies and indexes, the nodes that run it, transactions and locks since it started. Says so where it does not run; starts nothing.",
  input: {
    sort_by: sortBy(["memory", "size", "name"], "memory"),
    filter: Schema.optionalKey(
      Schema.Struct({ name: Schema.optionalKey(FilterText), storage: Schema.optionalKey(Schema.Literals(storages)) })
    ),
    limit: limitUpTo(100, 20),
    cursor
  },
  output: {
    running: Schema.Boolean,
    mnesia: Schema.optionalKey(
      Schema.Struct({
        nodes: Texts,
        running_nodes: Texts,
        directory: Text,
        transaction_commits: Count,
        transaction_failures: Count,
        transaction_restarts: Count,
        log_writes: Count,
        held_locks: Count,
        waiting_locks: Count,
        message_queues: Schema.optionalKey(Schema.Record(Schema.String, Schema.Int))
      })
    ),
    total: Count,
    matched: Count,
    tables: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          name: Schema.String,
          type: Schema.String,
          storage: Schema.String,
          objects: Count,
          memory_bytes: Count,
          file_bytes: Count,
          ram_copies: Texts,
          disc_copies: Texts,
          disc_only_copies: Texts,
          read_from: Text,
          write_to: Texts,
          load_order: Count,
          attributes: Texts,
          indexes: Texts,
          record_name: Text,
          majority: Schema.optionalKey(Schema.Boolean),
          access_mode: Text,
          checkpoints: Count,
          master_nodes: Texts
        })
      )
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const about = yield* mnesia(node, {
      sort,
      ...filter,
      ...(filter.name !== undefined && { name: namePart(filter.name) }),
      ...(yield* listBounds(limit, after))
    })
    if (about._tag === "NotRunning") {
      return {
        summary: `Mnesia ${states[about.state]} on ${node.name}.`,
        data: { running: false, total: 0, matched: 0 },
        hints: about.state === "no" ? ["list_ets_tables"] : []
      }
    }
    const { tables } = about
    const { incomplete, matched, rows, total } = tables
    const first = rows[0]?.row
    const size = first?.memoryBytes ?? first?.fileBytes
    const leading = ledBy(
      first && `${terms.atom(first.name)}${size === undefined ? "" : ` with ${bytes(size)}`}`,
      after
    )
    const isLate = incomplete.length > 0
    return {
      summary: (shown: number) =>
        first === undefined
          ? noneOf(tables, isFiltering(filter), "Mnesia table")
          : `Mnesia runs on ${amount(about.runningNodes.length, "node")} of ${about.nodes.length}; ${shownOf(shown, matched, "table")} by ${sort}${leading}.`,
      complete: !isLate,
      notes: [
        ...ofItsMoment(after, sort, "table", ["name"]),
        ...warnings(about),
        ...(isLate ? [`Time ran out before all tables were looked at. Allow more with timeout_ms. ${whyLate}`] : [])
      ],
      data: {
        running: true,
        mnesia: showMnesia(about),
        total,
        matched,
        tables: rows.map(({ row }) => showTable(row, terms))
      },
      page: pageOf("tables", tables),
      hints:
        first === undefined || first.memoryBytes === undefined
          ? []
          : [`sample_ets_table ${JSON.stringify({ table: terms.atom(first.name) })}`]
    }
  })
})

/** The Mnesia toolset. */
export const mnesiaTools: ReadonlyArray<Tool.Tool> = [listMnesiaTables]
