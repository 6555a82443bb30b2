import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { codeOf, readStart } from "../../../src/cluster/BoundedFile.ts"
import { folder } from "../../support/FakeProcesses.ts"

const read = (path: string, maxBytes: number) => Effect.promise(() => readStart(path, maxBytes))

describe("the beginning of a file", () => {
  it.live("is all of it up to a bound", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "file")
      const text = "0123456789".repeat(2_000)
      writeFileSync(path, text)
      for (const [maxBytes, isWhole] of [
        [20_001, true],
        [20_000, true],
        [19_999, false],
        [1, false]
      ] as const) {
        const { bytes, ...rest } = yield* read(path, maxBytes)
        expect(bytes.toString()).toBe(text.slice(0, maxBytes))
        expect(rest).toEqual({ isWhole })
      }
    })
  )

  it.live("is nothing of a pipe that nobody writes to, and nobody is waited for", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "pipe")
      execFileSync("mkfifo", [path])
      // What is read from a pipe has no place in it to be read from.
      expect(yield* Effect.promise(() => readStart(path, 10).catch(codeOf))).toBe("ESPIPE")
    })
  )
})
