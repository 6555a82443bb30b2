/**
 * A program that takes one reply which is small on the wire and large in memory, or one that no node sends, as the reply
 * to a call with default limits. Its arguments are the name of an element and how many; or the name of another reply.
 * Prints as JSON how the call ended, and the most memory (RSS, bytes) that this process ever took.
 */
import { Effect, Fiber, Result } from "effect"
import { argv, exit, resourceUsage, stdout } from "node:process"
import { Op } from "../../src/dist/Control.ts"
import type { Pid, Tuple } from "../../src/etf/Term.ts"
import { loneLink, worker } from "./loneLink.ts"

const megabyte = 1024 * 1024

/** What a reply is filled with, after a header. */
const elements: Readonly<Record<string, ReadonlyArray<number>>> = {
  "empty tuples": [104, 0],
  "tuples of one": [104, 1, 106],
  "lists of one": [108, 0, 0, 0, 1, 106, 106],
  "empty maps": [116, 0, 0, 0, 0],
  "maps of one": [116, 0, 0, 0, 1, 106, 106],
  "empty binaries": [109, 0, 0, 0, 0],
  integers: [110, 7, 0, 1, 1, 1, 1, 1, 1, 255],
  references: [90, 0, 1, 119, 1, 97, 0, 0, 0, 1, 0, 0, 0, 1],
  pids: [88, 119, 1, 97, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]
}

const memory = Buffer.alloc(16 * megabyte)

/** A list of so many, as far as 16 MiB hold them. */
const listOf = (element: ReadonlyArray<number>, most: number): Uint8Array => {
  const count = Math.min(most, Math.floor((memory.length - 6) / element.length))
  const end = 5 + count * element.length
  memory[0] = 108
  memory.writeUInt32BE(count, 1)
  memory.fill(Buffer.from(element), 5, end)
  memory[end] = 106
  return memory.subarray(0, end + 1)
}

const { calls, processes, sent } = loneLink()

/** How a call ends whose reply this is. */
const replied = async (payload: Uint8Array): Promise<string> => {
  const call = Effect.runFork(Effect.result(calls.call("erlang", "abs", [-1])))
  const [, reference, self] = sent.pop()! as unknown as [number, Tuple, Pid]
  processes.handler.message([Op.SPAWN_REPLY, reference, self, 1, worker], undefined)
  processes.handler.message([Op.PAYLOAD_EXIT, worker, self], payload)
  const result = await Effect.runPromise(Fiber.join(call))
  return Result.isFailure(result) ? result.failure.message : "a value"
}

const others: Readonly<Record<string, () => Uint8Array>> = {
  "deep nesting": () => memory.fill(Buffer.from([104, 1])),
  "a huge count": () => Uint8Array.of(108, 255, 255, 255, 255, 106),
  "a compressed term": () => Uint8Array.of(80, 255, 255, 255, 255, 0)
}

const [name, count] = argv.slice(2) as [string, string | undefined]
const end = await replied(others[name]?.() ?? listOf(elements[name]!, Number(count)))
stdout.write(JSON.stringify({ end, rssBytes: resourceUsage().maxRSS * 1024 }), () => exit())
