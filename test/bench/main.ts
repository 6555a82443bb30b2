/**
 * What Beamscope costs, beside what a BEAM node, a bare socket or a bare server costs for the same in the same run.
 *
 *     npm run bench [-- --only decode,calls]
 *
 * Exits with 1 where a goal is missed.
 */
import { Effect, type Scope } from "effect"
import process, { stderr, stdout, versions } from "node:process"
import { parseArgs } from "node:util"
import * as BeamNode from "../support/BeamNode.ts"
import setup from "../support/globalSetup.ts"
import { calls } from "./calls.ts"
import { decode } from "./decode.ts"
import { replies } from "./replies.ts"
import { links } from "./links.ts"
import { overhead } from "./overhead.ts"
import { processes } from "./processes.ts"
import { isMet, machine, type Row, Table } from "./Row.ts"
import { startup } from "./startup.ts"

const groups: Readonly<Record<string, Effect.Effect<ReadonlyArray<Row>, unknown, Scope.Scope>>> = {
  startup,
  decode,
  calls,
  overhead,
  replies,
  processes,
  links
}

const { values } = parseArgs({ options: { only: { type: "string", default: Object.keys(groups).join(",") } } })
const chosen = values.only.split(",").map((name) => {
  const group = groups[name]
  if (group === undefined) throw new Error(`there is no '${name}' among ${Object.keys(groups).join(", ")}`)
  return { name, group }
})

const stop = await setup()
try {
  const table = new Table()
  for (const { group, name } of chosen) {
    const start = performance.now()
    for (const row of await Effect.runPromise(Effect.scoped(group))) {
      table.add(row)
      if (!isMet(row)) process.exitCode = 1
    }
    stderr.write(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s\n`)
  }
  const otp = BeamNode.otpReleases()[0]!.otp
  stdout.write(`Node ${versions.node}, OTP ${otp}, ${machine()}\n\n${table}\n`)
} finally {
  await stop()
}
