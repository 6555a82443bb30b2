import { Redacted } from "effect"
import * as fc from "fast-check"
import { Buffer } from "node:buffer"
import { describe, expect, it } from "vitest"
import { atom, Binary, binary, BitString, ByteList, charlist, List, map, type Term } from "../../../src/etf/Term.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { redactor } from "../../../src/tools/Redaction.ts"

const secret = "Kj8+x/2mQ'\"\\Pz"
const redact = redactor([Redacted.make(secret)])

describe("a secret in use", () => {
  it.each([
    ["as it is", secret],
    ["as an atom", `'${secret.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`],
    ["as a string", JSON.stringify(secret)],
    ["with every quote escaped", secret.replace(/["'\\]/gu, "\\$&")],
    ["as character codes", JSON.stringify([...Buffer.from(secret)])],
    ["as character codes with blanks", [...Buffer.from(secret)].join(", ")],
    ["in hex", Buffer.from(secret).toString("hex")],
    ["in upper case hex", Buffer.from(secret).toString("hex").toUpperCase()],
    ["in base64", Buffer.from(secret).toString("base64")],
    ["in base64url", Buffer.from(secret).toString("base64url")]
  ])("is blotted out %s", (_how, text) => {
    const shown = redact(`before ${text} after`)
    expect(shown).toContain("[redacted]")
    expect(shown).not.toContain(text)
    expect(shown.startsWith("before ")).toBe(true)
    expect(shown.endsWith(" after")).toBe(true)
  })

  it("is blotted out of base64 wherever it stands in what was encoded", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), (before, after) => {
        const shown = redact(Buffer.from(before + secret + after).toString("base64"))
        expect(shown).toContain("[redacted]")
        expect(Buffer.from(shown.replace("[redacted]", ""), "base64").toString()).not.toContain(secret.slice(1, -1))
      })
    )
  })

  it("is blotted out inside longer words when it is long", () =>
    expect(redactor([Redacted.make("supersecret")])("xsupersecrety")).toBe("x[redacted]y"))

  it.each(["\n", "\r\n", "  \n    "])(
    "is blotted out where it is broken over two lines by %j when it is long",
    (end) => {
      const long = redactor([Redacted.make("supersecret")])
      for (let at = 1; at < 11; at++) {
        const broken = ["supersecret".slice(0, at), "supersecret".slice(at)].join(end)
        expect(long(`before ${broken} after`)).toBe("before [redacted] after")
        expect(long(`before\n${broken}\nafter`)).toBe("before\n[redacted]\nafter")
      }
      expect(redactor([Redacted.make("app")])("ap\np a\npp")).toBe("ap\np a\npp")
    }
  )

  it("is blotted out where it has blanks and is broken at one of them", () => {
    const long = redactor([Redacted.make("swordfish and chips")])
    for (const text of [
      "swordfish\nand chips",
      "swordfish and  \r\n  chips",
      "sword\nfish and\n\nchips",
      "swor\ndfi..."
    ])
      expect(long(`a ${text}`), text).toMatch(/^a \[redacted\](?:\.{3})?$/u)
    for (const text of ["sword fish\nand chip", "swordfishandchips", "and chips\nand swordfish"])
      expect(long(text)).toBe(text)
    // Too little is left of this one to tell it from a text.
    expect(redactor([Redacted.make("a          b")])("a\nb")).toBe("a\nb")
  })

  it("is looked for in a time that grows with the text, whatever both are made of", () => {
    const runs = [" ", "\\", '"', "'", "\t", ",", "a", "97,", "=", "\\ ", "a ", '\\"', "\\\\ "]
    const texts = [...runs, `\n${" ".repeat(12)}`, "\n ", "\\\n", "a\n"].map((run) => `a${run.repeat(2_000)}z`)
    for (const run of runs) {
      for (const times of [1, 24, 100]) {
        const long = `a${run.repeat(times)}x`.slice(0, 255)
        const found = redactor([Redacted.make(long), Redacted.make(long.slice(1)), Redacted.make(`${run.repeat(8)}`)])
        for (const text of texts) expect(typeof found(text)).toBe("string")
        expect(found(`(${long})`)).toContain("[redacted]")
      }
    }
  })

  it.each(["\\", "\\\\a", 'a\\\\"b', "\\'\\", "abcdef\\\\ghijk", '"quoted" \\'])(
    "is blotted out however often it is escaped: %s",
    (text) => {
      const found = redactor([Redacted.make(text)])
      for (let escaped = text, times = 0; times < 4; times++) {
        expect(found(`<${escaped}>`)).toMatch(/^<\\*\[redacted\]>$/u)
        escaped = escaped.replace(/["'\\]/gu, "\\$&")
      }
    }
  )

  it("is blotted out as a word only when it is short", () => {
    const short = redactor([Redacted.make("app")])
    expect(short("cookie app, 'app', \"app\"")).toBe("cookie [redacted], '[redacted]', \"[redacted]\"")
    expect(short("the application app_server myapp apps")).toBe("the application app_server myapp apps")
    expect(short("1.0.7 0.app7")).toBe("1.0.7 0.app7")
  })

  it("is blotted out of every name that it is when it is short, so that none beside it tells which word it was", () => {
    const short = redactor([Redacted.make("myapp")])
    const names: ReadonlyArray<readonly [string, string]> = [
      ["Found 1 process: :myapp.", "Found 1 process: :[redacted]."],
      ["name :myapp, :myapp.init/1", "name :[redacted], :[redacted].init/1"],
      ["myapp:init/1, fun myapp:init/1", "[redacted]:init/1, fun [redacted]:init/1"],
      [":gen_server.myapp/2", ":gen_server.[redacted]/2"],
      ["/srv/myapp/lib/myapp-1.0/ebin/myapp.beam", "/srv/[redacted]/lib/[redacted]-1.0/ebin/[redacted].beam"],
      ["myapp@host, n@myapp, Myapp.Server", "[redacted]@host, n@[redacted], [redacted].Server"],
      [String.raw`"first\nmyapp\tmyapp"`, String.raw`"first\n[redacted]\t[redacted]"`],
      ["and then myap...", "and then [redacted]..."]
    ]
    for (const [text, left] of names) expect(short(text)).toBe(left)
    for (const { name, mfa, atom: print } of Object.values(syntaxes))
      for (const text of [mfa("myapp", "init", 1), mfa("lists", "myapp", 1), print("myapp"), `${print("myapp")}.`])
        expect(short(text), name).not.toContain("myapp")
  })

  it("leaves sigils, escapes and words alone when it is one letter", () => {
    const text = String.raw`~c"abc", ~r/a c/u, "\n\t c\e", :ct.run/1, <0.1.0>`
    for (const letter of ["n", "t", "e", "u", "r", "b"]) expect(redactor([Redacted.make(letter)])(text)).toBe(text)
    expect(redactor([Redacted.make("c")])(text)).toBe(text.replaceAll(" c", " [redacted]"))
    expect(redactor([Redacted.make("u")])("of u, /u/x.u and 'u'")).toBe(
      "of [redacted], /[redacted]/x.[redacted] and '[redacted]'"
    )
  })

  it("leaves numbers and identifiers whole when it is a number", () => {
    const text = "<0.12.0> 12.5 2026-12-01 n@12"
    expect(redactor([Redacted.make("12")])(`${text} cookie 12`)).toBe(`${text} cookie [redacted]`)
  })

  it("leaves all else alone", () => {
    expect(redactor([])("anything")).toBe("anything")
    expect(redactor([Redacted.make("")])("anything")).toBe("anything")
    expect(redact("nothing to see")).toBe("nothing to see")
  })
})

/** The beginning of a secret that could be recognised, in every way in which it could be written. */
const recognisable = (text: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(text)
  const base64 = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64")
    return encoded.slice(Math.ceil((offset * 8) / 6)).slice(0, 5)
  })
  return [
    text.slice(0, 4),
    text.slice(0, 4).replace(/["\\]/gu, "\\$&"),
    [...bytes.subarray(0, 4)].join(","),
    [...bytes.subarray(0, 4)].join(", "),
    bytes.toString("hex").slice(0, 8),
    bytes.toString("hex").slice(0, 8).toUpperCase(),
    ...base64
  ]
}

const secrets = [secret, "QWERTYUIOPASDFGHJKLZ", "abcabcabcabd", "sw0rd", 'a"b#{c}\\d', "p".repeat(255)]

/** Terms with the secret somewhere inside. */
const hiding = (text: string): ReadonlyArray<Term> => {
  const [before, after] = ["- ".repeat(10), " -".repeat(30)]
  const around = before + text + after
  const bytes = Buffer.from(`\0\xff ${around}`, "latin1")
  const codes = Array.from(around, (char) => char.codePointAt(0)!)
  return [
    binary(around),
    charlist(around),
    new ByteList(Buffer.from(around)),
    new Binary(bytes),
    new ByteList(bytes),
    new BitString(bytes, 0, bytes.length, 3),
    binary(`é${around}`),
    charlist(`${around}é`),
    new List([atom("job"), ...codes]),
    new List(codes, atom("tail")),
    binary(`<${Buffer.from(around).toString("hex")}>`),
    binary(Buffer.from(around).toString("base64")),
    map([
      [binary(around), [atom("key")]],
      [atom("value"), [binary(around), 1]]
    ]),
    [atom("state"), atom(text), [binary(around)]],
    new List([[atom(text), binary(around)]])
  ]
}

describe("the beginning of a secret", () => {
  it.each(secrets)("is blotted out wherever the print of a term is cut: %s", (text) => {
    const shorter = redactor([Redacted.make(text)])
    const seen = recognisable(text)
    for (const { name, print } of Object.values(syntaxes)) {
      for (const [at, term] of hiding(text).entries()) {
        const { length } = print(term).text
        for (let maxCharacters = 3; maxCharacters <= length; maxCharacters++) {
          const shown = shorter(print(term, { maxCharacters }).text)
          const leak = seen.find((part) => shown.includes(part))
          if (leak !== undefined) expect.fail(`${name} ${at} cut at ${maxCharacters} shows ${leak}: ${shown}`)
        }
      }
    }
  })

  it("is blotted out where a print of the node's is cut once more, wherever that is", () => {
    const text = "QWERTYUIOPASDFGHJKLZ"
    const shorter = redactor([Redacted.make(text)])
    const codes = [...Buffer.from(text)].join(",")
    const labels = [
      ...["x".repeat(20) + text, text.slice(0, 9)].flatMap((inner) => [
        `{job,<<"${inner}"...>>,1}`,
        `{job,<<"é${inner}"/utf8...>>,1}`,
        `{job,"${inner}"...,...}`,
        `["${inner}"...|...]`
      ]),
      `[0,${codes}|...]`,
      `<<0,${codes},...>>`
    ]
    for (const label of labels) {
      for (let end = 0; end <= label.length; end++) {
        const shown = shorter(`${label.slice(0, end)}...`)
        for (const part of recognisable(text)) expect(shown).not.toContain(part)
      }
    }
  })

  it("stays where nothing is cut", () => {
    const shorter = redactor([Redacted.make("shop_cookie")])
    expect(shorter("shop shop@host <0.1.0> shop_co")).toBe("shop shop@host <0.1.0> shop_co")
    expect(shorter('"the shop_co" <> ... 3 more bytes')).toBe('"the [redacted]" <> ... 3 more bytes')
  })
})

it("works for as many secrets of any length as there may be", () => {
  const many = Array.from({ length: 16 }, (_, at) => `${at}${'/"'.repeat(126)}x`)
  const all = redactor(many.map((each) => Redacted.make(each)))
  for (const each of many) expect(all(`a ${each} b`)).toBe("a [redacted] b")
  expect(redactor([Redacted.make("x".repeat(1_000_000))])("what is too long for a cookie is none")).toMatch(/^what/u)
})
