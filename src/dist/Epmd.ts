import { Effect, Option } from "effect"
import { Buffer } from "node:buffer"
import { excerpt } from "../syntax/Excerpt.ts"
import { describeBytes, DistError, type DistReason } from "./DistError.ts"
import type { NodeName } from "./NodeName.ts"
import { type Address, dialReason, Transport } from "./Transport.ts"

/** A name that EPMD has, with the port of its node. */
export interface Registration {
  readonly name: string
  readonly port: number
}

const NAMES_REQ = 110
const PORT_PLEASE2_REQ = 122
const PORT2_RESP = 119

/** An answer longer than this is no EPMD's: 64 KiB holds some 2,000 names. */
const maxAnswerBytes = 64 * 1024

/**
 * EPMD closes the connection after each answer, so an answer is everything up to the end of the stream. Without such an
 * end (after a reset, say), or without a byte before it, there is none.
 */
const exchange = (node: string, at: Address, timeoutMillis: number, request: Uint8Array) => {
  const failed = (reason: DistReason) => new DistError({ node, reason })
  const end = performance.now() + timeoutMillis
  return Effect.scoped(
    Effect.gen(function* () {
      const { dial } = yield* Transport
      const stream = yield* Effect.mapError(dial(at, timeoutMillis), (error) =>
        failed(
          dialReason(at, error, {
            phase: "epmd",
            millis: timeoutMillis,
            what: "EPMD",
            refused: { _tag: "EpmdRefused", ...at },
            cut: cutOff(at, none)
          })
        )
      )
      return yield* Effect.callback<Buffer, DistError>((resume) => {
        const chunks: Array<Buffer> = []
        let size = 0
        const timer = setTimeout(
          () => {
            const seen = size === 0 ? {} : { seen: describeBytes(Buffer.concat(chunks)) }
            finish(Effect.fail(failed({ _tag: "EpmdSilent", ...at, millis: timeoutMillis, ...seen })))
          },
          Math.max(1, end - performance.now())
        )
        const finish = (outcome: Effect.Effect<Buffer, DistError>) => {
          clearTimeout(timer)
          resume(outcome)
        }
        stream.on("data", (chunk: Buffer) => {
          size += chunk.length
          if (size <= maxAnswerBytes) return void chunks.push(Buffer.from(chunk))
          finish(Effect.fail(failed({ _tag: "EpmdGarbage", ...at, seen: `more than ${maxAnswerBytes} bytes` })))
        })
        const onClose = () => {
          const answer = Buffer.concat(chunks)
          const isCut = size === 0 || !stream.readableEnded
          finish(isCut ? Effect.fail(failed(cutOff(at, answer))) : Effect.succeed(answer))
        }
        if (stream.destroyed) return onClose()
        stream.once("close", onClose)
        const message = Buffer.alloc(2 + request.length)
        message.writeUInt16BE(request.length)
        message.set(request, 2)
        stream.write(message)
        return Effect.sync(() => clearTimeout(timer))
      }).pipe(Effect.ensuring(Effect.sync(() => stream.destroy())))
    })
  )
}

const garbage = (node: string, at: Address, answer: Buffer) =>
  new DistError({ node, reason: { _tag: "EpmdGarbage", ...at, seen: describeBytes(answer) } })

const none = new Uint8Array(0)

/** That the connection came to an end before an answer did. */
const cutOff = (at: Address, answer: Uint8Array): DistReason => ({
  _tag: "EpmdGarbage",
  ...at,
  seen: describeBytes(answer),
  isCut: true
})

/**
 * All names registered with an EPMD (NAMES_REQ), sorted by name.
 * `node` only labels the error.
 */
export const names = (
  at: Address,
  timeoutMillis: number,
  node: string = `the nodes of ${at.host}`
): Effect.Effect<ReadonlyArray<Registration>, DistError> =>
  Effect.flatMap(exchange(node, at, timeoutMillis, Uint8Array.of(NAMES_REQ)), (answer) => {
    // EPMD's own port comes first. What begins with another number is none, and its first words are of interest.
    if (answer.length < 4 || answer.readUInt32BE(0) > 65_535) return Effect.fail(garbage(node, at, answer))
    const lines = answer.toString("utf8", 4)
    // EPMD takes a name with a line's end in it, which must not hide the others.
    const matches = [...lines.matchAll(/name ([^]+?) at port (\d{1,5})(?:\n|$)/guy)]
    if (matches.reduce((length, [{ length: more }]) => length + more, 0) < lines.length) {
      return Effect.fail(garbage(node, at, answer.subarray(4)))
    }
    const found = matches.map(([, name, port]): Registration => ({ name: name!, port: Number(port) }))
    return Effect.succeed(found.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
  })

/**
 * The port of a node (PORT_PLEASE2_REQ). Fails with `NameNotRegistered`, which lists the names that are there.
 * What EPMD says is a hint, not a proof: anybody on that host can register a name, so the handshake still checks it.
 */
export const portPlease = (node: NodeName, at: Address, timeoutMillis: number): Effect.Effect<number, DistError> =>
  Effect.gen(function* () {
    const end = performance.now() + timeoutMillis
    const request = Buffer.concat([Uint8Array.of(PORT_PLEASE2_REQ), Buffer.from(node.name, "utf8")])
    const answer = yield* exchange(node.full, at, timeoutMillis, request)
    if (answer.length < 2 || answer[0] !== PORT2_RESP) return yield* garbage(node.full, at, answer)
    if (answer[1] !== 0) {
      // Which names it does have is only more help: that this one is not there stands.
      const others = yield* Effect.option(names(at, Math.max(1, end - performance.now()), node.full))
      const registered = Option.map(others, (all) => all.map(({ name }) => name))
      return yield* new DistError({
        node: node.full,
        reason: { _tag: "NameNotRegistered", name: node.name, ...at, registered: Option.getOrUndefined(registered) }
      })
    }
    // Port, type, protocol, highest and lowest version, and the name that this is about.
    const named = answer.length < 12 ? undefined : answer.toString("utf8", 12, 12 + answer.readUInt16BE(10))
    if (named === undefined || answer.length < 12 + answer.readUInt16BE(10))
      return yield* garbage(node.full, at, answer)
    const port = answer.readUInt16BE(2)
    if (named === node.name && port > 0) return port
    const detail =
      named === node.name ? "the port 0, which is none" : `what it has of another name, '${excerpt(named)}'`
    const reason = { _tag: "EpmdGarbage", ...at, seen: describeBytes(answer), detail } as const
    return yield* new DistError({ node: node.full, reason })
  })
