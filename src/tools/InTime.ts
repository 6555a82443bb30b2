import { Effect } from "effect"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { stepMillis } from "./Deadline.ts"
import { ToolError } from "./ToolError.ts"

/** What keeps a node from an answer that costs it little. */
export const whyLate =
  "Work of ours has low priority there: where the schedulers are busy, it waits. A long run_queue in get_system_info tells."

/**
 * Work on a node that is given up a moment before the time of the call is over, with what that says of the node.
 * `although`, a clause, says why an answer was to be expected.
 */
export const inTime = <A, E, R>(
  node: ErlangNode,
  work: Effect.Effect<A, E, R>,
  although?: string
): Effect.Effect<A, E | ToolError, R> =>
  Effect.flatMap(stepMillis, (millis) =>
    Effect.timeoutOrElse(work, { duration: millis, orElse: () => Effect.fail(overdue(node, millis, although)) })
  )

const overdue = (node: ErlangNode, millis: number, although: string | undefined): ToolError =>
  new ToolError({
    code: "timeout",
    message: `${node.name} gave no answer within ${Math.round(millis)} ms${although === undefined ? "" : `, although ${although}`}; what was asked was stopped. ${whyLate} Allow more time (timeout_ms).`,
    retryable: true,
    next: "get_system_info"
  })
