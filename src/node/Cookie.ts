import { Redacted, Result } from "effect"

/**
 * Text as a cookie, by the rule that OTP has for its cookie file (`auth:check_cookie/2`): printable ASCII, then at most
 * line ends and blanks, which do not count. It becomes an atom on the node, so 255 characters are the most.
 */
export const parseCookie = (text: string): Result.Result<Redacted.Redacted, string> => {
  const end = text.search(/[^ -~]/u)
  const cookie = end === -1 ? text : text.slice(0, end)
  if (!/^[\n\r ]*$/u.test(text.slice(cookie.length))) {
    return Result.fail("has bad characters in it: a cookie is one line of printable ASCII")
  }
  if (cookie === "") return Result.fail("is empty")
  if (cookie.length > 255) return Result.fail("is longer than the 255 characters that a cookie may have")
  return Result.succeed(Redacted.make(cookie))
}
