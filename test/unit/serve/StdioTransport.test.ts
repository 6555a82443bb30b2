import { PassThrough, Readable, Writable } from "node:stream"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { stdioTransport } from "../../../src/serve/StdioTransport.ts"

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

const opened = async (output: Writable = new PassThrough()) => {
  const input = new PassThrough()
  const ends: Array<string> = []
  const received: Array<unknown> = []
  const transport = stdioTransport(input, output, (of) => ends.push(of))
  Object.assign(transport, { onmessage: (message: unknown) => void received.push(message) })
  await transport.start()
  return { input, output, transport, ends, received }
}

const linesOf = (output: Writable): Array<unknown> =>
  ((output as PassThrough).read()?.toString("utf8") ?? "")
    .split("\n")
    .filter((line: string) => line !== "")
    .map((line: string) => JSON.parse(line))

const request = (id: unknown, text = "") => ({ jsonrpc: "2.0", id, method: "ping", params: { text } })

describe("input", () => {
  it("is a message a line, wherever it is cut", async () => {
    const messages = [request(1, "häßlich 🦀"), request("two", "a\nb"), { jsonrpc: "2.0", method: "notifications/x" }]
    const bytes = Buffer.from(messages.map((message) => `${JSON.stringify(message)}\n`).join(""))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 20 }), async (cuts) => {
        const { input, received } = await opened()
        const points = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
        for (let i = 1; i < points.length; i++) input.write(bytes.subarray(points[i - 1], points[i]))
        await turn()
        expect(received).toEqual(messages)
      }),
      { numRuns: 50 }
    )
  })

  it("may have empty lines and Windows line ends", async () => {
    const { input, output, received } = await opened()
    input.write(`\n  \n\r\n${JSON.stringify(request(1))}\r\n`)
    await turn()
    expect(received).toEqual([request(1)])
    expect(linesOf(output)).toEqual([])
  })

  it.each([
    ["nonsense", -32_700, null, "not JSON"],
    ["{", -32_700, null, "not JSON"],
    ["\u0000\uFFFD", -32_700, null, "not JSON"],
    ["[]", -32_600, null, "one message a line"],
    ["[{}]", -32_600, null, "one message a line"],
    ["null", -32_600, null, "is an object"],
    ["7", -32_600, null, "is an object"],
    ['{"id":1,"method":"ping"}', -32_600, 1, "jsonrpc is"],
    ['{"jsonrpc":"1.0","id":"a","method":"ping"}', -32_600, "a", "jsonrpc is"],
    ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32_600, null, "an id is"],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32_600, null, "an id is"],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32_600, null, "an id is"],
    ['{"jsonrpc":"2.0","id":1,"method":7}', -32_600, 1, "method is"],
    ['{"jsonrpc":"2.0","id":1}', -32_600, 1, "there is no method"],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32_600, 1, "params are"]
  ])("%s is refused, and what follows is heard", async (line, code, id, why) => {
    const { input, output, received } = await opened()
    input.write(`${line}\n${JSON.stringify(request(2))}\n`)
    await turn()
    expect(linesOf(output)).toEqual([{ jsonrpc: "2.0", id, error: { code, message: expect.stringContaining(why) } }])
    expect(received).toEqual([request(2)])
  })

  it.each([
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}',
    '{"jsonrpc":"1.0","id":1,"result":{}}',
    '{"id":{},"result":null}'
  ])("%s is a response, and is met with silence", async (line) => {
    const { input, output, received } = await opened()
    input.write(`${line}\n${JSON.stringify(request(2))}\n`)
    await turn()
    expect(linesOf(output)).toEqual([])
    expect(received).toEqual([request(2)])
  })

  it("that is too long is skipped to its end, and takes no room", async () => {
    const { input, output, received } = await opened()
    const chunk = Buffer.alloc(1024 * 1024, "x")
    for (let i = 0; i < 20; i++) input.write(chunk)
    input.write(`tail\n${JSON.stringify(request(1))}\n`)
    await turn()
    expect(linesOf(output)).toMatchObject([
      { id: null, error: { code: -32_600, message: expect.stringContaining("4194304") } }
    ])
    expect(received).toEqual([request(1)])
  })

  it("takes any bytes without throwing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), async (chunks) => {
        const { input, output } = await opened()
        for (const chunk of chunks) input.write(chunk)
        input.write("\n")
        await turn()
        for (const line of linesOf(output)) expect(line).toMatchObject({ jsonrpc: "2.0" })
      }),
      { numRuns: 100 }
    )
  })

  it("that a receiver throws on is told, and the next line is heard", async () => {
    const { input, received, transport } = await opened()
    const errors: Array<string> = []
    Object.assign(transport, {
      onerror: (error: Error) => void errors.push(error.message),
      onmessage: (message: unknown) => {
        received.push(message)
        if (received.length === 1) throw new RangeError("too deep")
      }
    })
    input.write(`${JSON.stringify(request(1))}\n${JSON.stringify(request(2))}\n`)
    await turn()
    expect(errors).toEqual(["too deep"])
    expect(received).toEqual([request(1), request(2)])
  })
})

describe("output", () => {
  it("that catches up after megabytes were held makes the input be read again", async () => {
    let release: (() => void) | undefined
    const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => (release = done) })
    const { input, received, transport } = await opened(slow)
    const sent = transport.send({ jsonrpc: "2.0", id: 1, result: {} })
    const line = `${JSON.stringify(request(2, "x".repeat(1024 * 1024)))}\n`
    const written = Array.from({ length: 8 }, () => new Promise<void>((resolve) => input.write(line, () => resolve())))
    await expect.poll(() => input.isPaused()).toBe(true)
    release?.()
    await Promise.all([sent, ...written])
    await expect.poll(() => received.length).toBe(8)
  })

  it("that is read slowly holds the input back, and loses nothing", async () => {
    const written: Array<string> = []
    let release: (() => void) | undefined
    const slow = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _encoding, done) => {
        written.push(chunk.toString("utf8"))
        release = done
      }
    })
    const { ends, input, received, transport } = await opened(slow)
    const sent = [1, 2, 3].map((id) => transport.send({ jsonrpc: "2.0", id, result: {} }))
    input.write(`${JSON.stringify(request(4))}\n`)
    await turn()
    expect(received).toEqual([])
    for (let i = 0; i < 3; i++) {
      release?.()
      await turn()
    }
    await Promise.all(sent)
    expect(received).toEqual([request(4)])
    expect(ends).toEqual([])
    expect(
      written
        .join("")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).id)
    ).toEqual([1, 2, 3])
    expect(slow.listenerCount("drain")).toBe(0)
  })

  it("that breaks is told, and swallows what is still sent", async () => {
    const broken = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("EPIPE"), { code: "EPIPE" }))
    })
    const { ends, transport } = await opened(broken)
    await transport.send({ jsonrpc: "2.0", id: 1, result: {} })
    await turn()
    await transport.send({ jsonrpc: "2.0", id: 2, result: {} })
    expect(ends).toContain("output")
  })
})

describe("the end", () => {
  it("of the input, where nobody reads the output, is told as the end of that, and is not put off by a host that goes on writing", async () => {
    const stuck = new Writable({ highWaterMark: 1, write: () => {} })
    const { ends, input, received, transport } = await opened(stuck)
    void transport.send({ jsonrpc: "2.0", id: 1, result: {} })
    const line = Buffer.from(`${JSON.stringify(request(2, "x".repeat(64 * 1024)))}\n`)
    for (let written = 0; written < 16 * 1024 * 1024; written += line.length) input.write(line)
    await turn()
    // Not all of it is taken in.
    expect(input.writableLength + input.readableLength).toBeGreaterThan(8 * 1024 * 1024)
    expect(received).toEqual([])
    const other = await opened(stuck)
    void other.transport.send({ jsonrpc: "2.0", id: 1, result: {} })
    other.input.end(line)
    await expect.poll(() => other.ends).toContain("output")
    expect(ends).toEqual([])
  })

  it("of the input is told", async () => {
    const { ends, input } = await opened()
    input.end()
    await turn()
    expect(ends).toContain("input")
  })

  it("is told for an input that was at its end before", async () => {
    const ends: Array<string> = []
    const transport = stdioTransport(Readable.from([]), new PassThrough(), (of) => ends.push(of))
    await transport.start()
    await turn()
    expect(ends).toContain("input")
  })

  it("by closing says so once, and nothing goes out or comes in after it", async () => {
    const { input, output, received, transport } = await opened()
    let closed = 0
    Object.assign(transport, { onclose: () => void closed++ })
    await transport.close()
    await transport.close()
    input.write(`${JSON.stringify(request(1))}\n`)
    await transport.send({ jsonrpc: "2.0", id: 1, result: {} })
    await turn()
    expect(closed).toBe(1)
    expect(received).toEqual([])
    expect(linesOf(output)).toEqual([])
  })
})
