import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

// A name server that takes every question and answers none, for those programs alone that are started with it: they
// have a network of their own, and in their eyes /etc/resolv.conf names it.

/** A user namespace gives the rights where the machine lets one be made. */
const ways: ReadonlyArray<ReadonlyArray<string>> = [
  ["--user", "--map-root-user", "--net", "--mount"],
  ["--net", "--mount"]
]

/** A C library asks as long as it can be told to: 30 seconds a try, and 5 tries. */
const settings = "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n"

const prepare = 'ip link set lo up && mount --bind "$0" /etc/resolv.conf'

/** Tells on stdout the name in each question, after it told that it listens. Ends with its stdin. */
const nameServer = `
const socket = require("node:dgram").createSocket("udp4", (question) => {
  const labels = []
  for (let at = 12; question[at] > 0; at += 1 + question[at]) labels.push(question.toString("latin1", at + 1, at + 1 + question[at]))
  console.log(labels.join("."))
})
socket.bind(53, "127.0.0.1", () => console.log("listening"))
process.stdin.on("end", () => process.exit()).resume()`

const problemOf = (error: unknown): string => {
  const { message, stderr } = error as Error & { readonly stderr?: Buffer }
  return stderr?.toString().trim().split("\n", 1)[0] || message.split("\n", 1)[0]!
}

/** How to make such a place, or why that cannot be. */
export const silentResolver = (): { readonly start: () => Promise<SilentResolver> } | { readonly problem: string } => {
  let problem: string | undefined
  for (const way of ways) {
    try {
      execFileSync("unshare", [...way, "sh", "-c", prepare, "/dev/null"], {
        stdio: ["ignore", "ignore", "pipe"],
        timeout: 10_000
      })
      execFileSync("nsenter", ["--version"], { stdio: "ignore" })
      return { start: () => start(way) }
    } catch (error) {
      problem ??= problemOf(error)
    }
  }
  return { problem: problem! }
}

export interface SilentResolver {
  /** What a command line begins with so that its names are looked up there; the program has the pid of the command. */
  readonly begin: readonly [string, ...ReadonlyArray<string>]
  /** The names that were asked for so far. */
  readonly asked: () => ReadonlySet<string>
  readonly stop: () => Promise<void>
}

const start = async (way: ReadonlyArray<string>): Promise<SilentResolver> => {
  const folder = mkdtempSync(join(tmpdir(), "beamscope-test-"))
  const file = join(folder, "resolv.conf")
  writeFileSync(file, settings)
  const inside = [...way, "sh", "-c", `${prepare} && exec "$@"`, file, process.execPath, "-e", nameServer]
  const holder = spawn("unshare", inside, { stdio: ["pipe", "pipe", "inherit"] })
  const ended = once(holder, "exit")
  const lines = createInterface({ input: holder.stdout })
  await Promise.race([
    once(lines, "line"),
    ended.then(([status]) => Promise.reject(new Error(`the name server ended with status ${status}`)))
  ])
  const asked = new Set<string>()
  lines.on("line", (name) => void asked.add(name))
  const user = way.includes("--user") ? ["--user", "--preserve-credentials"] : []
  return {
    begin: ["nsenter", "--target", String(holder.pid), ...user, "--net", "--mount"],
    asked: () => asked,
    stop: async () => {
      holder.stdin.end()
      await ended
      rmSync(folder, { recursive: true })
    }
  }
}
