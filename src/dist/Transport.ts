import { Context, Effect, type Scope } from "effect"
import { Buffer } from "node:buffer"
import type { X509Certificate } from "node:crypto"
import { statSync } from "node:fs"
import { connect, isIP, isIPv6, type LookupFunction, type NetConnectOpts, type Socket } from "node:net"
import { platform } from "node:process"
import type { Duplex } from "node:stream"
import { connect as connectTls, createSecureContext, type SecureContext, TLSSocket } from "node:tls"
import type { DistReason, Phase } from "./DistError.ts"
import { type Endpoint, endpointText } from "./Endpoint.ts"
import { HeldUp, lookUp } from "./Resolver.ts"
import { shortages } from "./Shortage.ts"
import {
  alertOf,
  certificateProblem,
  keyText,
  materialProblem,
  reasonOf,
  type Securing,
  type TlsOptions,
  tlsProblem,
  type TlsSeen,
  unusable
} from "./Tls.ts"

export { type Address, type Endpoint, endpointText, type SocketPath } from "./Endpoint.ts"

const hostOf = (to: Endpoint): string => ("path" in to ? to.path : to.host)

/**
 * A failed dial: Node's own error code (`ECONNREFUSED`, `ENOTFOUND`, …), or `TIMEOUT`; `ETIMEOUT`, as a name server has
 * it, where the time went by before the host had an address.
 */
export interface DialError {
  readonly _tag: "DialError"
  readonly code: string
  /** Which address of the host it was, where that is known. */
  readonly address?: string
  /** The hosts whose look-ups keep this one's from being made, where that is why. */
  readonly heldUpBy?: ReadonlyArray<string>
  /** Why there is no TLS, where the connection itself was made. */
  readonly tls?: DistReason
}

/**
 * Why a link cannot be made, where a dial failed; `refused` is what a refused connection means there, `cut` what one
 * means that was taken, and ended at once.
 */
export const dialReason = (
  to: Endpoint,
  error: DialError,
  attempt: {
    readonly phase: Phase
    readonly millis: number
    readonly what: string
    readonly refused: DistReason
    readonly cut: DistReason
  }
): DistReason => {
  if (error.tls !== undefined) return error.tls
  if (shortages.has(error.code)) return { _tag: "NoResources", code: error.code }
  switch (error.code) {
    case "ENOTFOUND":
      return { _tag: "HostUnresolved", host: hostOf(to) }
    case "EAI_AGAIN":
    case "EAI_FAIL":
    case "ETIMEOUT":
    case "EHELDUP":
      return {
        _tag: "HostUnresolved",
        host: hostOf(to),
        isPassing: true,
        ...(error.heldUpBy && { heldUpBy: error.heldUpBy })
      }
    case "EADDRNOTAVAIL":
      // No port is left, or there is no address to come from: with IPv6 that is about always so.
      return isIPv6(error.address ?? hostOf(to))
        ? { _tag: "Unreachable", at: endpointText(to), code: error.code }
        : { _tag: "NoResources", code: error.code }
    case "ECONNREFUSED":
      return attempt.refused
    case "ECONNRESET":
      // Nobody resets what was not taken before; that it was is not always heard of first.
      return attempt.cut
    case "ENOENT":
      // A socket that is not there yet, or no more.
      return attempt.refused._tag === "PortRefused" ? { ...attempt.refused, isAbsent: true } : attempt.refused
    case "TIMEOUT":
      return {
        _tag: "Timeout",
        phase: attempt.phase,
        millis: attempt.millis,
        waitingFor: `connecting to ${attempt.what} on ${endpointText(to)}`
      }
    default:
      return { _tag: "Unreachable", at: endpointText(to), code: error.code }
  }
}

/**
 * Opens byte streams. The one place of the link that touches the network; another transport (a pair of streams in a
 * test, one that records) is another value of this reference.
 */
export interface Dialer {
  /**
   * A connected stream, destroyed with the scope. What it gives with "data" is the listener's only until that returns:
   * the memory may be reused for the next read.
   */
  readonly dial: (to: Endpoint, timeoutMillis: number, tls?: Securing) => Effect.Effect<Duplex, DialError, Scope.Scope>
}

/** Bytes that are read at once: making new room for each read costs more. */
const readBytes = 64 * 1024

const shared = Buffer.allocUnsafeSlow(readBytes)

/**
 * Where a socket reads to. What came is used up or copied before the next socket reads, so that all can read to the
 * same place; but on Windows, where a read fills its memory whenever something comes.
 */
const readBuffer = (): Buffer => (platform === "win32" ? Buffer.allocUnsafeSlow(readBytes) : shared)

/** What our side of TLS is made of, or why it cannot be. */
const makeContext = (options: TlsOptions): SecureContext | DistReason => {
  const { ca, cert, key } = options
  try {
    return (
      materialProblem(options) ??
      createSecureContext({
        minVersion: "TLSv1.2",
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert, key: keyText(cert, key) })
      })
    )
  } catch (error) {
    // OpenSSL has rules of its own: a key may be too weak for it, say.
    return unusable("cert", error instanceof Error ? reasonOf(error) : String(error))
  }
}

/**
 * Milliseconds for each address of a host but the last, which has what is left. A part of the time for all: Node gives
 * 250, which a way around half the world, or one packet lost, takes longer than.
 */
const attemptMillis = (timeoutMillis: number): number => Math.max(250, Math.ceil(timeoutMillis / 3))

/** How a socket has the addresses of the host that it connects to. */
const lookUpForSocket: LookupFunction = (host, { all }, tell) => {
  lookUp(host).then(
    (found) => {
      const [first] = found
      if (all === true) tell(null, found)
      else tell(null, first?.address ?? "", first?.family)
    },
    (error: NodeJS.ErrnoException) => tell(error, [])
  )
}

/** A socket that begins to connect, and gives what it reads to whoever listens by then. */
const openSocket = (
  to: Endpoint,
  timeoutMillis: number,
  tls?: { readonly serverName: string; readonly secureContext: SecureContext }
): Socket => {
  const options: NetConnectOpts = {
    ...to,
    autoSelectFamilyAttemptTimeout: attemptMillis(timeoutMillis),
    lookup: lookUpForSocket,
    onread: {
      buffer: readBuffer(),
      callback: (count, buffer) => deliver(buffer.subarray(0, count))
    }
  }
  const socket =
    tls === undefined
      ? connect(options)
      : connectTls({
          ...options,
          secureContext: tls.secureContext,
          // An address is no server name to TLS. RFC 6066 §3.
          servername: isIP(tls.serverName) === 0 ? tls.serverName : "",
          // Whether the certificate will do is decided in `distrust`, by the rules of nodes.
          rejectUnauthorized: false,
          checkServerIdentity: () => undefined
        })
  const deliver = (chunk: Uint8Array): boolean => {
    // What nobody listens for yet waits in the stream, in memory of its own.
    if (socket.readableFlowing !== true || socket.readableLength > 0) return socket.push(Buffer.from(chunk))
    socket.emit("data", chunk)
    return true
  }
  // Small requests must leave at once: a call is one short write, and Nagle would hold it back.
  socket.once("connect", () => socket.setNoDelay(true))
  return socket
}

/** As Node has it; of a host with several addresses it is one error, with those of all the addresses in it. */
interface ConnectError extends NodeJS.ErrnoException {
  readonly address?: string
  readonly errors?: ReadonlyArray<ConnectError>
}

/** What says that an address could not even be tried. */
const untried: ReadonlySet<string | undefined> = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "ENETUNREACH"])

/**
 * Of the errors of several addresses: that of one where somebody answers, else of one that could be tried. Others are
 * often of a kind of address that is not on here.
 */
const mostTelling = (error: ConnectError): ConnectError => {
  const { errors = [error] } = error
  return (
    errors.find(({ code }) => code === "ECONNREFUSED") ??
    errors.find(({ code }) => !untried.has(code)) ??
    errors[0] ??
    error
  )
}

/** What a failure to connect to a Unix socket means: some codes are of several mistakes. */
const codeAtPath = (path: string, code: string | undefined): string | undefined => {
  if (code === "EINVAL") return "ENAMETOOLONG"
  if (code !== "ECONNREFUSED") return code
  return statSync(path, { throwIfNoEntry: false })?.isSocket() === false ? "ENOTSOCK" : code
}

const dialSocket = (
  to: Endpoint,
  timeoutMillis: number,
  securing?: Securing
): Effect.Effect<Duplex, DialError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Duplex, DialError>((resume) => {
      const secureContext = securing && makeContext(securing.options)
      if (secureContext !== undefined && "_tag" in secureContext)
        return resume(Effect.fail({ _tag: "DialError", code: "TLS", tls: secureContext }))
      const socket = openSocket(
        to,
        timeoutMillis,
        securing && secureContext && { serverName: securing.serverName, secureContext }
      )
      // Set while the connection is there and TLS is not.
      let securingNow: Securing | undefined
      // Taken once: Node.js takes it out of the chain with that, and would give the next one.
      let certificate: X509Certificate | undefined
      const shown = () => (certificate ??= certificateOf(socket))
      let seen: TlsSeen = {}
      const look = (error?: Error) => {
        if (securingNow?.onSeen !== undefined) seen = { ...seen, ...seenOf(socket, shown(), error) }
      }
      const tell = () => securingNow?.onSeen?.(seen)
      let isResolved = "path" in to || isIP(to.host) !== 0
      const timer = setTimeout(
        () => fail(isResolved ? "TIMEOUT" : "ETIMEOUT", securingNow && { tls: tlsTimeout(timeoutMillis) }),
        timeoutMillis
      )
      const fail = (code: string, more: Omit<DialError, "_tag" | "code"> = {}) => {
        clearTimeout(timer)
        look()
        tell()
        socket.destroy()
        resume(Effect.fail({ _tag: "DialError", code, ...more }))
      }
      const succeed = () => {
        clearTimeout(timer)
        socket.removeAllListeners("error")
        // From here on the reader learns of a failure by "close"; without a listener an error would be thrown.
        socket.on("error", () => {})
        resume(Effect.succeed(socket))
      }
      socket.once("error", (error: ConnectError) => {
        const { address, code: given, message } = mostTelling(error)
        const code = "path" in to ? codeAtPath(to.path, given) : given
        look(error)
        const tls = securingNow && tlsProblem(error, securingNow.options, shown() !== undefined)
        fail(code ?? message, {
          ...(tls && { tls }),
          ...(address !== undefined && !("path" in to) && { address }),
          ...(error instanceof HeldUp && { heldUpBy: error.hosts })
        })
      })
      socket.once("lookup", () => (isResolved = true))
      socket.once("connect", () => {
        securingNow = securing
        if (securing === undefined) succeed()
      })
      socket.once("secureConnect", () => {
        const problem = securing && distrust(socket, shown(), securing)
        look()
        if (problem !== undefined) return fail("TLS", { tls: problem })
        if (securing?.onSeen === undefined) return succeed()
        // With TLS 1.3 the last of our part, a certificate of ours among it, leaves behind this.
        setImmediate(() => {
          if (socket.destroyed) return
          look()
          tell()
          succeed()
        })
      })
      return Effect.sync(() => {
        clearTimeout(timer)
        look()
        tell()
        socket.on("error", () => {})
        socket.destroy()
      })
    }),
    (socket) => Effect.sync(() => socket.destroy()),
    { interruptible: true }
  )

/** What can be seen of TLS on a socket now, by what ended it, if that is so. */
const seenOf = (socket: Socket, certificate: X509Certificate | undefined, error?: Error): TlsSeen => {
  if (!(socket instanceof TLSSocket)) return {}
  // Before there is a cipher, the version is only the highest that we offer; its declared type leaves that out.
  const cipher = (socket.getCipher() as { readonly name: string } | undefined)?.name
  const protocol = socket.getProtocol()
  const wire = wireBytes(socket)
  const alert = error && alertOf(error)
  return {
    ...(certificate !== undefined && { certificate }),
    ...(cipher !== undefined && protocol !== null && { agreed: { protocol, cipher } }),
    ...(wire !== undefined && { wire }),
    ...(alert !== undefined && { alert })
  }
}

/**
 * Bytes below TLS: the socket's own figures are of what is inside of it. They are of the handle that TLS is wrapped
 * around, which Node.js does not promise; where it is not as expected, they are not known.
 */
const wireBytes = (socket: TLSSocket): TlsSeen["wire"] => {
  const { _handle: handle } = socket as { readonly _handle?: { readonly _parent?: WireHandle } | null }
  const { bytesRead, bytesWritten } = handle?._parent ?? {}
  return typeof bytesRead === "number" && typeof bytesWritten === "number"
    ? { sentBytes: bytesWritten, receivedBytes: bytesRead }
    : undefined
}

interface WireHandle {
  readonly bytesRead?: unknown
  readonly bytesWritten?: unknown
}

const tlsTimeout = (millis: number): DistReason => ({
  _tag: "Timeout",
  phase: "tls",
  millis,
  waitingFor: "waiting for its part of the TLS handshake"
})

const certificateOf = (socket: Socket): X509Certificate | undefined =>
  socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined

/** Why the other side is not to be trusted to be whom we mean, if so. */
const distrust = (
  socket: Socket,
  certificate: X509Certificate | undefined,
  securing: Securing
): DistReason | undefined => {
  if (securing.options.insecure === true) return undefined
  if (!(socket instanceof TLSSocket) || certificate === undefined)
    return { _tag: "TlsCertificate", problem: "invalid", detail: "it shows none" }
  // A code of OpenSSL's; its type in Node's own declarations is wrong.
  return certificateProblem(socket.authorized ? null : String(socket.authorizationError), certificate, securing)
}

/** How links and EPMD look-ups reach the other side. Plain TCP by default. */
export const Transport = Context.Reference<Dialer>("beamscope/dist/Transport", {
  defaultValue: () => ({ dial: dialSocket })
})
