import { Result } from "effect"
import type { Reach } from "../dist/Link.ts"

const expected = "host, host:port, [IPv6 address]:port or unix:/path"

/** Where a node is, from the text that an operator writes. Fails with why the text says no such place. */
export const parseAddress = (text: string): Result.Result<NonNullable<Reach["address"]>, string> => {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length)
    return path === "" ? Result.fail("there is no path behind unix:") : Result.succeed({ path })
  }
  if (/^[^[\]]*:[^[\]]*:/u.test(text))
    return Result.fail("an IPv6 address stands in brackets, so that its port can be told: [::1] or [::1]:4370")
  const [, address, name, digits] = /^(?:\[([\d.:a-f]+(?:%[^\s%\]]+)?)\]|([^\s/:@[\]]+))(?::(\d+))?$/iu.exec(text) ?? []
  const host = address ?? name
  if (host === undefined) return Result.fail(`expected ${expected}`)
  if (digits === undefined) return Result.succeed({ host })
  const port = Number(digits)
  return port >= 1 && port <= 65_535 ? Result.succeed({ host, port }) : Result.fail(`there is no port ${digits}`)
}
