import { Redacted } from "effect"

/** Characters of a cookie below which it may well stand in other texts by chance. */
const shortest = 8

/** What OTP makes where nobody has set one: `auth:create_cookie/1`. */
const madeByOtp = /^[A-Z]{20}$/u

/**
 * Whether a cookie may well be a word that stands elsewhere, too, in the names of an application or a module, say: it is
 * short, or nothing but letters, as words are. Such a one is also soon guessed.
 */
export const isLikeAWord = (cookie: Redacted.Redacted): boolean => {
  const text = Redacted.value(cookie)
  return text.length < shortest || (/^[\p{L}_]+$/u.test(text) && !madeByOtp.test(text))
}
