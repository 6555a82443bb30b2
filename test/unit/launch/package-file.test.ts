import { Effect } from "effect"
import { existsSync } from "node:fs"
import { isAbsolute } from "node:path"
import { expect, it } from "vitest"
import * as PackageFile from "../../../src/launch/PackageFile.ts"

it("finds what the package ships from the sources", async () => {
  const found = await Effect.runPromise(PackageFile.locate("erlang/demo/src"))
  expect(isAbsolute(found) && existsSync(found)).toBe(true)
})

it("says what is missing, and from where it was searched", async () => {
  const error = await PackageFile.locate("erlang/no-such-folder", "/usr/lib").pipe(Effect.flip, Effect.runPromise)
  expect(error.message).toBe(
    "the package lacks erlang/no-such-folder (searched from /usr/lib upwards). Install it again."
  )
})
