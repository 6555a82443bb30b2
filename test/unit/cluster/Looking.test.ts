import { describe, expect, it } from "vitest"
import { type Looks, remembering } from "../../../src/cluster/Looking.ts"
import type { SightingOf } from "../../../src/cluster/Merge.ts"

const seen = (source: string, part: string, node: string): SightingOf => ({ source, part, node })
const before = [seen("hosts", "a:4369", "x@a"), seen("hosts", "b:4369", "y@b"), seen("follow", "a:4369", "z@a")]
const nodesOf = (looks: Looks) => remembering(before, looks).map(({ node }) => node)

describe("what was seen before", () => {
  it("counts as long as the part of its source that told of it fails, or all of that source", () => {
    const message = "it failed"
    expect(nodesOf({ sightings: [], failures: [] })).toEqual([])
    expect(nodesOf({ sightings: [], failures: [{ source: "hosts", part: "a:4369", message }] })).toEqual(["x@a"])
    expect(nodesOf({ sightings: [], failures: [{ source: "hosts", message }] })).toEqual(["x@a", "y@b"])
    expect(nodesOf({ sightings: [], failures: [{ source: "hosts", message, isAnswer: true }] })).toEqual([])
  })

  it("is not counted twice where it is seen again by a source that did not see all", () => {
    const failures = [{ source: "hosts", message: "time was over" }]
    expect(remembering(before, { sightings: [before[1]!], failures })).toEqual([before[1], before[0]])
  })

  it("is no more than a bound, and what was seen now goes first", () => {
    const failures = [{ source: "releases", message: "time was over" }]
    const many = Array.from({ length: 99_999 }, (_, at) => seen("releases", `process ${at}`, `n${at}@h`))
    const now = [seen("releases", "process 1", "new@h"), seen("releases", "process 2", "newer@h")]
    const known = remembering(many, { sightings: now, failures })
    expect(known).toHaveLength(100_000)
    expect(known.slice(0, 3)).toEqual([...now, many[0]])
  })
})
