import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { execPath } from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { Row } from "./Row.ts"

const count = 1_000
const cookie = "bench"
const ticks = 5

interface Program {
  readonly child: ChildProcess
  /** The next line that it prints. */
  readonly line: Effect.Effect<string>
}

/** A program of this folder, ended with the scope. */
const run = (file: string, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync((): Program => {
      const path = fileURLToPath(new URL(file, import.meta.url))
      const child = spawn(execPath, ["--expose-gc", path, ...args], { stdio: ["pipe", "pipe", "inherit"] })
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const line = Effect.promise(async () => {
        const { done, value } = await lines.next()
        if (done === true) throw new Error(`${file} ended`)
        return value
      })
      return { child, line }
    }),
    ({ child }) => Effect.sync(() => child.kill())
  )

/** Many links in one process, to peers that do the handshake and ticks. */
export const links = Effect.gen(function* () {
  const peers = yield* run("standInPeers.ts", String(count), cookie)
  const epmdPort = yield* peers.line
  const holder = yield* run("linkHolder.ts", String(count), cookie, epmdPort)
  const { connectMillis, rssBytes } = JSON.parse(yield* holder.line)
  for (let tick = 0; tick < ticks; tick++) {
    // An answer is due only to a link that has been silent for a quarter of a second.
    yield* Effect.sleep("300 millis")
    peers.child.stdin?.write("tick\n")
    yield* peers.line
  }
  holder.child.stdin?.end()
  const { microsOfProcessor } = JSON.parse(yield* holder.line)
  const rows: ReadonlyArray<Row> = [
    { what: "resident memory of a link, 1,000 links", ours: rssBytes / 1024, unit: "KB", goal: ["≤", 64] },
    { what: "connecting one of them, EPMD included", ours: connectMillis, unit: "ms" },
    {
      what: "processor for a tick and its answer",
      ours: microsOfProcessor / (ticks * count),
      unit: "us",
      goal: ["≤", 200]
    }
  ]
  return rows
})
