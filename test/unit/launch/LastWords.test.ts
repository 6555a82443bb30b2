import { Redacted } from "effect"
import { generateKeyPairSync } from "node:crypto"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { LastWords, shownOf } from "../../../src/launch/LastWords.ts"
import { rawCleaner } from "../../../src/tools/Cleaning.ts"

const cookie = "Q7cookieWXYZ!PLMKJHG"
const clean = rawCleaner([Redacted.make(cookie)])

/** What is shown of pieces that are said one after the other. */
const shown = (...pieces: ReadonlyArray<string>): string => {
  const output = new LastWords()
  for (const piece of pieces) output.add(piece)
  return shownOf([output], clean)
}

/** A text in pieces of this many characters. */
const inPieces = (text: string, length: number): ReadonlyArray<string> =>
  Array.from({ length: Math.ceil(text.length / length) }, (_, at) => text.slice(at * length, (at + 1) * length))

/** Whether six characters in a row of a secret stand in a text. */
const showsOf = (secret: string, text: string): boolean =>
  Array.from({ length: Math.max(0, secret.length - 5) }, (_, at) => secret.slice(at, at + 6)).some((part) =>
    text.includes(part)
  )

/** A random key, as PKCS#8, as PKCS#1 and as a certificate might be written. */
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2_048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" }
})
const body = privateKey.replace(/-----[^-]+-----/gu, "").replace(/\n/gu, "")

it("shows no cookie that is broken over two lines", () => {
  for (let at = 1; at < cookie.length; at++)
    expect(shown(`it was ${cookie.slice(0, at)}\n${cookie.slice(at)}\nexit\n`)).toBe("it was [redacted] | exit")
})

/** What stands around a secret: lines of some length, the last without an end, up to more than what is kept. */
const around = fc
  .record({
    line: fc.constantFrom("z", "error. ", "connection refused (x) ", "a/b:c "),
    length: fc.constantFrom(0, 1, 20, 79, 580, 600, 3_000, 16_384, 33_000),
    lines: fc.constantFrom(0, 1, 2, 30, 60, 700),
    rest: fc.nat(700),
    end: fc.constantFrom("\n", "\r\n", "\r")
  })
  .map(({ end, length, line, lines, rest }) => {
    const all = `${line.repeat(Math.ceil(length / line.length)).slice(0, length)}${end}`
    const count = Math.min(lines, Math.ceil(70_000 / all.length))
    return all.repeat(count) + line.repeat(rest).slice(0, rest)
  })

const pieceLength = fc.constantFrom(7, 100, 1_000, 4_096, 65_536)

it("never shows six characters of a cookie, wherever it stands, in lines and pieces of whatever length", () => {
  fc.assert(
    fc.property(around, around, pieceLength, fc.constantFrom(1, 2, 60), (front, behind, length, times) => {
      const text = front + `x${cookie}y.`.repeat(times) + behind
      expect(showsOf(cookie, shown(...inPieces(text, length)))).toBe(false)
    }),
    { numRuns: 200, seed: 4 }
  )
}, 60_000)

it("shows no more of a cookie that is being said than what nobody could tell it by", () => {
  for (let at = 0; at <= cookie.length; at++)
    expect(showsOf(cookie, shown(`permission denied for ${cookie.slice(0, at)}`))).toBe(false)
})

it("never shows six characters of a block in the manner of PEM, of whatever kind, with its lines of whatever length", () => {
  const kinds = ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "CERTIFICATE"]
  const ends = ["\n", "\r\n", " ", String.raw`\n`]
  fc.assert(
    fc.property(
      around,
      around,
      pieceLength,
      fc.constantFrom(...kinds),
      fc.constantFrom(16, 64, 70, 2_000),
      fc.constantFrom(...ends),
      fc.constantFrom("", "debug1: "),
      fc.constantFrom("whole", "front", "rest"),
      fc.constantFrom(1, 12),
      (front, behind, length, kind, width, end, prefix, part, times) => {
        const lines = [
          ...(part === "rest" ? [] : [`-----BEGIN ${kind}-----`]),
          ...inPieces(body.repeat(times), width),
          ...(part === "front" ? [] : [`-----END ${kind}-----`])
        ]
        // What is only a part of a block is told by the lines it has for itself.
        const [before, after] = part === "whole" ? [front, behind] : [`${front}\n`, `\n${behind}`]
        expect(
          showsOf(body, shown(...inPieces(before + lines.map((line) => prefix + line).join(end) + after, length)))
        ).toBe(false)
      }
    ),
    { numRuns: 300, seed: 4 }
  )
}, 60_000)

it("shows what stands around a block", () => {
  expect(shown(`no such identity.\n${privateKey}is not a key!\n`)).toBe(
    "no such identity. | [redacted] | is not a key!"
  )
  const [, ...rest] = privateKey.split("\n")
  expect(shown(`no such identity.\n${rest.join("\n")}it is over.\n`)).toBe(
    "no such identity. | [redacted] | it is over."
  )
  expect(shown(`no "-----BEGIN CERTIFICATE-----" in it.\n`)).toBe(`no "[redacted] | " in it.`)
})

it("leaves out a line that is too long to be kept whole, and goes on behind it", () => {
  expect(
    shown(
      "first\n",
      ..."z"
        .repeat(40)
        .split("")
        .map((char) => char.repeat(1_000))
    )
  ).toBe("…")
  expect(shown("z".repeat(40_000), "zzz\nat last\n")).toBe("…at last")
})

it("takes secrets out by their shape while the lines are apart, and before any of them is left out", () => {
  expect(shown("password: hunter2abc\ntoken: hunter4abc\n")).toBe("password: [redacted] | token: [redacted]")
  expect(shown(`PGPASSWORD=${"hunter2".repeat(200)} psql\n`)).toBe("PGPASSWORD=[redacted] psql")
})

it("has the last output's words last", () => {
  const [out, err] = [new LastWords(), new LastWords()]
  err.add("refused\n")
  out.add("Forwarding from here\n")
  expect(shownOf([out, err], clean)).toBe("Forwarding from here | refused")
})
