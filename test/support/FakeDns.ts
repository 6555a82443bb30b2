import { Effect, type Scope } from "effect"
import { Buffer } from "node:buffer"
import { createSocket, type Socket } from "node:dgram"

/** An SRV record as a name server writes it; each label of the target is bytes. */
export interface SrvRecord {
  readonly priority: number
  readonly weight: number
  readonly port: number
  readonly target: ReadonlyArray<string>
}

const nameBytes = (labels: ReadonlyArray<string>): Buffer =>
  Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label, "latin1")]), Buffer.of(0)])

/** The answer to a question: its own bytes, with records, or with an error code. */
export const dnsAnswer = (question: Buffer, records: ReadonlyArray<SrvRecord>, code = 0): Buffer => {
  const head = Buffer.from(question)
  head.writeUInt16BE(0x8180 | code, 2)
  head.writeUInt16BE(records.length, 6)
  head.writeUInt32BE(0, 8)
  // The question: its name, and four bytes of type and class. What a resolver adds behind it is left out.
  let end = 12
  while (head[end] !== 0) end += head[end]! + 1
  const written = records.map(({ port, priority, target, weight }) => {
    const name = nameBytes(target)
    const record = Buffer.alloc(18)
    record.writeUInt16BE(0xc00c, 0)
    record.writeUInt16BE(33, 2)
    record.writeUInt16BE(1, 4)
    record.writeUInt32BE(1, 6)
    record.writeUInt16BE(6 + name.length, 10)
    record.writeUInt16BE(priority, 12)
    record.writeUInt16BE(weight, 14)
    record.writeUInt16BE(port, 16)
    return Buffer.concat([record, name])
  })
  return Buffer.concat([head.subarray(0, end + 5), ...written])
}

/** A name server for as long as the scope: what it answers to a question, if anything. Its address and port. */
export const serveDns = (answer: (question: Buffer) => Buffer | undefined): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Socket>((resume) => {
        const socket = createSocket("udp4")
        socket.on("message", (question, { address, port }) => {
          const bytes = answer(question)
          if (bytes !== undefined) socket.send(bytes, port, address)
        })
        socket.bind(0, "127.0.0.1", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.close())
    ),
    (socket) => `127.0.0.1:${socket.address().port}`
  )
