import { Cause, Effect, Exit, Option, Redacted, Result, Schema } from "effect"
import { randomUUID } from "node:crypto"
import { askRoom, ensureRoom } from "../../node/AtomRoom.ts"
import { CallError } from "../../node/CallError.ts"
import { diagnose, type Remedy, type Step, stepNames } from "../../node/Diagnosis.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { Nodes } from "../../node/Nodes.ts"
import type { LeftAlone } from "../../node/LeftAlone.ts"
import { type NodeTarget, type TargetError, Targets } from "../../node/Targets.ts"
import { visible } from "../../syntax/Escape.ts"
import { listed } from "../../syntax/Excerpt.ts"
import { scopedApart, stepMillis } from "../Deadline.ts"
import { onceItHasRoom, onceMended } from "../Failure.ts"
import { byOwnName } from "../NodeArgument.ts"
import * as Tool from "../Tool.ts"
import { adviceOf } from "../ConnectionAdvice.ts"
import { silentAdvice, standingLink } from "./StandingLink.ts"

/**
 * Milliseconds for the way to a node to open: as many as calls leave it, though more where there are, but for what the
 * steps behind a tunnel take that stands.
 */
const leastOpeningMillis = 10_000
const behindMillis = 5_000

const openingMillis = Effect.map(stepMillis, (left) =>
  Math.min(left, Math.max(leastOpeningMillis, left - behindMillis))
)

const outcomes = ["passed", "failed", "skipped", "not_tried", "not_reached"] as const satisfies ReadonlyArray<
  Step["outcome"]
>

/** What to do for a walk to go further, in words of tools. */
const remedies: Readonly<Record<Remedy, string>> = {
  more_time: "Allow more (timeout_ms).",
  connect: onceMended,
  reset: onceItHasRoom,
  close_link: "For a walk to its end, disconnect_node first: the link of that name is our own."
}

/** The steps that fail where a node has another name than it was asked for by; other names are no help with the rest. */
const wrongNames: ReadonlySet<Step["step"]> = new Set(["name", "host", "epmd", "handshake"])

/**
 * What the link that there is to a node tells of why there may be no other beside it, and none is tried: the node would
 * give that a name of its own, which is an atom; and where it has no process for it, its own `net_kernel` may end of that.
 */
const ensureSecondLink = (node: ErlangNode) =>
  Effect.flatMap(stepMillis, (left) => askRoom(node.call, { timeoutMillis: Math.min(left, askingMillis) })).pipe(
    Effect.flatMap(({ atoms }) => ensureRoom(node.name, "diagnose_connection", atoms, "second_link")),
    Effect.catchIf(
      ({ reason }) => reason._tag !== "AtomsScarce" && reason._tag !== "ProcessTableFull",
      // What came of the last one that it gave an answer to counts where it gave none now.
      () =>
        node.hasRoom()
          ? Effect.void
          : Effect.fail(
              new CallError({
                node: node.name,
                target: "diagnose_connection",
                reason: { _tag: "ProcessTableFull", limit: undefined, hasBegun: false }
              })
            )
    )
  )

/** Steps before anybody is sent to the node itself. */
const beforeNode: ReadonlySet<string> = new Set<Step["step"]>(["name", "configuration", "host", "epmd"])

/** Milliseconds for a question that is beside the walk. */
const askingMillis = 2_000

/** `diagnose_connection`, which `beamscope doctor` runs too. */
export const diagnoseConnection = Tool.make({
  toolset: "connection",
  access: "inspect",
  cost: "cheap",
  name: "diagnose_connection",
  title: "Diagnose a connection",
  description:
    "Why a node cannot be connected: walks host, EPMD, TCP, TLS, handshake, cookie and a first call on a link of its own, and tells which step fails, what that means and what to do.",
  target: "named",
  timeoutMillis: 20_000,
  input: {},
  output: {
    steps: Schema.Array(
      Schema.Struct({
        step: Schema.Literals(stepNames),
        outcome: Schema.Literals(outcomes),
        found: Schema.String,
        seen: Schema.optionalKey(Schema.String),
        millis: Schema.optionalKey(Schema.Finite)
      })
    )
  },
  run: Effect.fnUntraced(function* (_input, name) {
    const targets = yield* Targets
    const entries = yield* targets.entries
    const nodes = yield* Nodes
    const up = (yield* nodes.list).flatMap(({ state }) => (state._tag === "Up" ? [state.node] : []))
    const known = [...new Set([...entries, ...up].map((node) => node.name))]
    const walk = (full: string) =>
      scopedApart(
        Effect.gen(function* () {
          const resolve = (cookie?: Redacted.Redacted) =>
            Effect.flatMap(openingMillis, (timeoutMillis) =>
              Effect.exit(targets.resolve(full, { timeoutMillis, ...(cookie !== undefined && { cookie }) }))
            )
          const { leftAlone, tell } = yield* Effect.flatMap(stepMillis, (millis) =>
            nodes.approach(full, { timeoutMillis: millis })
          )
          const isTunnelled = entries.some((entry) => entry.name === full && entry.tunnel !== undefined)
          const configured: Exit.Exit<NodeTarget, TargetError | LeftAlone> =
            leftAlone !== undefined && isTunnelled ? Exit.fail(leftAlone) : yield* resolve()
          const why = Exit.isFailure(configured)
            ? Option.getOrUndefined(Cause.findErrorOption(configured.cause))
            : undefined
          const withoutCookie = why?._tag === "TargetError" && why.lacksCookie === true ? why : undefined
          // The way up to where it takes a cookie is the same without one. This is never shown to anybody.
          const resolved = withoutCookie === undefined ? configured : yield* resolve(Redacted.make(randomUUID()))
          const target = withoutCookie === undefined && Exit.isSuccess(resolved) ? resolved.value : undefined
          const remembered = target && (yield* nodes.refusal(target))
          const linked = up.find((node) => node.name === full)
          const linkedAs = linked?.localName
          if (linked !== undefined) yield* ensureSecondLink(linked)
          const timeoutMillis = yield* stepMillis
          const [diagnosis, standing] = yield* Effect.all(
            [
              diagnose(full, resolved, {
                known,
                timeoutMillis,
                ...(linkedAs !== undefined && { linkedAs }),
                ...(remembered !== undefined && { remembered }),
                ...(leftAlone !== undefined && { leftAlone }),
                ...(withoutCookie !== undefined && { withoutCookie })
              }),
              standingLink(full)
            ],
            { concurrency: 2 }
          )
          const end = diagnosis.steps.find(({ outcome }) => outcome === "failed" || outcome === "not_tried")
          if (end === undefined) tell("room")
          else if (!isTunnelled && beforeNode.has(end.step)) tell("nothing")
          // Where the cookie was not shown, what ended the walk is no news.
          if (target !== undefined && remembered === undefined && diagnosis.refusal !== undefined)
            yield* nodes.refused(target, diagnosis.refusal)
          // Each of what is wrong may be explained by the node's own process.
          const whys = [withoutCookie, remembered ?? diagnosis.why].filter((each) => each !== undefined)
          const advice = (yield* adviceOf(full, whys)).map(({ told }) => told)
          return { ...diagnosis, standing, advice }
        })
      )
    const first = yield* walk(name)
    // As with a call, which goes on by the name that the node gives itself: as far as it may.
    const { calledItself } = first
    const goingOn = calledItself === undefined ? undefined : yield* Effect.result(byOwnName(calledItself, name))
    const own = goingOn && Result.isSuccess(goingOn) ? goingOn.success : undefined
    const { advice, remarks, remedy, standing, steps } = own === undefined ? first : yield* walk(own)
    const failed = steps.find(({ outcome }) => outcome === "failed" || outcome === "not_tried")
    const foundIn = (step: Step): string =>
      visible(step === failed && remedy !== undefined ? `${step.found} ${remedies[remedy]}` : step.found)
    const near = (failed && entries.find((entry) => entry.name === name)?.near) ?? []
    return {
      summary:
        failed === undefined
          ? `${name} can be connected: every step of the way passes${standing?.isSilent === true ? ", but the link that calls take is silent" : ""}.`
          : failed.outcome === "not_tried"
            ? foundIn(failed)
            : `${name} cannot be connected: it fails at ${failed.step}. ${foundIn(failed)}`,
      notes: [
        ...(standing === undefined
          ? []
          : [standing.isSilent ? `${standing.told} ${silentAdvice(failed === undefined)}` : standing.told]),
        ...(own === undefined
          ? []
          : [`It was asked for as ${name}, and calls itself ${visible(own)}; calls find it by both.`]),
        ...(goingOn && Result.isFailure(goingOn) ? [goingOn.failure.message] : []),
        ...[...remarks, ...advice].map(visible),
        ...(near.length > 0
          ? [
              `No alias, group or node of the configuration is called so: perhaps ${listed(near.map(visible))} was meant.`
            ]
          : [])
      ],
      data: {
        steps: steps.map((each) => ({
          step: each.step,
          outcome: each.outcome,
          found: foundIn(each),
          seen: each.seen && visible(each.seen),
          millis: each.millis
        }))
      },
      hints:
        failed === undefined
          ? [`connect_node ${JSON.stringify({ node: name, ...(standing?.isSilent === true && { reset: true }) })}`]
          : wrongNames.has(failed.step)
            ? ["list_nodes"]
            : []
    }
  })
})
