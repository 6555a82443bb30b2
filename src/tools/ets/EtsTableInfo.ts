import { Effect, Schema } from "effect"
import { maxWalked, tableInfo } from "../../beam/Ets.ts"
import { visible } from "../../syntax/Escape.ts"
import { notRead } from "../Answer.ts"
import { called, idOf, noTable, shared, showTable, sized, table, tableFields, tableName } from "./EtsTable.ts"
import { amount, duration } from "../Quantity.ts"
import { termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const Switch = Schema.optionalKey(Schema.Boolean)

export const getEtsTableInfo = Tool.make({
  ...shared,
  name: "get_ets_table_info",
  title: "One ETS table",
  description:
    "One ETS table without its objects: size, memory, owner, heir, options, who has fixed it, and how full its buckets are.",
  cost: "cheap",
  input: { table },
  output: {
    ...tableFields,
    key_position: Schema.Int,
    bytes_per_object: Schema.optionalKey(Schema.Int),
    heir: Schema.optionalKey(Schema.String),
    options: Schema.Struct({
      compressed: Switch,
      read_concurrency: Switch,
      write_concurrency: Schema.optionalKey(Schema.Union([Schema.Boolean, Schema.String])),
      decentralized_counters: Switch
    }),
    fixed: Schema.optionalKey(
      Schema.Struct({ for_ms: Schema.Int, process_count: Schema.Int, by: Schema.Array(Schema.String) })
    ),
    buckets: Schema.optionalKey(
      Schema.Union([
        Schema.Struct({ count: Schema.Int, average_objects: Schema.Finite, most_objects: Schema.Int }),
        Schema.String
      ])
    )
  },
  run: Effect.fnUntraced(function* ({ table: text }, node) {
    const terms = yield* termsOf(node)
    const info = yield* tableInfo(node, yield* tableName(node, text))
    if (info._tag === "NoTable") return yield* noTable(node, text, info, terms)
    const { chains, fixed } = info
    const isUncounted = chains === undefined && info.type !== "ordered_set"
    const owner = info.ownerName === undefined ? terms.print(info.owner) : terms.atom(info.ownerName)
    return {
      summary: `${called(info, terms)} is a ${visible(info.protection)} ${visible(info.type)} of ${owner} with ${sized(info)}.`,
      notes: [
        ...(isUncounted
          ? [
              `How full its buckets are was not read: that walks the table, which is done up to ${amount(maxWalked, "object")}.`
            ]
          : []),
        "memory_bytes has no binaries of more than 64 bytes: those lie outside of the table.",
        ...(fixed !== undefined && fixed.millis > longFixed
          ? [
              `It has been fixed for ${duration(fixed.millis)}: while somebody walks it, what is deleted still takes room.`
            ]
          : [])
      ],
      data: {
        ...showTable(info, terms),
        key_position: info.keyPosition,
        bytes_per_object: info.objects === 0 ? undefined : Math.round(info.memoryBytes / info.objects),
        heir: info.heir && terms.print(info.heir),
        options: {
          compressed: info.compressed,
          read_concurrency: info.readConcurrency,
          write_concurrency:
            typeof info.writeConcurrency === "string" ? visible(info.writeConcurrency) : info.writeConcurrency,
          decentralized_counters: info.decentralizedCounters
        },
        fixed: fixed && {
          for_ms: fixed.millis,
          process_count: fixed.count,
          by: fixed.by.map((pid) => terms.print(pid))
        },
        buckets: isUncounted
          ? notRead
          : chains && {
              count: chains.buckets,
              average_objects: Math.round(chains.average * 100) / 100,
              most_objects: chains.longest
            }
      },
      hints: [
        info.protection === "private"
          ? `get_process_info ${JSON.stringify({ pid: terms.print(info.owner) })}`
          : `sample_ets_table ${JSON.stringify({ table: idOf(info, terms) })}`
      ]
    }
  })
})

/** Milliseconds for which a walk may fix a table before that is worth a word. */
const longFixed = 10_000
