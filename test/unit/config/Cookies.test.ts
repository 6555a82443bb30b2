import { Effect, Redacted, Result } from "effect"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type CookieSource, findCookie } from "../../../src/config/Cookies.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "beamscope-cookies-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const cookieFile = (name: string, content: string | Buffer, mode = 0o400): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

const value = (cookie: string, said = "BEAMSCOPE_COOKIE"): CookieSource => ({
  _tag: "Value",
  said,
  cookie: Redacted.make(cookie)
})
const file = (path: string, optional = false, said = "--cookie-file"): CookieSource => ({
  _tag: "File",
  said,
  path,
  optional
})

const find = async (...sources: ReadonlyArray<CookieSource>) => {
  const result = await Effect.runPromise(Effect.result(findCookie(sources)))
  return Result.isSuccess(result) ? Redacted.value(result.success.cookie) : result.failure
}

describe("a cookie file", () => {
  it("gives its first line", async () => {
    expect(await find(file(cookieFile("c", "FROMFILE\n")))).toBe("FROMFILE")
    expect(await find(file(cookieFile("d", "FROMFILE\n", 0o600)))).toBe("FROMFILE")
  })

  it("may be a link to one, as OTP follows links", async () => {
    symlinkSync(cookieFile("real", "LINKED"), join(folder, "link"))
    expect(await find(file(join(folder, "link")))).toBe("LINKED")
  })

  it.each([0o440, 0o604, 0o620, 0o410, 0o601])("is refused with mode %o", async (mode) => {
    const path = cookieFile("open", "SECRET", mode)
    expect(await find(file(path))).toEqual([
      expect.stringContaining(
        `must be accessible by owner only, as Erlang demands of a cookie file; its mode is ${mode.toString(8)}`
      )
    ])
  })

  it("must be a regular file", async () => {
    mkdirSync(join(folder, "directory"), { mode: 0o700 })
    expect(await find(file(join(folder, "directory")))).toEqual([expect.stringContaining("is not a regular file")])
  })

  it("is not read when it is far too long", async () => {
    expect(await find(file(cookieFile("long", Buffer.alloc(5_000, "x"))))).toEqual([
      expect.stringContaining("is 5000 bytes long")
    ])
  })

  it("never has its content in an error", async () => {
    const problems = await find(file(cookieFile("bad", "PRECIOUS\u0001")))
    expect(problems).toEqual([expect.stringContaining("bad characters")])
    expect(String(problems)).not.toContain("PRECIOUS")
  })
})

describe("the search", () => {
  it("takes the first source that has one", async () => {
    expect(await find({ _tag: "Unset", said: "A" }, value("first"), value("second"))).toBe("first")
  })

  it("goes on after an optional file that is absent", async () => {
    expect(await find(file(join(folder, "none"), true), value("next"))).toBe("next")
  })

  it("ends at a source that was given and does not serve", async () => {
    const missing = join(folder, "mistyped")
    expect(await find(file(missing), value("another"))).toEqual([
      `--cookie-file: ${missing} does not exist, which has to be mended first: what comes behind it is not looked at`
    ])
    expect(await find(value("bad\u0000"), value("another"))).toEqual([
      expect.stringMatching(/^BEAMSCOPE_COOKIE has bad/u)
    ])
    const open = cookieFile("open", "SECRET", 0o644)
    expect(await find(file(open, true), value("another"))).toEqual([expect.stringContaining("by owner only")])
  })

  it("tells every source it looked at, in order", async () => {
    const [home, xdg] = [join(folder, "home"), join(folder, "xdg")]
    expect(
      await find({ _tag: "Unset", said: "BEAMSCOPE_COOKIE" }, file(home, true, home), file(xdg, true, xdg))
    ).toEqual(["BEAMSCOPE_COOKIE is not set", `${home} does not exist`, `${xdg} does not exist`])
  })
})
