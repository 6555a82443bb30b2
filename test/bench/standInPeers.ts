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
import { createHash } from "node:crypto"
import { createServer, type Server, type Socket } from "node:net"
import { argv, stdin, stdout } from "node:process"
import { createInterface } from "node:readline"
import { Flag } from "../../src/dist/Flags.ts"

const count = Number(argv[2])
const cookie = argv[3]!
const flags = Object.values(Flag).reduce((sum, bit) => sum | bit, 0n)

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

const packet = (body: Buffer): Buffer => {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(body.length)
  return Buffer.concat([length, body])
}

const sized = (text: string): Buffer => packet(Buffer.from(text))

const uint = (value: number | bigint, bytes: 4 | 8): Buffer => {
  const buffer = Buffer.alloc(bytes)
  if (bytes === 8) buffer.writeBigUInt64BE(BigInt(value))
  else buffer.writeUInt32BE(Number(value))
  return buffer
}

const links: Array<Socket> = []
let unanswered = 0

/** The accepting side of the handshake, then ticks. */
const accept = (name: string) => (socket: Socket) => {
  let unread = Buffer.alloc(0)
  let isUp = false
  socket.on("data", (chunk: Buffer) => {
    if (isUp) {
      if (unanswered > 0 && --unanswered === 0) stdout.write("answered\n")
      return
    }
    unread = Buffer.concat([unread, chunk])
    while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
      const body = unread.subarray(2, 2 + unread.readUInt16BE(0))
      unread = unread.subarray(2 + body.length)
      if (body[0] === 0x4e /* N */) {
        const status = Buffer.concat([Buffer.from("snamed:"), sized(`us${links.length}@beamscope`), uint(4, 4)])
        const challenge = Buffer.concat([Buffer.from("N"), uint(flags, 8), uint(1, 4), uint(4, 4), sized(name)])
        socket.write(Buffer.concat([packet(status), packet(challenge)]))
      } else {
        const digest = createHash("md5")
          .update(cookie)
          .update(String(body.readUInt32BE(1)))
          .digest()
        socket.write(packet(Buffer.concat([Buffer.from("a"), digest])))
        isUp = true
        links.push(socket)
      }
    }
  })
}

const ports = await Promise.all(
  Array.from({ length: count }, async (_, index) => (await listen(accept(`peer${index}@127.0.0.1`))).port)
)

const epmd = await listen((socket) => {
  socket.once("data", (request) => {
    const name = request.toString("utf8", 3)
    const port = ports[Number(name.slice("peer".length))]!
    const answer = Buffer.from([119, 0, port >> 8, port & 255, 77, 0, 0, 6, 0, 5])
    socket.end(Buffer.concat([answer, sized(name), Buffer.alloc(2)]))
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
