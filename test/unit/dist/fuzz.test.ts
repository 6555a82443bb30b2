import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, Result, type Scope } from "effect"
import { Buffer } from "node:buffer"
import { type Duplex, duplexPair } from "node:stream"
import { isDeepStrictEqual } from "node:util"
import * as fc from "fast-check"
import { Op } from "../../../src/dist/Control.ts"
import { DistError } from "../../../src/dist/DistError.ts"
import { names, portPlease } from "../../../src/dist/Epmd.ts"
import { connect } from "../../../src/dist/Link.ts"
import { type Dialer, Transport } from "../../../src/dist/Transport.ts"
import { decodeNext } from "../../../src/etf/Decode.ts"
import { encode } from "../../../src/etf/Encode.ts"
import { atom, Binary, isTuple, listItems, Pid, type Reference, type Term, type Tuple } from "../../../src/etf/Term.ts"
import { CallError } from "../../../src/node/CallError.ts"
import { Calls } from "../../../src/node/Calls.ts"
import { LocalProcesses } from "../../../src/node/LocalProcesses.ts"
import { arbitraryTerm } from "../../support/arbitraryTerm.ts"
import { eventually } from "../../support/eventually.ts"
import { packet } from "../../support/FakePeer.ts"
import { extremes, heldBytes, mutated, Random, seconds, seed, timeout } from "../../support/Fuzzing.ts"
import { acceptHandshake } from "../../support/StandInNode.ts"

const peer = "peer@127.0.0.1"
const cookie = "a cookie"

/** What never comes is waited for so long. */
const timeoutMillis = 150

/** Cases under way at one time: most of a case is to wait for what never comes. */
const concurrency = 64

/** No end of a case is waited for longer. */
const patience = "20 seconds"

/** Bytes of the length before each packet of a handshake: two, over TLS four. */
type LengthBytes = 2 | 4

type OnConnection = (stream: Duplex, random: Random, lengthBytes: LengthBytes) => void

/** Dials nobody but this; remembers the streams, none of which may stay open. */
const dialerTo = (onConnection: OnConnection, random: Random): Dialer & { readonly streams: Array<Duplex> } => {
  const streams: Array<Duplex> = []
  return {
    streams,
    dial: (_to, _timeoutMillis, securing) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          // As a socket does: the end of one way is that of the other.
          const [ours, theirs] = duplexPair({ allowHalfOpen: false })
          streams.push(ours)
          ours.on("error", () => {})
          theirs.on("error", () => {})
          onConnection(theirs, random, securing === undefined ? 2 : 4)
          return ours
        }),
        (stream) => Effect.sync(() => stream.destroy())
      )
  }
}

/** Gives bytes to a stream in pieces of any size. */
const writeInPieces = (stream: Duplex, random: Random, bytes: Buffer): void => {
  const pieceBytes = random.pick([1, 7, 100, 4_000, 100_000])
  // So that a large reply is not a hundred thousand pieces.
  const least = Math.ceil(bytes.length / 200)
  for (let at = 0; at < bytes.length;) {
    const end = at + Math.max(least, 1 + random.below(pieceBytes))
    stream.write(bytes.subarray(at, end))
    at = end
  }
}

/** Runs cases until the time is over, or one fails: then it says which. */
const fuzz = <E>(run: (random: Random) => Effect.Effect<void, E, Scope.Scope>): Effect.Effect<void> => {
  const end = performance.now() + (1000 * seconds) / 3
  let number = 0
  const next: Effect.Effect<void> = Effect.suspend(() => {
    if (performance.now() >= end) return Effect.void
    const which = number++
    return Effect.suspend(() => run(new Random(which))).pipe(
      Effect.scoped,
      Effect.timeout(patience),
      Effect.catchCause((cause) => Effect.die(new Error(`case ${which} of BEAMSCOPE_FUZZ_SEED=${seed}`, { cause }))),
      Effect.andThen(next)
    )
  })
  return Effect.asVoid(
    Effect.all(
      Array.from({ length: concurrency }, () => next),
      { concurrency: "unbounded" }
    )
  )
}

/** How often what came of cases. */
class Outcomes {
  readonly #counts = new Map<string, number>()

  count(result: Result.Result<unknown, unknown>, success: string): void {
    const what = Result.isSuccess(result) ? success : (result.failure as DistError).reason._tag
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
  }

  /** That each of these has been seen: else the cases are not what they are meant to be. */
  expectAll(outcomes: ReadonlyArray<string>): void {
    for (const what of outcomes) expect(this.#counts.get(what) ?? 0, what).toBeGreaterThan(0)
  }
}

/** Nothing that was dialled is open any more. */
const expectClosed = (streams: ReadonlyArray<Duplex>): void => {
  expect(streams.filter((stream) => !stream.destroyed)).toEqual([])
}

const expectDistError = (result: Result.Result<unknown, unknown>): void => {
  if (Result.isFailure(result)) expect(result.failure).toBeInstanceOf(DistError)
}

const options = {
  node: peer,
  cookie: Redacted.make(cookie),
  address: { host: "127.0.0.1", port: 1 },
  timeoutMillis
}

/** A packet of a handshake with its length. */
const sized = (body: Uint8Array, lengthBytes: LengthBytes): Buffer => {
  const bytes = Buffer.alloc(lengthBytes + body.length)
  bytes.writeUIntBE(body.length, 0, lengthBytes)
  bytes.set(body, lengthBytes)
  return bytes
}

/** What is done to a handshake's packets, length and all. */
const spoilt = (random: Random, bodies: ReadonlyArray<Buffer>, lengthBytes: LengthBytes): Buffer => {
  const spoiltPackets = bodies.flatMap((body) => {
    const whole = sized(body, lengthBytes)
    switch (random.below(14)) {
      case 0:
        return [sized(mutated(random, body), lengthBytes)]
      case 1:
        return [mutated(random, whole)]
      case 2:
        return []
      case 3:
        return [whole, whole]
      case 4:
        return [sized(random.bytes(random.below(40)), lengthBytes), whole]
      case 5: {
        const lie = Buffer.from(whole)
        lie.writeUIntBE(random.pick(extremes) % 2 ** (8 * lengthBytes), 0, lengthBytes)
        return [lie]
      }
      default:
        return [whole]
    }
  })
  if (random.chance(0.1)) spoiltPackets.reverse()
  return Buffer.concat(spoiltPackets)
}

/** Takes the packets out of a stream of them, as far as they are whole. */
const packetsIn = (bytes: Buffer, lengthBytes: LengthBytes): { bodies: Array<Buffer>; rest: Buffer } => {
  const bodies: Array<Buffer> = []
  for (let at = 0; ;) {
    const end = at + lengthBytes + (bytes.length < at + lengthBytes ? Infinity : bytes.readUIntBE(at, lengthBytes))
    if (end > bytes.length) return { bodies, rest: bytes.subarray(at) }
    bodies.push(bytes.subarray(at + lengthBytes, end))
    at = end
  }
}

/** The stand-in has lengths of two bytes; those of the stream are what they are here. */
const spoilsHandshake: OnConnection = (stream, random, lengthBytes) => {
  acceptHandshake(
    {
      on: (event, listener) => {
        let unread = Buffer.alloc(0)
        return stream.on(event, (chunk: Buffer) => {
          const { bodies, rest } = packetsIn(Buffer.concat([unread, chunk]), lengthBytes)
          unread = Buffer.from(rest)
          for (const body of bodies) listener(packet(body))
        })
      },
      write: (bytes) => {
        writeInPieces(stream, random, spoilt(random, packetsIn(bytes, 2).bodies, lengthBytes))
        if (random.chance(0.3)) stream.end()
      }
    },
    { name: peer, cookie },
    { isUp: () => {}, onData: () => {} }
  )
}

/** An answer of EPMD for the name, or for all names. */
const epmdAnswers = [
  Buffer.concat([Uint8Array.of(119, 0, 0x12, 0x34, 77, 0, 0, 6, 0, 5, 0, 4), Buffer.from("peer"), new Uint8Array(2)]),
  Uint8Array.of(119, 1),
  Buffer.concat([new Uint8Array(4), Buffer.from("name peer at port 4660\nname other at port 99\n")])
]

/** What the answers say. */
const rightAnswer = (isOfNames: boolean): unknown =>
  isOfNames
    ? [
        { name: "other", port: 99 },
        { name: "peer", port: 4660 }
      ]
    : 0x1234

const spoilsEpmd: OnConnection = (stream, random) => {
  stream.once("data", () => {
    const answer = random.pick(epmdAnswers)
    writeInPieces(stream, random, random.chance(0.9) ? mutated(random, answer) : Buffer.from(answer))
    if (random.chance(0.9)) stream.end()
  })
}

const bare = (term: Term): Buffer => Buffer.from(encode(term)).subarray(1)

const terms = fc.sample(arbitraryTerm, { seed, numRuns: 200 })

/** A frame, its length before it. */
const framed = (body: Uint8Array): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

const message = (control: Term, payload?: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(131, 68, 0), bare(control), payload ?? new Uint8Array(0)])

const fragmentHead = (tag: 69 | 70, sequence: bigint, fragment: bigint): Buffer => {
  const head = Buffer.alloc(18)
  head.set([131, tag])
  head.writeBigUInt64BE(sequence, 2)
  head.writeBigUInt64BE(fragment, 10)
  return head
}

/** A message in fragments of any size. */
const fragmented = (random: Random, control: Term, payload: Buffer, sequence: bigint): Array<Buffer> => {
  const pieces: Array<Buffer> = []
  for (let at = 0; at < payload.length;) {
    const end = at + 1 + random.below(70_000)
    pieces.push(payload.subarray(at, end))
    at = end
  }
  return pieces.map((piece, index) => {
    const number = BigInt(pieces.length - index)
    return index === 0
      ? Buffer.concat([fragmentHead(69, sequence, number), Uint8Array.of(0), bare(control), piece])
      : Buffer.concat([fragmentHead(70, sequence, number), piece])
  })
}

interface Request {
  readonly reference: Reference
  /** By which its answer is known. */
  readonly tag: Term
  readonly from: Pid
  readonly groupLeader: Pid
  readonly worker: Pid
  /** What it sent, and is to be sent back. */
  readonly token: Binary
  readonly replyBytes: number
}

/** Ids that no node uses, and those that every node does. */
const wideIds = [0n, 1n, 2n, 3n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n]

const operations = [...Object.values(Op), 0, 3, 5, 7, 8, 13, 18, 21, 99, -1, 2 ** 40]

/** A control message that no node would send now: of any operation, with anything in it. */
const forged = (random: Random, requests: ReadonlyArray<Request>): Buffer => {
  const { from, reference, tag, worker } = random.pick(requests)
  const stranger = new Pid(
    from.node,
    random.pick(extremes),
    random.pick([0, 1, 0xffffffff]),
    random.pick([0, 4, from.creation])
  )
  const parts: ReadonlyArray<Term> = [
    from,
    reference,
    tag,
    worker,
    stranger,
    random.pick(terms),
    atom("net_kernel"),
    0,
    1
  ]
  const control: Array<Term> = [random.pick(operations)]
  for (let arity = random.below(8); arity > 0; arity--) control.push(random.pick(parts))
  return message(control, random.chance(0.5) ? bare(random.pick(terms)) : undefined)
}

/** Frames that belong to no answer, and that a link must survive, or end for; never more than that. */
const strangers: ReadonlyArray<(random: Random, requests: ReadonlyArray<Request>) => Buffer> = [
  forged,
  forged,
  forged,
  function answerToNobody(random, requests) {
    const { from, reference, tag, worker } = random.pick(requests)
    const nobody = new Pid(from.node, random.below(32_768), 1 + random.below(8_000), from.creation)
    return random.chance(0.5)
      ? message([Op.SPAWN_REPLY, reference, nobody, 1, worker])
      : message([Op.PAYLOAD_EXIT, worker, nobody], bare([tag, atom("return"), 1]))
  },
  function answerOfAnother(random, requests) {
    // The answer of one call, and the address of another.
    const [one, other] = [random.pick(requests), random.pick(requests)]
    if (one === other) return Buffer.alloc(0)
    return message(
      [Op.PAYLOAD_EXIT, random.pick([one, other]).worker, other.from],
      bare([one.tag, atom("return"), one.token])
    )
  },
  function refusal(random, requests) {
    const { from, reference } = random.pick(requests)
    return message([Op.SPAWN_REPLY, reference, from, 0, random.pick([atom("system_limit"), ...terms])])
  },
  function request(random, requests) {
    // To the two processes of ours that answer anybody: with something in it that they may not expect.
    const { groupLeader, reference, worker } = random.pick(requests)
    const anything = (): Term => random.pick<Term>([worker, reference, random.pick(terms)])
    const asked: Term = [atom(random.pick(["put_chars", "requests", "get_until", "is_auth"])), anything(), anything()]
    return random.chance(0.5)
      ? message([Op.SEND, atom(""), groupLeader], bare([atom("io_request"), anything(), anything(), asked]))
      : message(
          [Op.REG_SEND, worker, atom(""), atom("net_kernel")],
          bare([atom("$gen_call"), [anything(), anything()], asked])
        )
  },
  function noise(random) {
    return random.bytes(random.below(60))
  },
  function passedThrough(random, requests) {
    const { from, worker } = random.pick(requests)
    return Buffer.concat([Uint8Array.of(112), encode([Op.PAYLOAD_EXIT, worker, from]), encode(random.pick(terms))])
  },
  function bomb(random, requests) {
    const { from, worker } = random.pick(requests)
    const unit = random.pick([
      [104, 0],
      [104, 1],
      [116, 0, 0, 0, 0],
      [108, 0, 0, 0, 1],
      [109, 0, 0, 0, 0]
    ])
    return message(
      [Op.PAYLOAD_EXIT, worker, from],
      Buffer.concat([Uint8Array.of(108, 0, 1, 0, 0), Buffer.alloc(300_000, Buffer.from(unit))])
    )
  },
  function tick() {
    return Buffer.alloc(0)
  }
]

/** And those that may become a part of one. */
const intruders: typeof strangers = [
  ...strangers,
  function firstFragment(random, requests) {
    const { from, worker } = random.pick(requests)
    return Buffer.concat([
      fragmentHead(69, random.pick(wideIds), random.pick(wideIds)),
      Uint8Array.of(random.chance(0.9) ? 0 : 3),
      bare([Op.PAYLOAD_EXIT, worker, from]),
      random.bytes(random.below(50))
    ])
  },
  function nextFragment(random) {
    return Buffer.concat([fragmentHead(70, random.pick(wideIds), random.pick(wideIds)), random.bytes(random.below(50))])
  }
]

const replyOf = (token: Uint8Array, bytes: number): Buffer => Buffer.alloc(bytes, token)

/**
 * The frames of the answers to all requests, and what is wrong with them. With `isHonest`, no byte of an answer is
 * another than it was, though frames may be lost, come twice, out of order, or between others.
 */
const answers = (random: Random, requests: ReadonlyArray<Request>, isHonest: boolean): Buffer => {
  const perRequest = requests.map(({ from, reference, replyBytes, tag, token, worker }, index) => {
    const reply = replyOf(token.view(), replyBytes)
    const control: Tuple = [Op.PAYLOAD_EXIT, worker, from]
    const payload = bare([tag, atom("return"), new Binary(reply)])
    const frames = random.chance(0.5)
      ? [message(control, payload)]
      : fragmented(random, control, payload, BigInt(index))
    return [message([Op.SPAWN_REPLY, reference, from, 1, worker]), ...frames]
  })
  // In turns, as a node sends what several of its processes have to say.
  const inTurns: Array<Buffer> = []
  while (perRequest.some((frames) => frames.length > 0)) {
    const next = random.pick(perRequest).shift()
    if (next !== undefined) inTurns.push(next)
  }
  const harm = random.pick([0, 0.02, 0.1, 0.4])
  const sent: Array<Buffer> = []
  for (const [index, body] of inTurns.entries()) {
    if (!random.chance(harm)) {
      sent.push(framed(body))
      continue
    }
    switch (isHonest ? 3 + random.below(5) : random.below(8)) {
      case 0:
        sent.push(framed(mutated(random, body)))
        break
      case 1:
        sent.push(mutated(random, framed(body)))
        break
      case 2: {
        const lie = framed(body)
        lie.writeUInt32BE(random.pick([...extremes, body.length + 1, body.length - 1]), 0)
        sent.push(lie)
        break
      }
      case 3:
        break
      case 4:
        sent.push(framed(body), framed(body))
        break
      case 5:
        sent.push(framed(random.pick(inTurns.slice(0, index + 1))), framed(body))
        break
      default:
        sent.push(framed(random.pick(isHonest ? strangers : intruders)(random, requests)), framed(body))
    }
  }
  return Buffer.concat(sent)
}

const callsPerCase = 6

/** A node that answers calls to anything with what it is asked, and spoils what it says. */
const spoilsLink =
  (isHonest: boolean): OnConnection =>
  (stream, random) => {
    let unread = Buffer.alloc(0)
    let requests: Array<Request> = []
    acceptHandshake(
      { on: (event, listener) => stream.on(event, listener), write: (bytes) => stream.write(bytes) },
      { name: peer, cookie },
      {
        isUp: () => {},
        onData: (chunk) => {
          unread = Buffer.concat([unread, chunk])
          while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
            const frame = unread.subarray(4, 4 + unread.readUInt32BE(0))
            unread = unread.subarray(4 + frame.length)
            if (frame.length === 0) continue
            const cursor = { offset: 3 }
            const control = decodeNext(frame, cursor)
            if (!isTuple(control) || control[0] !== Op.SPAWN_REQUEST) continue
            const [tag, , , list] = listItems(decodeNext(frame, cursor)) as [Term, Term, Term, Term]
            const args = listItems(list) ?? []
            const [token, replyBytes] = args as [Binary, number]
            const worker = new Pid(atom(peer), 100 + requests.length, 0, 4)
            const [, reference, from, groupLeader] = control as unknown as [number, Reference, Pid, Pid]
            requests.push({ reference, tag, from, groupLeader, worker, token, replyBytes })
            if (requests.length < callsPerCase) continue
            writeInPieces(stream, random, answers(random, requests, isHonest))
            requests = []
          }
        }
      }
    )
  }

describe("a peer that spoils what it says", () => {
  it.live.each([
    ["", options],
    [" over TLS", { ...options, tls: { insecure: true } }]
  ] as const)(
    "in its handshake%s: the link is made, or not for a reason, and nothing stays open",
    ([, given]) => {
      const outcomes = new Outcomes()
      return fuzz((random) =>
        Effect.gen(function* () {
          const dialer = dialerTo(spoilsHandshake, random)
          const made = yield* connect(given).pipe(
            Effect.map((link) => link.peer),
            Effect.scoped,
            Effect.provideService(Transport, dialer),
            Effect.result
          )
          expectDistError(made)
          outcomes.count(made, "made")
          // Whatever is spoilt: no link to a node that calls itself otherwise.
          if (Result.isSuccess(made)) expect(made.success.name).toBe(peer)
          expectClosed(dialer.streams)
        })
      ).pipe(
        Effect.andThen(
          Effect.sync(() =>
            outcomes.expectAll([
              "made",
              "NotErlangNode",
              "WrongNode",
              "PeerCookieWrong",
              "ClosedInHandshake",
              "Timeout"
            ])
          )
        )
      )
    },
    timeout
  )

  it.live(
    "as EPMD: there is an answer or a reason, and nothing stays open",
    () => {
      const outcomes = new Outcomes()
      return fuzz((random) =>
        Effect.gen(function* () {
          const dialer = dialerTo(spoilsEpmd, random)
          const at = { host: "127.0.0.1", port: 4369 }
          const isOfNames = random.chance(0.5)
          const asked: Effect.Effect<unknown, DistError> = isOfNames
            ? names(at, timeoutMillis)
            : portPlease({ full: peer, name: "peer", host: "127.0.0.1" }, at, timeoutMillis)
          const answer = yield* Effect.result(Effect.provideService(asked, Transport, dialer))
          expectDistError(answer)
          outcomes.count(
            answer,
            isDeepStrictEqual(Result.getOrUndefined(answer), rightAnswer(isOfNames)) ? "right" : "other"
          )
          expectClosed(dialer.streams)
        })
      ).pipe(
        Effect.andThen(
          Effect.sync(() => outcomes.expectAll(["right", "other", "NameNotRegistered", "EpmdGarbage", "EpmdSilent"]))
        )
      )
    },
    timeout
  )

  it.live(
    "on a running link: no call gets the answer of another, all end, and the link goes on or is given up for it",
    () =>
      Effect.gen(function* () {
        const before = heldBytes()
        const peak = process.resourceUsage().maxRSS
        let answered = 0
        let failed = 0
        yield* fuzz((random) =>
          Effect.gen(function* () {
            const isHonest = random.chance(0.5)
            const dialer = dialerTo(spoilsLink(isHonest), random)
            const tokens = Array.from({ length: callsPerCase }, () => random.bytes(16))
            const sizes = tokens.map(() => random.pick([16, 100, 5_000, 200_000]))
            yield* Effect.gen(function* () {
              const link = yield* connect({ ...options, timeoutMillis: 10_000 })
              const processes = new LocalProcesses(link)
              const calls = new Calls(link, processes)
              link.attach(processes.handler, calls.linkLost)
              const results = yield* Effect.forEach(
                tokens,
                (token, index) => {
                  const replyBytes = sizes[index]!
                  const limits = { timeoutMillis, ...(random.chance(0.2) && { maxReplyBytes: 100_000 }) }
                  return Effect.result(calls.call("any", "thing", [new Binary(token), replyBytes], limits))
                },
                { concurrency: "unbounded" }
              )
              for (const [index, result] of results.entries()) {
                if (Result.isFailure(result)) {
                  expect(result.failure).toBeInstanceOf(CallError)
                  failed++
                  continue
                }
                answered++
                const got = result.success instanceof Binary ? Buffer.from(result.success.view()) : Buffer.alloc(0)
                if (isHonest) expect(got.equals(replyOf(tokens[index]!, sizes[index]!))).toBe(true)
                // Whoever changes a byte on the way changes the answer, and a changed number makes a fragment one of
                // another message; but no call ever gets the reply to another.
                const whose = tokens.findIndex((token) => token.equals(got.subarray(0, 16)))
                expect([-1, index]).toContain(whose)
              }
              const failure = link.failure()
              if (failure !== undefined) expect(failure.reason._tag).toBe("ProtocolViolation")
            }).pipe(Effect.scoped, Effect.provideService(Transport, dialer))
            expectClosed(dialer.streams)
          })
        )
        expect(answered).toBeGreaterThan(0)
        expect(failed).toBeGreaterThan(0)
        // What was on its way to streams that are closed goes a moment later than they.
        yield* eventually(Effect.sync(() => heldBytes() - before < 32 * 1024 * 1024))
        // In kilobytes. So many cases at a time, of a few large replies each.
        expect(process.resourceUsage().maxRSS - peak).toBeLessThan(512 * 1024)
      }),
    timeout
  )
})
