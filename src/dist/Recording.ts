import { Effect } from "effect"
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import { alertOf, type TlsSeen } from "./Tls.ts"
import { type Dialer, type Endpoint } from "./Transport.ts"

/** One connection that was tried, and what went over it. Times are milliseconds. */
export interface Dial {
  readonly to: Endpoint
  readonly isSecured: boolean
  /** Until it stood, or could not be made; `undefined` while neither is known. */
  millis: number | undefined
  /** What was seen of TLS; `undefined` without it, and before there was any. */
  tls: TlsSeen | undefined
  sentBytes: number
  receivedBytes: number
  /** The first bytes that came, inside of TLS. */
  head: Uint8Array
}

/** Bytes that are kept of what comes: a handshake is shorter. */
const headBytes = 2_048

/** What of what is written does not pass. */
export interface RecordingOptions {
  /** Whether these bytes are not to be sent, and the connection is closed in their place. */
  readonly isKept?: (bytes: Uint8Array, dial: Dial) => boolean
}

/** A stream that leads to another, and notes what passes. */
class RecordedStream extends Duplex {
  readonly #inner: Duplex
  readonly #dial: Dial
  readonly #isKept: RecordingOptions["isKept"]

  constructor(inner: Duplex, dial: Dial, { isKept }: RecordingOptions) {
    super()
    this.#isKept = isKept
    // Whoever reads may look at an error, as at a socket's, or leave it and learn of the end by "close".
    this.on("error", () => {})
    this.#inner = inner
    this.#dial = dial
    inner.on("data", (chunk: Uint8Array) => {
      // Its memory is the listener's only until this returns.
      const bytes = Buffer.from(chunk)
      dial.receivedBytes += bytes.length
      if (dial.head.length < headBytes) dial.head = Buffer.concat([dial.head, bytes]).subarray(0, headBytes)
      if (!this.push(bytes)) inner.pause()
    })
    inner.on("end", () => this.push(null))
    inner.on("error", (error) => {
      // With TLS 1.3 the node's word on our certificate comes when TLS stands, by our lights.
      const alert = dial.isSecured ? alertOf(error) : undefined
      if (alert !== undefined) dial.tls = { ...dial.tls, alert }
      this.destroy(error)
    })
    inner.on("close", () => this.destroy())
  }

  override _read(): void {
    this.#inner.resume()
  }

  override _write(chunk: Buffer, _encoding: unknown, done: (error?: Error | null) => void): void {
    if (this.#isKept?.(chunk, this.#dial) === true) return void this.destroy()
    this.#dial.sentBytes += chunk.length
    this.#inner.write(chunk, done)
  }

  override _final(done: () => void): void {
    this.#inner.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner.destroy()
    done(error)
  }
}

/** A dialer that does as another does, and what it dialled, in order. For looking at one attempt, not for every day. */
export const recording = (
  dialer: Dialer,
  options: RecordingOptions = {}
): { readonly dialer: Dialer; readonly dials: ReadonlyArray<Dial> } => {
  const dials: Array<Dial> = []
  return {
    dials,
    dialer: {
      dial: (to, timeoutMillis, securing) =>
        Effect.suspend(() => {
          const start = performance.now()
          const dial: Dial = {
            to,
            isSecured: securing !== undefined,
            millis: undefined,
            tls: undefined,
            sentBytes: 0,
            receivedBytes: 0,
            head: new Uint8Array(0)
          }
          dials.push(dial)
          const onSeen = (seen: TlsSeen) => {
            dial.tls = seen
            securing?.onSeen?.(seen)
          }
          const watched = securing && { ...securing, onSeen }
          return dialer.dial(to, timeoutMillis, watched).pipe(
            Effect.ensuring(Effect.sync(() => (dial.millis = performance.now() - start))),
            Effect.map((stream) => new RecordedStream(stream, dial, options))
          )
        })
    }
  }
}
