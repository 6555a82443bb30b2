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

/**
 * A place for a tool among those that work on a node, held for the scope. Waiting for it counts as time of the call;
 * who waits in vain is told what was before it.
 */
export const takePlace = Effect.fnUntraced(function* (
  node: ErlangNode,
  { cost, name }: Pick<Tool, "cost" | "name">
): Effect.fn.Return<void, ToolError, Scope.Scope> {
  const kind = cost === "cheap" ? "cheap" : "costly"
  const { semaphore, taken } = placesOf(places[kind], node, (yield* CallLimits)[kind])
  const patience = yield* stepMillis
  yield* Effect.timeoutOrElse(semaphore.takeScoped(1), {
    duration: patience,
    orElse: () => Effect.fail(tooBusy(node, name, taken, patience))
  })
  yield* Effect.acquireRelease(
    Effect.sync(() => taken.push(name)),
    () => Effect.sync(() => taken.splice(taken.indexOf(name), 1))
  )
})

const tooBusy = (node: ErlangNode, name: string, taken: ReadonlyArray<string>, millis: number) => {
  const counts = [...new Set(taken)].map((tool) => `${taken.filter((it) => it === tool).length} ${tool}`)
  return new ToolError({
    code: "too_busy",
    message: `${node.name} is busy with as many calls of this cost as it is given at a time (${counts.join(", ")}), and ${name} waited ${Math.round(millis)} ms for its turn in vain. Try again when they are done, or allow more time (timeout_ms).`,
    retryable: true
  })
}
