import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Buffer } from "node:buffer"
import type { SyntaxName } from "../../src/syntax/Syntax.ts"
import { syntaxes } from "../../src/syntax/Syntaxes.ts"
import { allTools } from "../../src/tools/AllTools.ts"
import { Catalogue, type ToolResult } from "../../src/tools/Catalogue.ts"
import * as BeamNode from "../support/BeamNode.ts"
import { liveCatalogue } from "../support/LiveTools.ts"
import { toolCalls, toolInputs } from "../support/toolInputs.ts"
import { call } from "../support/Tools.ts"
import { neighbours, scene, secrets, tls } from "../support/vault.ts"

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
        for (const neighbour of neighbours) expect(shown).toContain(neighbour)
      }).pipe(Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node, other], { mode, agent: "eval" })))))
  )

  it.live("comes out without the keys of TLS, wherever the node keeps them", () =>
    Effect.gen(function* () {
      const bytes = JSON.parse(yield* Effect.promise(() => node.evaluate(tls))) as ReadonlyArray<number>
      const key = [bytes.slice(0, 6).join(","), Buffer.from(bytes.slice(0, 6)).toString("hex")]
      /** What a tool tells, or why it does not. */
      const told = Effect.fnUntraced(function* (tool: string, input: Readonly<Record<string, unknown>>) {
        const text = yield* (yield* Catalogue).call(tool, input).pipe(
          Effect.map((it) => it.text),
          Effect.catch(({ message }) => Effect.succeed(message))
        )
        for (const shown of [text, text.replaceAll(/\s/gu, "")])
          for (const secret of key)
            expect(shown.includes(secret), `${tool} ${JSON.stringify(input)}: ${text}`).toBe(false)
        return text
      })
      const rowsOf = Effect.fnUntraced(function* (tool: string, list: string) {
        const rows: Array<Readonly<Record<string, string>>> = []
        for (let input: object | undefined = { node: node.name, limit: 200 }; input !== undefined;) {
          const { structured }: ToolResult = yield* call(tool, input)
          rows.push(...(structured[list] as typeof rows))
          const cursor: unknown = structured["next_cursor"]
          input = cursor === undefined ? undefined : { ...input, cursor }
        }
        return rows
      })
      let refused = ""
      for (const { pid } of yield* rowsOf("list_processes", "processes")) {
        const state = yield* told("get_gen_server_state", { node: node.name, pid })
        refused += state
        if (state.includes("keys of connections"))
          expect(yield* told("get_gen_server_status", { node: node.name, pid })).toContain("keys of connections")
        yield* told("get_process_info", { node: node.name, pid, groups: ["dictionary", "messages"] })
      }
      for (const module of ["auth", "ssl_gen_statem", "tls_sender", "ssl_pem_cache", "ssl_manager"])
        expect(refused).toContain(`may hold cookies or the keys of connections, since it is one of ${module}`)
      for (const { table } of yield* rowsOf("list_ets_tables", "tables")) {
        const text = yield* told("sample_ets_table", { node: node.name, table, limit: 50 })
        if (table === "vault_keys") expect(text).toContain("keeps cookies or private keys")
      }
    }).pipe(
      Effect.provide(Layer.fresh(Layer.suspend(() => liveCatalogue([node, other], { mode: "erlang", agent: "eval" }))))
    )
  )
})
