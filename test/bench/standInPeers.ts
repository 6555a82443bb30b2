/**
 * Nodes that are none: each accepts links on a port of its own, gives the handshake's answers without asking for the
 * cookie's proof, and ticks all its links when told to. With them an EPMD that knows them, `peer0` and up.
 *
 *     node standInPeers.ts COUNT COOKIE
 *
 * Prints EPMD's port and a line end, sends a tick over every link for each line that it reads and prints a line once
 * all are answered; ends with its input.
 */
import { Buffer } from "node:buffer"
import { createServer, type Server, type Socket } from "node:net"
import { argv, stdin, stdout } from "node:process"
import { createInterface } from "node:readline"
import { packet } from "../support/FakePeer.ts"
import { acceptHandshake } from "../support/StandInNode.ts"

const count = Number(argv[2])
const cookie = argv[3]!

const listen = (onConnection: (socket: Socket) => void): Promise<Server & { readonly port: number }> =>
  new Promise((resolve) => {
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on("error", () => {})
      onConnection(socket)
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (address !== null && typeof address === "object") resolve(Object.assign(server, { port: address.port }))
    })
  })

const links: Array<Socket> = []
let unanswered = 0

/** As many bytes as come at once over a loaded link: what a link keeps for reading is in use, and counted. */
const traffic = new Uint8Array(60_000)

/** The accepting side of the handshake, then ticks. */
const accept = (name: string) => (socket: Socket) =>
  acceptHandshake(
    socket,
    { name, cookie, ourName: `us${links.length}@beamscope` },
    {
      isUp: () => {
        links.push(socket)
        socket.write(traffic)
      },
      onData: () => {
        if (unanswered > 0 && --unanswered === 0) stdout.write("answered\n")
      }
    }
  )

const ports = await Promise.all(
  Array.from({ length: count }, async (_, index) => (await listen(accept(`peer${index}@127.0.0.1`))).port)
)

const epmd = await listen((socket) => {
  socket.once("data", (request) => {
    const name = request.toString("utf8", 3)
    const port = ports[Number(name.slice("peer".length))]!
    const answer = Buffer.from([119, 0, port >> 8, port & 255, 77, 0, 0, 6, 0, 5])
    socket.end(Buffer.concat([answer, packet(name), Buffer.alloc(2)]))
  })
})

stdout.write(`${epmd.port}\n`)
const tick = new Uint8Array(4)
createInterface({ input: stdin })
  .on("line", () => {
    unanswered = links.length
    for (const link of links) link.write(tick)
  })
  .on("close", () => process.exit())
