import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Buffer } from "node:buffer"
import type { SyntaxName } from "../../src/syntax/Syntax.ts"
import { syntaxes } from "../../src/syntax/Syntaxes.ts"
import { allTools } from "../../src/tools/AllTools.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { toolCalls, toolInputs } from "../support/toolInputs.ts"
import { call } from "../support/Tools.ts"
import { scene, secrets } from "../support/vault.ts"

/** What no output may hold as it is: control characters, those that reorder text, and tag characters. */
// oxlint-disable-next-line no-control-regex
const raw = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u

/** What stands in a cursor, which is base 64 of JSON with base 64 in it. */
const insideOf = (cursor: unknown): string => {
  const outer = Buffer.from(typeof cursor === "string" ? cursor : "", "base64url").toString("latin1")
  const inner = Array.from(outer.matchAll(/[\w-]{8,}/gu), ([text]) => Buffer.from(text, "base64url").toString("latin1"))
  return [outer, ...inner].join(" ")
}

describe.each(BeamNode.otpReleases())("text of a node on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  let other: BeamNode.BeamNode
  beforeAll(async () => {
    ;[node, other] = await Promise.all([BeamNode.startNode({ otp, eval: scene }), BeamNode.startNode({ otp })])
  })
  afterAll(() => Promise.all([node.stop(), other.stop()]))

  it("is tried with every tool", () => {
    const inputs = toolInputs("erlang", other.name)
    expect(Object.keys(inputs).toSorted()).toEqual(allTools.map(({ name }) => name).toSorted())
    expect(Object.entries(inputs).filter(([, tried]) => tried.length === 0)).toEqual([])
  })

  it.live.each(Object.keys(syntaxes) as ReadonlyArray<SyntaxName>)(
    "comes out of every tool with nothing hidden and no secret, in %s",
    (mode) =>
      Effect.gen(function* () {
        let shown = ""
        for (const [tool, input] of toolCalls(mode, node.name, other.name)) {
          const { structured, text: told } = yield* call(tool, input)
          const cursor = insideOf(structured["next_cursor"])
          for (const secret of secrets) expect(cursor.includes(secret), `${tool} ${JSON.stringify(input)}`).toBe(false)
          for (const text of [told, JSON.stringify(structured)]) {
            shown += text
            expect(raw.exec(text)?.[0], `${tool} ${JSON.stringify(input)}: ${text}`).toBeUndefined()
            for (const secret of secrets)
              expect(text.includes(secret), `${tool} ${JSON.stringify(input)}: ${text}`).toBe(false)
          }
        }
        // It was there to be seen.
        expect(shown).toContain("obey")
        expect(shown).toContain("[redacted]")
      }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node, other], { mode, agent: "eval" })))))
  )
})
