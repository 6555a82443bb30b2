import { Effect, Redacted, Result } from "effect"
import { parseCookie } from "../node/Cookie.ts"
import { exposure, infoOf, textOf, unfit } from "./RegularFile.ts"

/** A place where a cookie may be, under the name that the operator knows it by (`BEAMSCOPE_COOKIE`). */
export type CookieSource =
  | { readonly _tag: "Unset"; readonly said: string }
  | { readonly _tag: "Value"; readonly said: string; readonly cookie: Redacted.Redacted }
  /** `optional`: that the file does not exist is no mistake, and the next source is asked. */
  | { readonly _tag: "File"; readonly said: string; readonly path: string; readonly optional: boolean }

const fromText = (text: string) => Effect.mapError(Effect.fromResult(parseCookie(text)), unfit)

/** No cookie is longer than 255 bytes; a file beyond this is something else. */
const maxFileBytes = 4_096

/**
 * The cookie in a file, if OTP would take it from there: a regular file that nobody but its owner can access
 * (`auth:check_attributes/4`).
 */
const fromFile = Effect.fnUntraced(function* (path: string) {
  const info = yield* infoOf(path)
  const exposed = exposure(info, "as Erlang demands of a cookie file")
  if (exposed !== undefined) return yield* Effect.fail(exposed)
  if (info.size > maxFileBytes) return yield* Effect.fail(unfit(`is ${info.size} bytes long, which is no cookie`))
  return yield* fromText(yield* textOf(path))
})

/** A cookie, and the place it was found in. */
export interface FoundCookie {
  readonly cookie: Redacted.Redacted
  readonly source: string
}

/**
 * The cookie of the first source that has one, and where that is. A source that was given and does not serve ends the search, so that a
 * mistyped path is an error here and not a wrong cookie on the node. Fails with every source that was looked at, in
 * order, and why it did not serve.
 */
export const findCookie = Effect.fnUntraced(function* (
  sources: ReadonlyArray<CookieSource>
): Effect.fn.Return<FoundCookie, ReadonlyArray<string>> {
  const seen: Array<string> = []
  for (const source of sources) {
    if (source._tag === "Unset") {
      seen.push(`${source.said} is not set`)
      continue
    }
    const found = yield* Effect.result(
      source._tag === "Value" ? fromText(Redacted.value(source.cookie)) : fromFile(source.path)
    )
    const place = source._tag === "File" && source.path !== source.said ? `${source.said}: ${source.path}` : source.said
    if (Result.isSuccess(found)) return { cookie: found.success, source: place }
    const { absent, why } = found.failure
    const isOver = !(absent && source._tag === "File" && source.optional)
    seen.push(`${place} ${why}${isOver ? ", which has to be mended first: what comes behind it is not looked at" : ""}`)
    if (isOver) break
  }
  return yield* Effect.fail(seen)
})
