/**
 * What a result says where a process of OTP's own did not tell what it alone knows: one that is busy, stuck or suspended
 * is not asked, since the request would stay in its queue.
 */
export const unanswered = (process: string, unknown: string): string =>
  `${process} is busy, stuck or suspended and did not answer, so ${unknown}: see get_process_stacktrace ${JSON.stringify({ pid: process })}.`

/** What the agent calls it where a process was idle when it was asked, and did not answer in time all the same. */
export const left = "left"

export const leftNote =
  "One that was asked did not answer in time: the request is left in its queue, and it is not asked again before it has taken it."
