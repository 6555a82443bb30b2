import { Effect, type Scope } from "effect"
import { Buffer } from "node:buffer"
import { createServer, type Socket } from "node:net"

/** A TCP server on loopback that does to each connection what it is told, and is gone with its scope. */
export const serve = (onConnection: (socket: Socket) => void): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly stop: Effect.Effect<void> }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
        onConnection(socket)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (address === null || typeof address === "string") return
        const stop = Effect.callback<void>((done) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => done(Effect.void))
        })
        resume(Effect.succeed({ port: address.port, stop }))
      })
    }),
    ({ stop }) => stop
  ).pipe(Effect.map(({ port }) => port))

/** What EPMD answers to the question for the port of a node. */
export const epmdAnswer = (name: string, port: number): Uint8Array => {
  const answer = Buffer.alloc(12 + name.length)
  answer.set([119, 0])
  answer.writeUInt16BE(port, 2)
  answer.set([77, 0, 0, 6, 0, 5], 4)
  answer.writeUInt16BE(name.length, 10)
  answer.write(name, 12)
  return answer
}

/** An EPMD that knows these names; of those that it denies it tells no port, and lists them all the same. */
export const serveEpmd = (
  registered: Readonly<Record<string, number>>,
  denied: ReadonlyArray<string> = []
): Effect.Effect<number, never, Scope.Scope> =>
  serve((socket) => {
    socket.once("data", (request) => {
      if (request[2] === 110) {
        const lines = Object.entries(registered).map(([name, port]) => `name ${name} at port ${port}\n`)
        return socket.end(Buffer.concat([Buffer.alloc(4), Buffer.from(lines.join(""))]))
      }
      const name = request.toString("utf8", 3)
      const port = denied.includes(name) ? undefined : registered[name]
      return socket.end(port === undefined ? Uint8Array.of(119, 1) : epmdAnswer(name, port))
    })
  })

/** A port on which nobody listens. */
export const closedPort: Effect.Effect<number> = Effect.scoped(serve(() => {}))

/** A handshake packet with its two-byte length. */
export const packet = (body: Uint8Array | string): Buffer => {
  const bytes = typeof body === "string" ? Buffer.from(body, "latin1") : Buffer.from(body)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}
