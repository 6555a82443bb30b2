import { Redacted } from "effect"
import { describe, expect, it } from "vitest"
import { isLikeAWord } from "../../../src/node/CookieStrength.ts"

describe("a cookie", () => {
  it.each(["c", "a1b2c3d", "monster", "MyApplication", "my_application", "supersecretcookie"])(
    "that is %s is like a word",
    (cookie) => expect(isLikeAWord(Redacted.make(cookie))).toBe(true)
  )

  // The second as OTP makes one, the third as `mix release` does.
  it.each(["a1b2c3d4", "XQZJHWEUIYTRQWERTYUI", "GVWJ4QHHZ3C2XJ7RIPB5KQ4F2LJZ", "correct-horse-battery"])(
    "that is %s is not",
    (cookie) => expect(isLikeAWord(Redacted.make(cookie))).toBe(false)
  )
})
