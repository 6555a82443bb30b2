import { Redacted, Result } from "effect"
import { describe, expect, it } from "vitest"
import { parseCookie } from "../../../src/node/Cookie.ts"

describe("the text of a cookie", () => {
  // The cases are those of auth:check_cookie/2.
  it.each([
    ["SECRET", "SECRET"],
    ["SECRET\n", "SECRET"],
    ["SECRET\r\n \n", "SECRET"],
    ["two words ", "two words "],
    ["~!@#$%^&*()", "~!@#$%^&*()"],
    ["x".repeat(255), "x".repeat(255)]
  ])("takes %j", (text, cookie) => {
    expect(Result.map(parseCookie(text), Redacted.value)).toEqual(Result.succeed(cookie))
  })

  it.each([
    ["", "is empty"],
    ["\n", "is empty"],
    ["one\ntwo", "has bad characters"],
    ["tab\there", "has bad characters"],
    ["naïve", "has bad characters"],
    ["x".repeat(256), "is longer than"]
  ])("refuses %j", (text, problem) => {
    expect(parseCookie(text)).toMatchObject({ _tag: "Failure", failure: expect.stringContaining(problem) })
  })
})
