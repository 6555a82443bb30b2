import { Predicate } from "effect"
import { Buffer } from "node:buffer"
import type { Readable, Writable } from "node:stream"
import type { Transport } from "../mcp/Server.ts"

/** A line longer than this is no request of ours; it is skipped as it comes in. */
const maxLineBytes = 4 * 1024 * 1024
const lineFeed = 0x0a

/** Input that is read ahead of a reader who is behind; past it, no more is taken. */
const maxHeldBytes = 4 * 1024 * 1024

/** Milliseconds after the end of the input in which a reader who is behind has to read on. */
const patienceMillis = 200

type Message = Parameters<NonNullable<Transport["onmessage"]>>[0]

const isId = (id: unknown): boolean => typeof id === "string" || Number.isSafeInteger(id)

/** What keeps a value from being a JSON-RPC 2.0 request, notification or response, if anything does. */
const mistakeIn = (value: unknown): string | undefined => {
  if (Array.isArray(value)) return "batches are not taken: send one message a line"
  if (!Predicate.isReadonlyObject(value)) return "a message is an object"
  const { error, id, jsonrpc, method, params, result } = value
  if (jsonrpc !== "2.0") return 'jsonrpc is to be "2.0"'
  if (typeof method !== "string") {
    if (method !== undefined) return "method is to be a string"
    if (result === undefined && error === undefined) return "there is no method"
    return isId(id) ? undefined : badId
  }
  if (id !== undefined && !isId(id)) return badId
  return params === undefined || Predicate.isReadonlyObject(params) ? undefined : "params are to be an object"
}

const badId = "an id is to be a string, or an integer below 2^53"

/** Whether it is meant for an answer to something, whatever is wrong with it: JSON-RPC's errors may have no id. */
const isResponse = (value: unknown): boolean =>
  Predicate.isReadonlyObject(value) && typeof value["method"] !== "string" && ("result" in value || "error" in value)

/**
 * MCP over a pair of streams: a JSON-RPC message a line (2025-11-25, "stdio"). In place of the SDK's own transport,
 * which is silent about input that it cannot read and takes time quadratic in the length of a line.
 *
 * While the reader of `output` is behind, what comes in is held until it has caught up: read, so that the end of the
 * input is noticed, but not acted upon. `onEnd` is told when `input` has ended, or `output` is broken or, after the end
 * of the input, not read any more: nobody is left at the other end, and both may be said.
 */
export const stdioTransport = (
  input: Readable,
  output: Writable,
  onEnd: (of: "input" | "output") => void
): Transport => {
  let parts: Array<Buffer> = []
  let length = 0
  let skipping = false
  let open = true

  let drained: Promise<void> | undefined
  const held: Array<Buffer> = []
  let heldBytes = 0

  const drain = () =>
    new Promise<void>((resolve) => {
      const events = ["drain", "close", "error"]
      const settle = () => {
        for (const event of events) output.off(event, settle)
        drained = undefined
        resolve()
        release()
      }
      for (const event of events) output.on(event, settle)
    })

  /** Takes what was held, until an answer fills `output` again. */
  const release = () => {
    // One by one, for each may fill it.
    const chunk = open && drained === undefined ? held.shift() : undefined
    if (chunk === undefined) return
    heldBytes -= chunk.length
    if (heldBytes <= maxHeldBytes) input.resume()
    read(chunk)
    release()
  }

  const write = (message: unknown): Promise<void> => {
    if (!open || !output.writable) return Promise.resolve()
    if (!output.write(`${JSON.stringify(message)}\n`)) drained ??= drain()
    return drained ?? Promise.resolve()
  }

  const refuse = (code: number, message: string, id: unknown = null) =>
    void write({ jsonrpc: "2.0", id: isId(id) ? id : null, error: { code, message } })

  const take = (line: string) => {
    if (line.trim() === "") return
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      return refuse(-32_700, "Parse error: a line is not JSON")
    }
    const mistake = mistakeIn(value)
    if (mistake !== undefined) {
      // A response is never answered, be it of no use: two that answered each other's would never end.
      if (isResponse(value)) return transport.onerror?.(new Error("a response that belongs to no request"))
      return refuse(-32_600, `Invalid Request: ${mistake}`, Predicate.isReadonlyObject(value) ? value["id"] : null)
    }
    try {
      transport.onmessage?.(value as Message)
    } catch (error) {
      transport.onerror?.(error as Error)
    }
  }

  const onData = (chunk: Buffer) => {
    if (drained === undefined) return read(chunk)
    held.push(chunk)
    heldBytes += chunk.length
    if (heldBytes > maxHeldBytes) input.pause()
  }

  const read = (chunk: Buffer) => {
    let from = 0
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, from)) {
      if (!skipping) take(Buffer.concat([...parts, chunk.subarray(from, end)]).toString("utf8"))
      skipping = false
      parts = []
      length = 0
      from = end + 1
    }
    if (skipping || from === chunk.length) return
    parts.push(chunk.subarray(from))
    length += chunk.length - from
    if (length <= maxLineBytes) return
    skipping = true
    parts = []
    refuse(-32_600, `Invalid Request: a line is longer than ${maxLineBytes} bytes`)
  }

  const inputEnded = () => {
    if (held.length === 0) return onEnd("input")
    // A reader that is only slow gets its answers; one that has stopped reading is as good as gone.
    const timer = setTimeout(() => onEnd("output"), patienceMillis)
    void drained?.then(() => {
      clearTimeout(timer)
      inputEnded()
    })
  }
  const outputEnded = () => onEnd("output")

  const transport: Transport = {
    start: () => {
      input.on("data", onData)
      for (const event of ["end", "close", "error"]) input.on(event, inputEnded)
      // These stay when the transport is closed: a reader that goes away while we shut down must not throw.
      for (const event of ["close", "error"]) output.on(event, outputEnded)
      return Promise.resolve()
    },
    send: write,
    close: () => {
      if (!open) return Promise.resolve()
      open = false
      input.off("data", onData)
      input.pause()
      transport.onclose?.()
      return Promise.resolve()
    }
  }
  return transport
}
