import { Effect } from "effect"
import type { Stats } from "node:fs"
import { readFile, stat } from "node:fs/promises"

/** Why a file, or another place, does not give what is looked for there; `why` follows its name in a sentence. */
export interface Problem {
  readonly absent: boolean
  readonly why: string
}

/** A problem of something that is there. */
export const unfit = (why: string): Problem => ({ absent: false, why })

const reading = <A>(read: () => Promise<A>): Effect.Effect<A, Problem> =>
  Effect.tryPromise({
    try: read,
    catch: (error): Problem => {
      const code = (error as NodeJS.ErrnoException).code ?? String(error)
      return code === "ENOENT" || code === "ENOTDIR"
        ? { absent: true, why: "does not exist" }
        : unfit(`cannot be read (${code})`)
    }
  })

/** What the file system says of a file, which is a regular one. */
export const infoOf = Effect.fnUntraced(function* (path: string): Effect.fn.Return<Stats, Problem> {
  const info = yield* reading(() => stat(path))
  return info.isFile() ? info : yield* Effect.fail(unfit("is not a regular file"))
})

/**
 * That others than its owner can access a file, by the rule that OTP has for its cookie file (`auth:check_attributes/4`);
 * `because` says why they must not.
 */
export const exposure = ({ mode }: Stats, because: string): Problem | undefined =>
  process.platform === "win32" || (mode & 0o077) === 0
    ? undefined
    : unfit(
        `must be accessible by owner only, ${because}; its mode is ${(mode & 0o777).toString(8).padStart(3, "0")}, make it 600`
      )

/** The bytes of a file as characters. */
export const textOf = (path: string): Effect.Effect<string, Problem> => reading(() => readFile(path, "latin1"))
