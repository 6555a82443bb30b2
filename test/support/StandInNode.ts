import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import { Flag } from "../../src/dist/Flags.ts"
import { packet } from "./FakePeer.ts"

const everyFlag = Object.values(Flag).reduce((sum, bit) => sum | bit, 0n)

const sized = (text: string): Buffer => packet(Buffer.from(text))

const uint = (value: number | bigint, bytes: 4 | 8): Buffer => {
  const buffer = Buffer.alloc(bytes)
  if (bytes === 8) buffer.writeBigUInt64BE(BigInt(value))
  else buffer.writeUInt32BE(Number(value))
  return buffer
}

/**
 * The accepting side of the handshake, for a node that is none: it names whoever comes (`ourName`), knows the cookie,
 * and does not ask for proof of it. `flags`: what it says that it can do; everything without. `isUp` is called once, when the link stands; what comes on it from then on is
 * `onData`'s.
 */
export const acceptHandshake = (
  socket: {
    readonly on: (event: "data", listener: (chunk: Buffer) => void) => unknown
    readonly write: (bytes: Buffer) => unknown
  },
  node: { readonly name: string; readonly cookie: string; readonly ourName?: string; readonly flags?: bigint },
  link: { readonly isUp: () => void; readonly onData: (chunk: Buffer) => void }
): void => {
  let unread = Buffer.alloc(0)
  let isUp = false
  socket.on("data", (chunk: Buffer) => {
    if (isUp) return link.onData(chunk)
    unread = Buffer.concat([unread, chunk])
    while (!isUp && unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
      const body = unread.subarray(2, 2 + unread.readUInt16BE(0))
      unread = unread.subarray(2 + body.length)
      if (body[0] === 0x4e /* N */) {
        const { name, flags = everyFlag, ourName = "us@beamscope" } = node
        const status = Buffer.concat([Buffer.from("snamed:"), sized(ourName), uint(4, 4)])
        const challenge = Buffer.concat([Buffer.from("N"), uint(flags, 8), uint(1, 4), uint(4, 4), sized(name)])
        socket.write(Buffer.concat([packet(status), packet(challenge)]))
      } else {
        const digest = createHash("md5")
          .update(node.cookie)
          .update(String(body.readUInt32BE(1)))
          .digest()
        socket.write(packet(Buffer.concat([Buffer.from("a"), digest])))
        isUp = true
        link.isUp()
        if (unread.length > 0) link.onData(unread)
      }
    }
  })
}
