import { Context, Effect, type Scope } from "effect"
import { Buffer } from "node:buffer"
import { connect } from "node:net"
import type { Duplex } from "node:stream"
import type { DistReason, Phase } from "./DistError.ts"
import type { TlsOptions } from "./Tls.ts"

/** Where to dial. `host` is a name or an address. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** A Unix socket, as `ssh -L /path:host:port` makes one. */
export interface SocketPath {
  readonly path: string
}

/** Where a stream leads. */
export type Endpoint = Address | SocketPath

/** An endpoint as it is written: `host:port`, `[::1]:port`, `unix:/path`. */
export const endpointText = (to: Endpoint): string =>
  "path" in to ? `unix:${to.path}` : `${to.host.includes(":") ? `[${to.host}]` : to.host}:${to.port}`

/** A failed dial: Node's own error code (`ECONNREFUSED`, `ENOTFOUND`, …), or `TIMEOUT`. */
export interface DialError {
  readonly _tag: "DialError"
  readonly code: string
  /** Why there is no TLS, where the connection itself was made. */
  readonly tls?: DistReason
}

/** How a stream is secured: `serverName` is whom the certificate of the other side must be for. */
export interface Securing {
  readonly options: TlsOptions
  readonly serverName: string
}

/** Why a link cannot be made, where a dial failed; `refused` is what a refused connection means there. */
export const dialReason = (
  to: Endpoint,
  error: DialError,
  attempt: {
    readonly phase: Phase
    readonly millis: number
    readonly what: string
    readonly refused: DistReason
  }
): DistReason => {
  if (error.tls !== undefined) return error.tls
  switch (error.code) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return { _tag: "HostUnresolved", host: "path" in to ? to.path : to.host }
    case "ECONNREFUSED":
      return attempt.refused
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

/** Bytes that are read at once, into memory that a socket keeps for it: making new room for each read costs more. */
const readBytes = 64 * 1024

const dialTcp = (to: Endpoint, timeoutMillis: number, _tls?: Securing): Effect.Effect<Duplex, DialError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Duplex, DialError>((resume) => {
      // Small requests must leave at once: a call is one short write, and Nagle would hold it back.
      const socket = connect({
        ...to,
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafeSlow(readBytes),
          callback: (count, buffer) => deliver(buffer.subarray(0, count))
        }
      })
      const deliver = (chunk: Uint8Array): boolean => {
        // What nobody listens for yet waits in the stream, in memory of its own.
        if (socket.readableFlowing !== true || socket.readableLength > 0) return socket.push(Buffer.from(chunk))
        socket.emit("data", chunk)
        return true
      }
      const timer = setTimeout(() => fail("TIMEOUT"), timeoutMillis)
      const fail = (code: string) => {
        clearTimeout(timer)
        socket.destroy()
        resume(Effect.fail({ _tag: "DialError", code }))
      }
      socket.once("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
      socket.once("connect", () => {
        clearTimeout(timer)
        socket.removeAllListeners("error")
        // From here on the reader learns of a failure by "close"; without a listener an error would be thrown.
        socket.on("error", () => {})
        resume(Effect.succeed(socket))
      })
      return Effect.sync(() => {
        clearTimeout(timer)
        socket.on("error", () => {})
        socket.destroy()
      })
    }),
    (socket) => Effect.sync(() => socket.destroy()),
    { interruptible: true }
  )

/** How links and EPMD look-ups reach the other side. Plain TCP by default. */
export const Transport = Context.Reference<Dialer>("beamscope/dist/Transport", {
  defaultValue: () => ({ dial: dialTcp })
})
