import { execFile } from "node:child_process"
import { execPath } from "node:process"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

const program = new URL("../../support/hostileReplies.ts", import.meta.url).pathname

const run = async (...args: ReadonlyArray<string>): Promise<{ readonly end: string; readonly rssBytes: number }> => {
  const { stdout } = await promisify(execFile)(execPath, [program, ...args])
  return JSON.parse(stdout)
}

const tooManyTerms = /was larger than 524288 terms and was dropped/u
// It is no reply of the worker, and so the call takes it for another end of that.
const letIn = /was ended before it gave an answer/u

describe("a reply that wants our memory is bounded: all of this process stays under 200 MB with", () => {
  it.each<[string, string, RegExp]>([
    ["empty tuples", "Infinity", tooManyTerms],
    ["empty tuples", "500000", letIn],
    ["tuples of one", "Infinity", tooManyTerms],
    ["tuples of one", "250000", letIn],
    ["lists of one", "250000", letIn],
    ["empty maps", "500000", letIn],
    ["maps of one", "170000", letIn],
    ["maps of one", "1000000", tooManyTerms],
    ["empty binaries", "500000", letIn],
    ["integers", "500000", letIn],
    ["references", "Infinity", tooManyTerms],
    ["pids", "500000", letIn],
    ["pids", "Infinity", tooManyTerms],
    ["deep nesting", "", /limit `depth`/u],
    ["a huge count", "", /could not be decoded/u],
    ["a compressed term", "", /could not be decoded/u]
  ])("%s %s", { timeout: 30_000 }, async (name, count, end) => {
    const reply = await run(name, count)
    expect(reply.end).toMatch(end)
    expect(reply.rssBytes).toBeLessThan(200_000_000)
  })
})
