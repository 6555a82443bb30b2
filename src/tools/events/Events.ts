import { Effect, Schema } from "effect"
import {
  eventSorts,
  type EventSource,
  eventSources,
  handlerKinds,
  type Silence,
  silences
} from "../../beam/EventHandlers.ts"
import { processGroups } from "../../beam/ProcessGroups.ts"
import { visible } from "../../syntax/Escape.ts"
import { excerpt } from "../../syntax/Excerpt.ts"
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
  sortBy
} from "../Listing.ts"
import { amount } from "../Quantity.ts"
import {
  atomNames,
  inspectFirst,
  meantAtoms,
  namesShown,
  registryTools,
  shownOfKnown,
  whyMissing
} from "./Registries.ts"
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
const Count = Schema.optionalKey(Schema.Int)
const Texts = Schema.optionalKey(Schema.Array(Schema.String))

/** Scopes that a result names. */
const shownScopes = 20

/** Characters of a group, an event or an id in a row. */
const nameCharacters = 200

const listProcessGroups = Tool.make({
  ...shared,
  name: "list_process_groups",
  title: "Process groups",
  description:
    "Groups of pg in all scopes or one, with their members here and on other nodes, and the first pids. Reads tables only. Next: get_process_info, list_registries.",
  input: {
    scope: Schema.optionalKey(FilterText),
    sort_by: sortBy(["members", "local", "remote", "name"], "members"),
    filter: Schema.optionalKey(Schema.Struct({ group: Schema.optionalKey(FilterText) })),
    limit: limitUpTo(200, 20),
    cursor
  },
  output: {
    ...listOutput,
    scopes: Schema.optionalKey(Schema.Array(Schema.Struct({ scope: Schema.String, groups: Schema.Int, server: Text }))),
    groups: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          group: Schema.String,
          scope: Schema.String,
          members: Schema.Int,
          local_members: Schema.Int,
          remote_members: Schema.Int,
          nodes: Schema.Int,
          pids: Texts
        })
      )
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, scope, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const read = yield* processGroups(node, {
      ...(yield* listBounds(limit, after)),
      sort,
      scope: scope === undefined ? undefined : atomNames(scope),
      pattern: filter.group && (yield* partPattern(node, filter.group))
    })
    const { scopes } = read
    if (read._tag === "NoScope") {
      return yield* new ToolError({
        code: "not_found",
        message: `There is no scope ${excerpt(scope!)} of pg on ${node.name}${scopes.length === 0 ? ", nor any other" : ""}.`,
        retryable: false,
        next: "list_process_groups",
        didYouMean: meantAtoms(
          scope!,
          scopes.map(({ name }) => name),
          terms
        )
      })
    }
    const { incomplete, matched, rows, total } = read
    const first = rows[0]?.row
    const leading = ledBy(
      first &&
        `${terms.print(first.group, 80)} with ${amount(first.members, "member")}, ${first.localMembers} of them here`,
      after
    )
    const all = scope === undefined ? `in ${amount(scopes.length, "scope")}` : `in scope ${excerpt(scope)}`
    return {
      summary: (shown: number) =>
        scopes.length === 0
          ? `No scope of pg runs on ${node.name}.`
          : namesShown(shown, read, filter, { singular: "group", where: all, rest: ` by ${sort}${leading}` }),
      complete: incomplete.length === 0,
      notes: [
        ...ofItsMoment(after, sort, "group", ["name"]),
        ...whyMissing(incomplete, "groups"),
        ...(scopes.length > shownScopes ? [`${shownScopes} of ${scopes.length} scopes are named.`] : [])
      ],
      data: {
        total,
        matched,
        scopes: scopes.slice(0, shownScopes).map(({ groups, name, server }) => ({
          scope: terms.atom(name),
          groups,
          server: server && terms.print(server)
        })),
        groups: rows.map(({ row }) => ({
          group: terms.print(row.group, nameCharacters),
          scope: terms.atom(row.scope),
          members: row.members,
          local_members: row.localMembers,
          remote_members: row.members - row.localMembers,
          nodes: row.nodes,
          pids: row.pids.map((pid) => terms.print(pid))
        }))
      },
      page: pageOf("groups", read),
      hints: inspectFirst(first, terms)
    }
  })
})

const nameOf = ({ kind, name, pid }: EventSource, terms: Terms): string => {
  if (kind === "logger") return kind
  const shown = name ?? pid
  return shown === undefined ? kind : terms.print(shown, nameCharacters)
}

const showSource = (source: EventSource, terms: Terms) => ({
  name: nameOf(source, terms),
  kind: source.kind,
  pid: source.pid && terms.print(source.pid),
  message_queue_length: source.messages,
  state: source.silence,
  handler_count: source.count,
  handlers: source.handlers.map((handler) => ({
    id: terms.print(handler.id, nameCharacters),
    function: handler.function && terms.mfa(handler.function),
    module: handler.module && terms.atom(handler.module),
    level: handler.level && visible(handler.level)
  }))
})

/** What it means that a manager did not tell its handlers. */
const meanings: Readonly<Record<Silence, string>> = {
  busy: "busy: not asked, since it does something else or has messages waiting",
  silent: "silent: asked, and did not answer within a second; the request is still in its queue",
  gone: "gone: ended before it could answer",
  unread: "unread: not asked, since time ran out"
}

const listEventHandlers = Tool.make({
  ...shared,
  name: "list_event_handlers",
  title: "Event handlers",
  description:
    "Who handles events: gen_event managers with their handlers (asked only where idle), telemetry events with what is attached, logger's handlers. Next: get_log_configuration, get_process_info.",
  input: {
    sort_by: sortBy(eventSorts, "kind"),
    filter: Schema.optionalKey(
      Schema.Struct({
        kind: Schema.optionalKey(Schema.Literals(handlerKinds)),
        name: Schema.optionalKey(FilterText)
      })
    ),
    limit: limitUpTo(200, 20),
    cursor
  },
  output: {
    ...listOutput,
    sources: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          name: Schema.String,
          kind: Schema.Literals(handlerKinds),
          pid: Text,
          message_queue_length: Count,
          state: Schema.optionalKey(Schema.Literals(silences)),
          handler_count: Count,
          handlers: Schema.optionalKey(
            Schema.Array(Schema.Struct({ id: Schema.String, function: Text, module: Text, level: Text }))
          )
        })
      )
    )
  },
  position: ListPosition,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const page = yield* eventSources(node, {
      ...(yield* listBounds(limit, after)),
      sort,
      kind: filter.kind,
      pattern: filter.name && (yield* partPattern(node, filter.name))
    })
    const { incomplete, matched, rows, total } = page
    const silent = silences.filter((it) => rows.some(({ row }) => row.silence === it))
    const untold = rows
      .filter(({ row }) => row.kind === "logger")
      .flatMap(({ row }) => row.handlers.filter(({ module }) => module === undefined))
    const busy = rows.find(({ row }) => row.silence === "busy" || row.silence === "silent")?.row
    return {
      summary: (shown: number) => {
        if (rows.length === 0) return noneOf(page, isFiltering(filter), "source of events", "sources of events")
        const counts = handlerKinds.map(
          (kind) => [kind, rows.slice(0, shown).filter(({ row }) => row.kind === kind).length] as const
        )
        const told = counts.filter(([, count]) => count > 0).map(([kind, count]) => `${count} of ${kind}`)
        return `${shownOfKnown(shown, page, "source")} of events${told.length === 0 ? "" : `: ${told.join(", ")}`}.`
      },
      complete: incomplete.length === 0 && silent.length === 0 && untold.length === 0,
      notes: [
        ...ofItsMoment(after, sort, "row", ["kind", "name"]),
        ...(untold.length > 0
          ? [
              `${amount(untold.length, "handler")} of logger did not tell the module and level: see get_log_configuration.`
            ]
          : []),
        ...silent.map((it) => `Some handlers are not known. ${meanings[it]}.`),
        ...whyMissing(incomplete, "processes"),
        ...(incomplete.includes("unnamed")
          ? ["Before OTP 26.2, managers without a registered name are found only while they wait for events."]
          : []),
        ...(incomplete.includes("dictionary")
          ? [
              "Before OTP 26.2, whether a process is a manager is read with its whole dictionary, and not where its queue is long, or its heap or dictionary huge: of some with a registered name it is not known, and they are left out."
            ]
          : [])
      ],
      data: { total, matched, sources: rows.map(({ row }) => showSource(row, terms)) },
      page: pageOf("sources", page),
      hints: [
        ...(busy?.pid === undefined ? [] : [`get_process_info ${JSON.stringify({ pid: terms.print(busy.pid) })}`]),
        ...(rows.some(({ row }) => row.kind === "logger") ? ["get_log_configuration"] : [])
      ]
    }
  })
})

/** The events toolset. */
export const eventTools: ReadonlyArray<Tool.Tool> = [listProcessGroups, ...registryTools, listEventHandlers]
