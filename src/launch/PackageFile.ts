import { Effect } from "effect"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { LaunchError } from "./LaunchError.ts"

/**
 * The absolute path of something that the package ships, e.g. `erlang/demo/src`. It is searched upwards from this
 * module, so that it is found from the sources, from the compiled modules and from a bundle alike.
 */
export const locate = (
  path: string,
  from: string = dirname(fileURLToPath(import.meta.url))
): Effect.Effect<string, LaunchError> =>
  Effect.suspend(() => {
    for (let folder = from; ; folder = dirname(folder)) {
      const candidate = join(folder, path)
      if (existsSync(candidate)) return Effect.succeed(candidate)
      if (folder === dirname(folder)) {
        return Effect.fail(new LaunchError({ reason: { _tag: "PackageIncomplete", path, searchedFrom: from } }))
      }
    }
  })
