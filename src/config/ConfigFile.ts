import { Effect } from "effect"
import { readFile, stat } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { ConfigError } from "./ConfigError.ts"
import { decodeFile } from "./DecodeSettings.ts"
import { parseJson } from "./JsonMistake.ts"
import type { Settings } from "./Settings.ts"

const fromHome = (path: string, home: string): string => (path.startsWith("~/") ? join(home, path.slice(2)) : path)

/** The settings in a JSON configuration file. Paths in it are relative to its folder; `~/` is `home`. */
export const readSettings = Effect.fnUntraced(function* (file: string, home: string) {
  const fail = (problem: string) => new ConfigError({ message: `configuration file ${file}: ${problem}` })
  const reading = <A>(read: () => Promise<A>) =>
    Effect.tryPromise({
      try: read,
      catch: (error) => fail(`cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
    })
  const text = yield* reading(() => readFile(file, "utf8"))
  const json = yield* Effect.mapError(Effect.fromResult(parseJson(text)), fail)
  const said = yield* Effect.mapError(Effect.fromResult(decodeFile(json)), fail)
  const absolute = (path: string) => resolve(dirname(file), fromHome(path, home))
  const nodes = said.nodes?.map((node) =>
    typeof node === "string" || node.cookieFile === undefined
      ? node
      : { ...node, cookieFile: absolute(node.cookieFile) }
  )
  if (process.platform !== "win32" && nodes?.some((node) => typeof node !== "string" && node.cookie !== undefined)) {
    const { mode } = yield* reading(() => stat(file))
    if ((mode & 0o077) !== 0)
      return yield* fail("has a cookie in it, so it must be accessible by owner only (chmod 600)")
  }
  return {
    ...said,
    ...(nodes !== undefined && { nodes }),
    ...(said.cookieFile !== undefined && { cookieFile: absolute(said.cookieFile) })
  } satisfies Settings
})
