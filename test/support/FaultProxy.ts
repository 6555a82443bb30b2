import { Effect, type Scope } from "effect"
import { Buffer } from "node:buffer"
import { connect, createServer, type Server, type Socket } from "node:net"

/** `down` is from the node to us, `up` from us to the node. */
export type Way = "up" | "down"

/** What is wrong with the way to the nodes, all of it as long as it is said; for what is left out, nothing is. */
export interface Faults {
  /** Each way. */
  readonly latencyMillis?: number
  /** Each way, of each connection. */
  readonly bytesPerSecond?: number
  /** So many bytes at a time, each time by a write of its own. */
  readonly chunkBytes?: number
  /** Ways on which nothing goes on and nothing is read, so that the sender comes to wait. */
  readonly stalled?: ReadonlyArray<Way>
  /** Ways on which everything is taken and lost, the end of the connection too: a partition, a peer that is gone. */
  readonly lost?: ReadonlyArray<Way>
  /** New connections to nodes: taken and closed at once, or not taken. */
  readonly connections?: "closed" | "refused"
  /**
   * EPMD: takes connections and says nothing; names a port on which nobody listens; says what no EPMD says; knows no
   * name; closes without a word.
   */
  readonly epmd?: "silent" | "lying" | "garbage" | "empty" | "closing"
}

/**
 * A stand-in for EPMD that puts a faulty TCP path between whoever asks it and every node that is looked up: for each it
 * names a port of its own, behind which the node is. Loopback only.
 */
export interface FaultProxy {
  readonly epmdPort: number
  /** From now on these faults and no others, for what is under way too. */
  readonly set: (faults: Faults) => void
  /** From now on none. What was held back goes on; what was lost stays lost, and its connections are reset. */
  readonly heal: () => void
  /** Ends every connection to a node in an orderly way (FIN), or not (RST), whatever is still to go over it. */
  readonly end: (how: "cut" | "reset") => void
  /**
   * Once so many more bytes have gone that way, over whichever connections: does this, in the middle of a message or
   * not. With `corrupt`, the next byte that way is not what it was.
   */
  readonly after: (way: Way, bytes: number, action: "corrupt" | (() => void)) => void
  /** Sockets that are open here, those to the nodes and EPMD included. */
  readonly openSockets: () => number
}

/** Bytes that wait here at most before the sender comes to wait, too. */
const maxHeldBytes = 64 * 1024

/** What waits to go one way of one connection. `undefined` is the end. */
interface Held {
  readonly due: number
  readonly bytes: Buffer | undefined
}

/** Where the faults of all pipes come from, and who learns what has passed. */
interface Weather {
  faults: Faults
  readonly triggers: Array<{ readonly way: Way; bytes: number; readonly action: "corrupt" | (() => void) }>
}

/** One way of one connection. */
class Pipe {
  readonly #weather: Weather
  readonly #way: Way
  readonly #from: Socket
  readonly #to: Socket
  #held: Array<Held> = []
  #heldBytes = 0
  /** Stops what it waits for. */
  #wake: (() => void) | undefined
  /** Whether something of it is lost, so that it makes no sense any more. */
  isBroken = false

  constructor(weather: Weather, way: Way, from: Socket, to: Socket) {
    this.#weather = weather
    this.#way = way
    this.#from = from
    this.#to = to
    from.on("data", (bytes: Buffer) => this.#take(bytes))
    from.on("end", () => this.#take(undefined))
    to.on("drain", () => this.go())
  }

  #take(bytes: Buffer | undefined): void {
    const { latencyMillis = 0, lost } = this.#weather.faults
    if (lost?.includes(this.#way) === true) {
      this.isBroken = true
      return
    }
    this.#held.push({ due: performance.now() + latencyMillis, bytes })
    this.#heldBytes += bytes?.length ?? 0
    if (this.#heldBytes >= maxHeldBytes) this.#from.pause()
    this.go()
  }

  /** Passes on what may go now; to be called again whenever something has changed. */
  readonly go = (): void => {
    this.#wake?.()
    this.#wake = undefined
    while (this.#wake === undefined) {
      const next = this.#held[0]
      const { bytesPerSecond, chunkBytes = Infinity, stalled } = this.#weather.faults
      if (next === undefined || stalled?.includes(this.#way) === true || this.#to.writableNeedDrain) return
      const wait = next.due - performance.now()
      if (wait > 0) return this.#wait(wait)
      if (next.bytes === undefined) {
        this.#held = []
        this.#to.end()
        return
      }
      const trigger = this.#weather.triggers.find(({ way }) => way === this.#way)
      // Up to the byte with which something is to happen, and that one by itself where it is to be another one.
      const until = trigger === undefined ? Infinity : trigger.bytes === 0 ? 1 : trigger.bytes
      const atOnce = bytesPerSecond === undefined ? Infinity : Math.ceil(bytesPerSecond / 20)
      const bytes = next.bytes.subarray(0, Math.min(chunkBytes, until, atOnce))
      if (bytes.length < next.bytes.length) this.#held[0] = { due: next.due, bytes: next.bytes.subarray(bytes.length) }
      else this.#held.shift()
      this.#heldBytes -= bytes.length
      if (this.#heldBytes < maxHeldBytes) this.#from.resume()
      this.#pass(bytes, trigger)
      if (bytesPerSecond !== undefined) this.#wait((1000 * bytes.length) / bytesPerSecond)
      else if (chunkBytes < Infinity) this.#takeTurns()
    }
  }

  #wait(millis: number): void {
    const timer = setTimeout(this.go, Math.ceil(millis))
    this.#wake = () => clearTimeout(timer)
  }

  /** Lets what is written leave by itself. */
  #takeTurns(): void {
    const next = setImmediate(this.go)
    this.#wake = () => clearImmediate(next)
  }

  #pass(bytes: Buffer, trigger: Weather["triggers"][number] | undefined): void {
    if (trigger === undefined) return void this.#to.write(bytes)
    const isDue = trigger.bytes === 0
    if (isDue && trigger.action === "corrupt") this.#to.write(Uint8Array.of(bytes[0]! ^ 0xff))
    else this.#to.write(bytes)
    trigger.bytes -= bytes.length
    if (trigger.bytes > 0 || (trigger.action === "corrupt" && !isDue)) return
    this.#weather.triggers.splice(this.#weather.triggers.indexOf(trigger), 1)
    if (trigger.action !== "corrupt") trigger.action()
  }

  /** Nothing more goes this way. */
  stop(): void {
    this.#wake?.()
    this.#held = []
    this.#from.removeAllListeners("data").resume()
  }
}

interface Path {
  readonly client: Socket
  readonly node: Socket
  readonly pipes: ReadonlyArray<Pipe>
}

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject)
      const address = server.address()
      if (address !== null && typeof address === "object") resolve(address.port)
    })
  })

const PORT_PLEASE2_REQ = 122
const NAMES_REQ = 110
const PORT2_RESP = 119

/** A proxy to all the nodes that an EPMD on this machine knows. It goes with the scope, and all its connections with it. */
export const faultProxy = (upstreamEpmdPort: number): Effect.Effect<FaultProxy, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => startFaultProxy(upstreamEpmdPort)),
      ({ stop }) => Effect.promise(stop)
    ),
    ({ proxy }) => proxy
  )

/** {@link faultProxy}, without a scope. */
export const startFaultProxy = async (
  upstreamEpmdPort: number
): Promise<{ readonly proxy: FaultProxy; readonly stop: () => Promise<void> }> => {
  const weather: Weather = { faults: {}, triggers: [] }
  const sockets = new Set<Socket>()
  const paths = new Set<Path>()
  /** By the port of the node. */
  const servers = new Map<number, { readonly server: Server; readonly port: number }>()
  let isRefusing = false

  const kept = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on("error", () => {})
    return socket.on("close", () => sockets.delete(socket))
  }

  const accept = (nodePort: number) => (client: Socket) => {
    kept(client)
    if (weather.faults.connections === "closed") return void client.end().resume()
    const node = kept(connect({ host: "127.0.0.1", port: nodePort, allowHalfOpen: true }))
    const pipes = [new Pipe(weather, "up", client, node), new Pipe(weather, "down", node, client)]
    const path = { client, node, pipes }
    paths.add(path)
    for (const [socket, other] of [
      [client, node],
      [node, client]
    ] as const) {
      // A side that resets the connection resets the other one, too, where that is not lost on the way.
      socket.on("close", (hadError) => {
        const way: Way = socket === client ? "up" : "down"
        if (weather.faults.lost?.includes(way) === true) {
          for (const pipe of pipes) pipe.isBroken = true
          return
        }
        if (hadError) other.resetAndDestroy()
        if (client.destroyed && node.destroyed) paths.delete(path)
      })
    }
  }

  const portFor = async (nodePort: number): Promise<number> => {
    let entry = servers.get(nodePort)
    if (entry === undefined) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, accept(nodePort))
      entry = { server, port: await listen(server, 0) }
      servers.set(nodePort, entry)
      if (isRefusing) server.close()
    }
    return entry.port
  }

  const askEpmd = (request: Uint8Array): Promise<Buffer> =>
    new Promise((resolve) => {
      const chunks: Array<Buffer> = []
      const upstream = kept(connect({ host: "127.0.0.1", port: upstreamEpmdPort }))
      upstream.on("data", (chunk: Buffer) => void chunks.push(chunk))
      upstream.on("close", () => resolve(Buffer.concat(chunks)))
      upstream.write(request)
    })

  const closedPort = async (): Promise<number> => {
    const server = createServer()
    const port = await listen(server, 0)
    await new Promise((resolve) => server.close(resolve))
    return port
  }

  const epmd = createServer((client) => {
    kept(client)
    client.once("data", async (request: Buffer) => {
      const { epmd: fault } = weather.faults
      if (fault === "silent") return
      if (fault === "closing") return client.end()
      if (fault === "garbage") return client.end("HTTP/1.1 400 Bad Request\r\n\r\n")
      if (fault === "empty")
        return client.end(request[2] === NAMES_REQ ? new Uint8Array(4) : Uint8Array.of(PORT2_RESP, 1))
      const answer = await askEpmd(request)
      if (request[2] === PORT_PLEASE2_REQ && answer[1] === 0)
        answer.writeUInt16BE(fault === "lying" ? await closedPort() : await portFor(answer.readUInt16BE(2)), 2)
      return client.end(answer)
    })
  })
  const epmdPort = await listen(epmd, 0)

  /** Stops to listen on the ports of the nodes, or does so again on the same. */
  const refuse = (isRefused: boolean): void => {
    if (isRefused === isRefusing) return
    isRefusing = isRefused
    for (const { port, server } of servers.values()) {
      if (isRefused) server.close()
      else server.listen(port, "127.0.0.1")
    }
  }

  const set = (faults: Faults): void => {
    weather.faults = faults
    refuse(faults.connections === "refused")
    for (const { pipes } of paths) for (const pipe of pipes) pipe.go()
  }

  const drop = (path: Path, how: "cut" | "reset"): void => {
    for (const pipe of path.pipes) pipe.stop()
    for (const socket of [path.client, path.node]) {
      if (how === "reset") socket.resetAndDestroy()
      else socket.end()
    }
    paths.delete(path)
  }

  const proxy: FaultProxy = {
    epmdPort,
    set,
    heal: () => {
      weather.triggers.length = 0
      set({})
      for (const path of paths) if (path.pipes.some(({ isBroken }) => isBroken)) drop(path, "reset")
    },
    end: (how) => {
      for (const path of paths) drop(path, how)
    },
    after: (way, bytes, action) => void weather.triggers.push({ way, bytes, action }),
    openSockets: () => sockets.size
  }
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await Promise.all(
      [epmd, ...Array.from(servers.values(), ({ server }) => server)].map(
        (server) => new Promise((resolve) => server.close(resolve))
      )
    )
  }
  return { proxy, stop }
}
