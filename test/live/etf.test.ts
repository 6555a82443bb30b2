import * as fc from "fast-check"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import type { Duplex } from "node:stream"
import { buffer } from "node:stream/consumers"
import { describe, expect, it } from "vitest"
import { decode } from "../../src/etf/Decode.ts"
import { encode } from "../../src/etf/Encode.ts"
import { equal } from "../../src/etf/Equal.ts"
import { Binary, isAtom, isTuple, list, listItems, type Term } from "../../src/etf/Term.ts"
import { arbitraryTerm } from "../support/arbitraryTerm.ts"
import { otpReleases } from "../support/BeamNode.ts"

// Of every pair of encoded terms: whether the node holds them for the same term, and how it writes the first itself.
const judge = `
Port = open_port({fd, 3, 3}, [{packet, 4}, binary]),
Verdict = fun({A, B}) ->
  try
    Term = binary_to_term(A),
    {Term =:= binary_to_term(B), term_to_binary(Term)}
  catch error:Reason -> {Reason, A}
  end
end,
receive {Port, {data, Pairs}} ->
  port_command(Port, term_to_binary(lists:map(Verdict, binary_to_term(Pairs)))),
  halt()
end.`

interface Verdict {
  readonly same: boolean
  readonly theirs: Uint8Array
}

const ask = async (
  erl: string,
  pairs: ReadonlyArray<readonly [Uint8Array, Uint8Array]>
): Promise<ReadonlyArray<Verdict>> => {
  const child = spawn(erl, ["-noinput", "-boot", "no_dot_erlang", "-eval", judge], {
    stdio: ["ignore", "ignore", "inherit", "pipe"]
  })
  const channel = child.stdio[3] as Duplex
  const request = encode(list(pairs.map(([a, b]) => [new Binary(a), new Binary(b)])))
  const size = Buffer.alloc(4)
  size.writeUInt32BE(request.length)
  channel.write(size)
  channel.write(request)
  const [answer] = await Promise.all([buffer(channel), once(child, "exit")])
  return (listItems(decode(answer.subarray(4))) ?? []).map((verdict) => {
    if (!isTuple(verdict) || !(verdict[1] instanceof Binary)) throw new Error("no verdict")
    return { same: isAtom(verdict[0], "true"), theirs: verdict[1].view() }
  })
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const fixtures = new URL("../fixtures/etf/", import.meta.url)

/** What the releases that `judge` understands wrote: before OTP 24 ports, pids and references were smaller. */
const goldensFor = (judge: string): ReadonlyArray<Uint8Array> =>
  readdirSync(fixtures)
    .map((file) => JSON.parse(readFileSync(new URL(file, fixtures), "utf8")))
    .filter(({ otp }) => Number(judge) >= 24 || Number(otp) < 26)
    .flatMap(({ goldens }) => goldens)
    .filter(({ name }) => name !== "the format of one node")
    .map(({ hex }) => Buffer.from(hex, "hex"))

// Before OTP 27 these two were one, also as keys of a map.
const minusZero = Buffer.from("468000000000000000", "hex")

describe.each(otpReleases())("OTP $otp", ({ erl, otp }) => {
  it.skipIf(Number(otp) < 24)("reads any term as we wrote it, and we read what it writes", async () => {
    const terms: ReadonlyArray<Term> = fc
      .sample(arbitraryTerm, 3_000)
      .filter((term) => Number(otp) >= 27 || !Buffer.from(encode(term)).includes(minusZero))
    const encoded = terms.map((term) => encode(term))
    const pairs = encoded.map((bytes) => [bytes, bytes] as const)
    const verdicts = await ask(erl, pairs)
    expect(verdicts).toHaveLength(terms.length)
    for (const [i, { same, theirs }] of verdicts.entries()) {
      expect(same, hex(encoded[i]!)).toBe(true)
      expect(equal(decode(theirs), terms[i]!), hex(encoded[i]!)).toBe(true)
    }
  })

  it("holds what other releases wrote and what we make of it for the same", async () => {
    const goldens = goldensFor(otp)
    const pairs = goldens.map((bytes) => [bytes, encode(decode(bytes))] as const)
    const verdicts = await ask(erl, pairs)
    expect(verdicts).toHaveLength(goldens.length)
    for (const [i, { same }] of verdicts.entries()) expect(same, hex(goldens[i]!)).toBe(true)
  })
})
