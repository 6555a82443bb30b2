import { Context, Effect, type Scope, Semaphore } from "effect"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { stepMillis } from "./Deadline.ts"
import type { Tool } from "./Tool.ts"
import { ToolError } from "./ToolError.ts"

/**
 * Tools that may work on one node at the same time, whoever calls them: those that cost it little, and those whose cost
 * is moderate or heavy, which share the same few places. More wait for their turn, first come, first served.
 */
export const CallLimits = Context.Reference<{ readonly cheap: number; readonly costly: number }>(
  "beamscope/tools/CallLimits",
  { defaultValue: () => ({ cheap: 64, costly: 4 }) }
)

interface Places {
  readonly semaphore: Semaphore.Semaphore
  /** The tools that have a place. */
  readonly taken: Array<string>
}

/** By the link: what worked on a node over one that is gone ended with it. */
const places = { cheap: new WeakMap<ErlangNode, Places>(), costly: new WeakMap<ErlangNode, Places>() }

const placesOf = (all: WeakMap<ErlangNode, Places>, node: ErlangNode, limit: number): Places => {
  const made = all.get(node) ?? { semaphore: Semaphore.makeUnsafe(limit), taken: [] }
  all.set(node, made)
  return made
}

/** The places of a node for tools of this cost, as many as there may be. */
const placesFor = Effect.fnUntraced(function* (node: ErlangNode, cost: Tool["cost"]) {
  const kind = cost === "cheap" ? "cheap" : "costly"
  return placesOf(places[kind], node, (yield* CallLimits)[kind])
})

/** Names the tool among those that have a place, for the scope. */
const holding = (taken: Array<string>, name: string): Effect.Effect<unknown, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => taken.push(name)),
    () => Effect.sync(() => taken.splice(taken.indexOf(name), 1))
  )

/**
 * A place for a tool among those that work on a node, held for the scope. Waiting for it counts as time of the call;
 * who waits in vain is told what was before it.
 */
export const takePlace = Effect.fnUntraced(function* (
  node: ErlangNode,
  { cost, name }: Pick<Tool, "cost" | "name">
): Effect.fn.Return<void, ToolError, Scope.Scope> {
  const { semaphore, taken } = yield* placesFor(node, cost)
  const patience = yield* stepMillis
  yield* Effect.timeoutOrElse(semaphore.takeScoped(1), {
    duration: patience,
    orElse: () => Effect.fail(tooBusy(node, taken, `${name} waited ${Math.round(patience)} ms for its turn in vain`))
  })
  yield* holding(taken, name)
})

/**
 * A place on a second node for a tool that holds one on `first`. Who holds one place and waits for another waits for
 * those who may wait for the first: calls from one node to another and back would hold each other up until their time
 * is over. So a tool waits for a second node only where that comes behind the first by name, which makes no circle;
 * else it takes what is free, or is told at once that nothing is.
 */
export const takeSecondPlace = Effect.fnUntraced(function* (
  first: ErlangNode,
  second: ErlangNode,
  tool: Pick<Tool, "cost" | "name">
): Effect.fn.Return<void, ToolError, Scope.Scope> {
  if (first.name < second.name) return yield* takePlace(second, tool)
  const { semaphore, taken } = yield* placesFor(second, tool.cost)
  const isFree = yield* Effect.acquireRelease(semaphore.takeIfAvailable(1), (isTaken) =>
    isTaken ? semaphore.release(1) : Effect.void
  )
  if (!isFree) return yield* tooBusy(second, taken, `${tool.name} does not wait there while it has ${first.name} wait`)
  yield* holding(taken, tool.name)
})

const tooBusy = (node: ErlangNode, taken: ReadonlyArray<string>, why: string) => {
  const counts = [...new Set(taken)].map((tool) => `${taken.filter((it) => it === tool).length} ${tool}`)
  return new ToolError({
    code: "too_busy",
    message: `${node.name} is busy with as many calls of this cost as it is given at a time (${counts.join(", ")}), and ${why}. Try again when they are done, or allow more time (timeout_ms).`,
    retryable: true
  })
}
