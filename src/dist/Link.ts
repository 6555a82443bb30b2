import { Deferred, Effect, Redacted, type Scope } from "effect"
import { randomInt } from "node:crypto"
import type { Duplex } from "node:stream"
import { type Encodable, encodeInto } from "../etf/Encode.ts"
import { EtfError } from "../etf/EtfError.ts"
import { Writer } from "../etf/Writer.ts"
import { awaited, describeBytes, DistError, type DistReason, type HandshakeStage, isNameGone } from "./DistError.ts"
import { portPlease } from "./Epmd.ts"
import { defaultEpmdPort } from "./EpmdPort.ts"
import * as Flags from "./Flags.ts"
import { Frames } from "./Frames.ts"
import { Handshake, type Handshaken, HandshakePackets, type HandshakeOptions } from "./Handshake.ts"
import { type MessageHandler, Messages } from "./Messages.ts"
import { type NodeName, parseNodeName } from "./NodeName.ts"
import { orWantsPlain, orWantsTls } from "./Mismatch.ts"
import { ProtocolError } from "./ProtocolError.ts"
import { alertProblem, cutInTls, type TlsOptions } from "./Tls.ts"
import { dialReason, type Endpoint, endpointText, type SocketPath, Transport } from "./Transport.ts"

/** How a node is reached, where its name alone does not say. */
export interface Reach {
  /**
   * Where the node is, if that is not what its name and EPMD say: forwarded to a port of this machine, say. With a port
   * or a Unix socket, EPMD is not asked; a host alone stands for the one in the name.
   */
  readonly address?: { readonly host: string; readonly port?: number } | SocketPath
  /** The host of the EPMD that knows the node. Default: the node's. */
  readonly epmdHost?: string
  /** Default 4369. */
  readonly epmdPort?: number
  /** Set for a node whose distribution runs over TLS (`-proto_dist inet_tls`). EPMD is always asked in the clear. */
  readonly tls?: TlsOptions
}

/**
 * What EPMD says of a node since it told where that is. `same`: nothing else, or nothing at all. `moved`: it has another port
 * for it. `gone`: it has no such name. `unknown`: there is no EPMD any more, and one that comes will not know what was before.
 */
export type Whereabouts = "same" | "moved" | "gone" | "unknown"

/** What it takes to make a link. */
export interface LinkOptions extends Reach {
  /** The node's full name, `name@host`. */
  readonly node: string
  readonly cookie: Redacted.Redacted
  /**
   * Milliseconds for all of connecting. Without it, EPMD, connecting and the handshake have 7,000 each, which is what a
   * node itself allows (`net_setuptime`); with it, no more than is left.
   */
  readonly timeoutMillis?: number
  /**
   * A full name to join under, in place of one that the node gives: for nodes that allow only certain names
   * (`net_kernel:allow/1`). Each new name costs the node an atom for ever.
   */
  readonly localName?: string
  /**
   * Our name on a link that was there before, for one that is to be made again as that was: a node that closes it at once
   * is in trouble, and is not asked whether it wants another name, or TLS, on connections of their own.
   */
  readonly joinedAs?: string
  /** Default: what `Flags.offered` says. Without SPAWN, to behave like an older peer. */
  readonly flags?: bigint
  /** Told what is awaited of the node each time that its handshake comes to another stage. */
  readonly onStage?: (stage: HandshakeStage) => void
  /** Told once the handshake is done, before anything else goes over the link. */
  readonly onShaken?: () => void
  /**
   * Told, once EPMD has said where the node is, how to learn, within so many milliseconds, what it says by now. That costs
   * the node nothing.
   */
  readonly onPlace?: (whereabouts: (timeoutMillis: number) => Effect.Effect<Whereabouts>) => void
}

/** Bytes and messages since the link came up. */
export interface Traffic {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly messagesIn: number
  readonly messagesOut: number
}

/** One link to one node: messages in, messages out. Everything that hangs on it ends with its scope. */
export interface Link {
  readonly peer: { readonly name: string; readonly creation: number }
  readonly local: { readonly name: string; readonly creation: number }
  /** Flags that both sides have. */
  readonly flags: bigint
  /**
   * Queues a message; all messages of one turn of the event loop leave in one write. Does nothing once the link is
   * lost. Throws an `EtfError` for what cannot be encoded, and then queues nothing.
   */
  readonly send: (control: Encodable, payload?: Encodable) => void
  /**
   * As {@link Link.send}, for a message that may wait a millisecond for others to leave with it: small writes, and what
   * the node makes of each, cost more than the messages in them.
   */
  readonly sendSoon: (control: Encodable, payload?: Encodable) => void
  /** Who gets the messages. To be set before the first message is sent; until then, messages are dropped. */
  readonly attach: (handler: MessageHandler, onLost: (error: DistError) => void) => void
  /** The node's `net_ticktime` in seconds: how long either side may be silent. 60 until told otherwise. */
  readonly setTickTime: (seconds: number) => void
  /** Why the link is lost, once it is. */
  readonly failure: () => DistError | undefined
  /** Waits for the loss of the link. */
  readonly lost: Effect.Effect<DistError>
  /** Closes the link at once; the end of its scope does the same. */
  readonly close: Effect.Effect<void>
  readonly traffic: () => Traffic
  /** Milliseconds since anything came from the node, its ticks included. */
  readonly silentMillis: () => number
}

const phaseMillis = 7_000

/** The host part of our name. The node only puts it into the name that it makes for us; nobody resolves it. */
const localHost = "beamscope"

/**
 * Names to fall back on with a peer that gives none (NAME_ME came with OTP 23; other implementations may lack it).
 * Few and always the same: each new name costs the node an atom for ever.
 */
const namePool = [1, 2, 3, 4].map((number) => `beamscope${number}@${localHost}.local`)

/**
 * Finds a node through EPMD, connects, and joins it as a hidden node. Fails with the reason that fits; does not try
 * again by itself. The link closes with the scope.
 */
export const connect = (options: LinkOptions): Effect.Effect<Link, DistError, Scope.Scope> =>
  Effect.gen(function* () {
    const node = yield* nodeName(options.node, options.node)
    if (options.localName !== undefined) yield* nodeName(options.node, options.localName)
    const invalid = invalidOption(options)
    if (invalid !== undefined) return yield* new DistError({ node: node.full, reason: invalid })
    const end = performance.now() + (options.timeoutMillis ?? Infinity)
    const left = () => Math.max(1, Math.ceil(Math.min(phaseMillis, end - performance.now())))
    const endpoint = yield* locate(node, options, left())
    if (!isPlaced(options)) options.onPlace?.((millis) => whereabouts(node, options, endpoint, millis))
    const join = (name: HandshakeOptions["name"]) => Effect.suspend(() => open(node, endpoint, options, name, left))
    const joined =
      options.localName === undefined ? joinNamed(join, options.joinedAs) : joinAs(options.localName, node, join)
    if (options.tls !== undefined || options.joinedAs !== undefined) return yield* joined
    return yield* Effect.catchIf(joined, isClosedAtOnce, (closed) =>
      orWantsTls(closed, { to: endpoint, timeoutMillis: left() })
    )
  })

/** The parts of a name that the node, or we ourselves, are to have. */
const nodeName = (node: string, name: string): Effect.Effect<NodeName, DistError> => {
  const parsed = parseNodeName(name)
  return "problem" in parsed
    ? Effect.fail(new DistError({ node, reason: { _tag: "InvalidNodeName", name, ...parsed } }))
    : Effect.succeed(parsed)
}

const invalid = (option: string, problem: string): DistReason => ({ _tag: "InvalidOption", option, problem })

/** An option that Node's own functions would throw at. */
const invalidOption = ({ address, epmdHost, epmdPort, timeoutMillis }: LinkOptions): DistReason | undefined => {
  const ports = { "address.port": address !== undefined && "port" in address ? address.port : undefined, epmdPort }
  for (const [option, port] of Object.entries(ports)) {
    if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536))
      return invalid(option, `${port} is no port: those are 1 to 65535`)
  }
  const places = { address: address && ("path" in address ? address.path : address.host), epmdHost }
  for (const [option, place] of Object.entries(places)) {
    if (place === "" || place?.includes("\0") === true)
      return invalid(option, "it is empty, or has a character of code 0 in it")
  }
  return timeoutMillis === undefined || timeoutMillis > 0
    ? undefined
    : invalid("timeoutMillis", `${timeoutMillis} is no number of milliseconds above 0`)
}

type Join = (name: HandshakeOptions["name"]) => Effect.Effect<Link, DistError, Scope.Scope>

/** Joins under the name that was asked for. */
const joinAs = (localName: string, node: NodeName, join: Join) => {
  const refused = new DistError({ node: node.full, reason: { _tag: "NameRefused", name: localName } })
  if (localName === node.full) return Effect.fail(refused)
  return Effect.catchReason(join({ fixed: localName }), "DistError", "Refused", () => Effect.fail(refused))
}

/** Joins under a name that the node gives, or, where it gives none, under one of ours that is free there. */
const joinNamed = (join: Join, joinedAs: string | undefined) => {
  const isNamer = joinedAs !== undefined && !namePool.includes(joinedAs)
  return Effect.catchIf(join({ dynamic: localHost }), isNamer ? isNameless : isNamelessPeer, () =>
    namePool
      .map((fixed) => join({ fixed }))
      .reduce((first, next) =>
        Effect.catchIf(
          first,
          (error) => error.reason._tag === "NameInUse",
          () => next
        )
      )
  )
}

/** Whether the node's address was given down to the port. */
const isPlaced = ({ address }: Reach): boolean =>
  address !== undefined && ("path" in address || address.port !== undefined)

/** Where a node listens: as it was given, or as EPMD has it. */
const locate = (node: NodeName, options: Reach, timeoutMillis: number): Effect.Effect<Endpoint, DistError> => {
  const { address, epmdHost, epmdPort = defaultEpmdPort } = options
  if (address !== undefined && "path" in address) return Effect.succeed(address)
  const { host, port } = { host: node.host, ...address }
  if (port !== undefined) return Effect.succeed({ host, port })
  return Effect.map(portPlease(node, { host: epmdHost ?? host, port: epmdPort }, timeoutMillis), (port) => ({
    host,
    port
  }))
}

/** Milliseconds that EPMD has at most to say where a node is by now. */
const againMillis = 2_000

/** What gives no answer has not said that the node has ended; nor has one that lists the name which it denies. */
const whereabouts = (
  node: NodeName,
  options: Reach,
  before: Endpoint,
  timeoutMillis: number
): Effect.Effect<Whereabouts> =>
  Effect.match(locate(node, options, Math.max(1, Math.min(againMillis, timeoutMillis))), {
    onSuccess: (now) => (endpointText(now) === endpointText(before) ? "same" : "moved"),
    onFailure: ({ reason }) => (reason._tag === "EpmdRefused" ? "unknown" : isNameGone(reason) ? "gone" : "same")
  })

/** How a peer that cannot give names shows it: it closes before its status, or takes the bare host for a name. */
const isNamelessPeer = (error: DistError): boolean => isNameless(error) || isClosedAtOnce(error)

const isNameless = ({ reason }: DistError): boolean => reason._tag === "NameNotGiven"

const isClosedAtOnce = ({ reason }: DistError): boolean =>
  reason._tag === "ClosedInHandshake" && reason.stage === "status"

const open = (
  node: NodeName,
  endpoint: Endpoint,
  options: LinkOptions,
  name: HandshakeOptions["name"],
  left: () => number
): Effect.Effect<Link, DistError, Scope.Scope> => {
  const failed = (reason: DistReason) =>
    new DistError({ node: node.full, reason: isPlaced(options) ? reason : asTold(reason, endpoint) })
  return Effect.gen(function* () {
    const { dial } = yield* Transport
    const timeoutMillis = left()
    const tls = options.tls && { options: options.tls, serverName: options.tls.serverName ?? node.host }
    const handshake = new Handshake({
      peer: node.full,
      cookie: Redacted.value(options.cookie),
      name,
      creation: randomInt(4, 2 ** 32 - 1),
      challenge: randomInt(0, 2 ** 32 - 1),
      flags: options.flags ?? Flags.offered
    })
    const dialled = Effect.mapError(dial(endpoint, timeoutMillis, tls), (error) =>
      failed(
        dialReason(endpoint, error, {
          phase: "connect",
          millis: timeoutMillis,
          what: node.full,
          refused: {
            _tag: "PortRefused",
            at: endpointText(endpoint),
            from: isPlaced(options) ? "address" : "epmd"
          },
          cut: tls === undefined ? handshake.closed(true) : cutInTls
        })
      )
    )
    const stream = yield* tls === undefined
      ? dialled
      : orWantsPlain(
          dialled,
          { to: endpoint, opening: handshake.opening, timeoutMillis },
          failed({ _tag: "WantsPlain" })
        )
    const shaken = yield* shakeHands(
      stream,
      handshake,
      new HandshakePackets(tls === undefined ? 2 : 4),
      left(),
      options
    ).pipe(
      Effect.mapError(failed),
      // The scope lives on when another name is tried; a refused socket must not.
      Effect.onError(() => Effect.sync(() => stream.destroy()))
    )
    return yield* Effect.acquireRelease(
      Effect.sync(() => new RunningLink(stream, shaken)),
      (link) => link.close
    )
  })
}

/**
 * What it means that it was EPMD that told the port: where a node of another name is, for who wants that one, since what its
 * own name leads to may be nothing; and that what closes the connection at once was meant to be the node.
 */
const asTold = (reason: DistReason, endpoint: Endpoint): DistReason => {
  if (reason._tag === "WrongNode") return { ...reason, at: endpointText(endpoint) }
  if (reason._tag === "TlsFailed" && reason.isCut === true) return { ...reason, from: "epmd" }
  if (reason._tag === "ClosedInHandshake" && reason.stage === "status") return { ...reason, from: "epmd" }
  return reason
}

/** Runs the handshake over a stream. The stream is paused when it succeeds, so that nothing is lost in between. */
const shakeHands = (
  stream: Duplex,
  handshake: Handshake,
  packets: HandshakePackets,
  timeoutMillis: number,
  { onShaken, onStage, tls }: Pick<LinkOptions, "onShaken" | "onStage" | "tls">
): Effect.Effect<Handshaken, DistReason> =>
  Effect.callback((resume) => {
    const timer = setTimeout(
      () =>
        finish(
          Effect.fail({
            _tag: "Timeout",
            phase: "handshake",
            millis: timeoutMillis,
            waitingFor: `waiting for ${awaited[handshake.stage]}`,
            stage: handshake.stage,
            // Later it may be our digest, sent back.
            ...(handshake.stage === "status" && packets.rest().length > 0 && { seen: describeBytes(packets.rest()) })
          })
        ),
      timeoutMillis
    )
    const finish = (outcome: Effect.Effect<Handshaken, DistReason>): void => {
      clearTimeout(timer)
      stopListening()
      stream.pause()
      resume(outcome)
    }
    const onError = (error: Error | null) => {
      const alert = error && tls && alertProblem(error, tls, true)
      finish(Effect.fail(alert ?? handshake.closed(error !== null && !stream.readableEnded)))
    }
    const onClose = () => onError(stream.errored)
    const onData = (chunk: Uint8Array) => {
      packets.push(chunk)
      for (let packet = packets.next(); packet !== undefined; packet = packets.next()) {
        if ("_tag" in packet) return finish(Effect.fail(packet))
        const step = handshake.receive(packet)
        switch (step._tag) {
          case "Wait":
            onStage?.(handshake.stage)
            break
          case "Send":
            stream.write(packets.framed(step.packet))
            onStage?.(handshake.stage)
            break
          case "Done":
            onShaken?.()
            finish(Effect.succeed(step.result))
            // What came behind the handshake is the link's to read. A link that held it would hold it for ever.
            if (packets.rest().length > 0) stream.unshift(packets.rest())
            return
          case "Failed":
            return finish(Effect.fail(step.reason))
        }
      }
    }
    const stopListening = () => stream.off("data", onData).off("error", onError).off("close", onClose)
    // Nobody is told a second time of what has ended before.
    if (stream.destroyed) return onClose()
    stream.on("data", onData).on("error", onError).on("close", onClose)
    stream.write(packets.framed(handshake.opening))
    onStage?.(handshake.stage)
    return Effect.sync(() => {
      clearTimeout(timer)
      stopListening()
    })
  })

/**
 * Bytes that are sent without waiting for the end of the turn: with hundreds of requests in one turn the node works on
 * the first of them while we write the last.
 */
const batchBytes = 8 * 1024

/** Milliseconds that a message of `sendSoon` waits at most. */
const soonMillis = 1

/** A frame of no bytes. */
const tick = new Uint8Array(4)

/** A timer of Node takes no more, and makes one millisecond of it. */
const maxTimerMillis = 2 ** 31 - 1

/** Bytes that may wait for a node that does not read. Requests are small: past this the node is stuck. */
const maxUnsentBytes = 64 * 1024 * 1024

/** Milliseconds within which what is still to be sent may leave when a link is closed. */
const closingMillis = 500

/** The hot path: socket data in, frames, messages, dispatch, all in one synchronous turn. */
class RunningLink implements Link {
  readonly peer: Link["peer"]
  readonly local: Link["local"]
  readonly flags: bigint
  readonly lost: Effect.Effect<DistError>
  readonly close: Effect.Effect<void>
  readonly #stream: Duplex
  readonly #lost = Deferred.makeUnsafe<DistError>()
  readonly #writer = new Writer()
  #isFlushDue = false
  #soonTimer: NodeJS.Timeout | undefined
  #handler: MessageHandler | undefined
  #onLost: ((error: DistError) => void) | undefined
  #failure: DistError | undefined
  #tickTimer: NodeJS.Timeout | undefined
  #silenceLimitMillis = 0
  #lastIn = performance.now()
  #lastOut = performance.now()
  #bytesIn = 0
  #bytesOut = 0
  #messagesIn = 0
  #messagesOut = 0

  constructor(stream: Duplex, shaken: Handshaken) {
    this.#stream = stream
    this.peer = shaken.peer
    this.local = shaken.local
    this.flags = shaken.flags
    this.lost = Deferred.await(this.#lost)
    this.close = Effect.callback<void>((resume) => {
      this.#flush()
      this.#lose({ _tag: "Disconnected" })
      const done = () => {
        clearTimeout(timer)
        stream.destroy()
        resume(Effect.void)
      }
      const timer = setTimeout(done, closingMillis)
      if (stream.destroyed) return done()
      stream.end(done)
    })
    const messages = new Messages({
      payloadLimit: (control) => this.#handler?.payloadLimit(control) ?? 0,
      message: (control, payload) => {
        this.#messagesIn++
        this.#handler?.message(control, payload)
      },
      oversized: (control, head, why) => this.#handler?.oversized(control, head, why)
    })
    const frames = new Frames({
      tick: () => this.#answerTick(),
      frame: (frame) => messages.frame(frame),
      headBytes: messages.headBytes,
      begin: (head) => messages.begin(head),
      piece: (bytes, isLast) => messages.piece(bytes, isLast)
    })
    const receive = (chunk: Uint8Array) => {
      if (this.#failure !== undefined) return
      this.#lastIn = performance.now()
      this.#bytesIn += chunk.length
      try {
        const problem = frames.push(chunk)
        if (problem !== undefined) this.#lose({ _tag: "ProtocolViolation", detail: problem })
      } catch (error) {
        this.#lose(
          error instanceof EtfError || error instanceof ProtocolError
            ? { _tag: "ProtocolViolation", detail: error.message }
            : { _tag: "Fault", cause: error }
        )
      }
    }
    stream.on("data", receive)
    const onError = (error: NodeJS.ErrnoException | null) => {
      const detail = error ? `the socket failed (${error.code ?? error.message})` : "the node closed it, or went down"
      this.#lose({ _tag: "LinkClosed", detail })
    }
    const onClose = () => onError(stream.errored)
    stream.on("error", onError).on("close", onClose)
    this.setTickTime(60)
    // It may have ended while nobody listened.
    if (stream.destroyed) onClose()
    else stream.resume()
  }

  readonly send = (control: Encodable, payload?: Encodable): void => {
    if (this.#failure !== undefined) return
    this.#queue(control, payload)
    if (this.#writer.length === 0 || this.#isFlushDue) return
    this.#isFlushDue = true
    queueMicrotask(() => this.#flush())
  }

  readonly sendSoon = (control: Encodable, payload?: Encodable): void => {
    if (this.#failure !== undefined) return
    this.#queue(control, payload)
    if (this.#writer.length > 0) this.#soonTimer ??= setTimeout(() => this.#flush(), soonMillis)
  }

  readonly attach = (handler: MessageHandler, onLost: (error: DistError) => void): void => {
    this.#handler = handler
    this.#onLost = onLost
    if (this.#failure !== undefined) onLost(this.#failure)
  }

  readonly setTickTime = (seconds: number): void => {
    clearInterval(this.#tickTimer)
    if (this.#failure !== undefined) return
    const everyMillis = Math.min(Math.max(250, seconds * 250), maxTimerMillis)
    // A node gives up on a silent peer between 0.75 and 1.25 of its tick time; the same is due to it. We look once in a
    // quarter of that time, so that a silence which is just short of the limit is seen to be over it at 1.25.
    this.#silenceLimitMillis = seconds * 1000
    this.#tickTimer = setInterval(() => {
      if (performance.now() - this.#lastOut >= everyMillis) this.#write(tick)
      // What arrived while this process was busy is read before the timers of the next turn: look again then.
      if (this.silentMillis() > this.#silenceLimitMillis) setImmediate(() => setTimeout(() => this.#checkSilence(), 10))
    }, everyMillis)
    this.#tickTimer.unref()
  }

  readonly failure = (): DistError | undefined => this.#failure

  readonly traffic = (): Traffic => ({
    bytesIn: this.#bytesIn,
    bytesOut: this.#bytesOut,
    messagesIn: this.#messagesIn,
    messagesOut: this.#messagesOut
  })

  readonly silentMillis = (): number => performance.now() - this.#lastIn

  #checkSilence(): void {
    if (this.silentMillis() <= this.#silenceLimitMillis) return
    this.#lose({ _tag: "TickTimeout", silentMillis: this.silentMillis() })
  }

  #answerTick(): void {
    // Not every tick needs an answer of its own, and two peers that answered each other's ticks would never rest.
    if (performance.now() - this.#lastOut > 250) this.#write(tick)
  }

  /** Adds a message to those that leave together, and sends them once they are enough. */
  #queue(control: Encodable, payload: Encodable | undefined): void {
    const writer = this.#writer
    const start = writer.length
    try {
      writer.uint32(0)
      // A header with an empty atom cache. What we send is never fragmented: a node takes whole messages of any size.
      writer.uint8(131)
      writer.uint8(68)
      writer.uint8(0)
      encodeInto(writer, control)
      if (payload !== undefined) encodeInto(writer, payload)
      writer.patchUint32(start, writer.length - start - 4)
    } catch (error) {
      writer.truncate(start)
      throw error
    }
    this.#messagesOut++
    if (writer.length >= batchBytes) this.#flush()
  }

  #flush(): void {
    this.#isFlushDue = false
    clearTimeout(this.#soonTimer)
    this.#soonTimer = undefined
    if (this.#failure === undefined && this.#writer.length > 0) this.#write(this.#writer.take())
  }

  #write(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return
    this.#lastOut = performance.now()
    this.#bytesOut += bytes.length
    this.#stream.write(bytes)
    if (this.#stream.writableLength > maxUnsentBytes)
      this.#lose({ _tag: "LinkClosed", detail: `the node has not read ${maxUnsentBytes} bytes that wait for it` })
  }

  /** Once, whatever comes first: everybody who waits learns of it, and nothing more is sent or taken. */
  #lose(reason: DistReason): void {
    if (this.#failure !== undefined) return
    this.#failure = new DistError({ node: this.peer.name, reason })
    clearInterval(this.#tickTimer)
    clearTimeout(this.#soonTimer)
    if (reason._tag !== "Disconnected") this.#stream.destroy()
    this.#onLost?.(this.#failure)
    Deferred.doneUnsafe(this.#lost, Effect.succeed(this.#failure))
  }
}
