import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { isCookieKey, isProofName, isSecretName, maybeSecretName, telling } from "../../../src/tools/SecretNames.ts"

const maybe = new RegExp(maybeSecretName, "iu")

/** A name with words, as Erlang, an option, and Elixir's structs or JSON write it. */
const spellings = (name: string): ReadonlyArray<string> => [
  name,
  name.replaceAll("_", "-"),
  name.replace(/_([a-z])/gu, (_, first: string) => first.toUpperCase()),
  name.toUpperCase()
]

describe("names of secrets", () => {
  // What must not stand in front is no matter of what does.
  it.each(telling.map((each) => each.replaceAll(/\(\?<![^)]*\)/gu, "")))(
    "of which %s tells have a part by which one who cannot look closer knows that they may be some",
    (expression) => {
      const told = new Set<string>()
      fc.assert(
        fc.property(fc.stringMatching(new RegExp(expression, "u")), (name) => {
          for (const each of spellings(name).filter(isSecretName)) {
            told.add(each)
            expect(maybe.test(each), each).toBe(true)
          }
        }),
        { numRuns: 1_000 }
      )
      expect(told.size).toBeGreaterThan(0)
    }
  )

  it.each(["oauth2", "authentication", "basicAuth", "setcookie", "RELEASE_COOKIE", "_cookie"])(
    "have such a part where they are of proofs and cookies: %s",
    (name) => {
      expect(isProofName(name) || isCookieKey(name)).toBe(true)
      expect(maybe.test(name)).toBe(true)
    }
  )
})
