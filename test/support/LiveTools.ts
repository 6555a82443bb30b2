import { Effect, Layer, Redacted } from "effect"
import { type AgentMode, Nodes } from "../../src/node/index.ts"
import { Policy, type PolicySettings } from "../../src/policy/Policy.ts"
import type { SyntaxName } from "../../src/syntax/Syntax.ts"
import { Catalogue } from "../../src/tools/Catalogue.ts"
import { Session } from "../../src/tools/Session.ts"
import { targetsOf } from "./targetsOf.ts"

export const epmdPort = Number(process.env["ERL_EPMD_PORT"])

/** The whole catalogue over real links, for the nodes whose cookie is known. Provide it fresh to each test. */
export const liveCatalogue = (
  nodes: ReadonlyArray<{
    readonly name: string
    readonly cookie: string
    /** Where its entry says that it listens. */
    readonly port?: number
  }>,
  options: {
    /** Default `auto`. */
    readonly agent?: AgentMode
    /** Default `erlang`. */
    readonly mode?: SyntaxName
    readonly cookies?: ReadonlyArray<Redacted.Redacted>
    readonly policy?: Partial<PolicySettings>
    /** Where nodes are looked for. */
    readonly discovery?: ReadonlyArray<string>
  } = {}
) => {
  const {
    agent = "auto",
    discovery = [],
    cookies = nodes.map(({ cookie }) => Redacted.make(cookie)),
    mode = "erlang",
    policy
  } = options
  return Catalogue.layer.pipe(
    Layer.provideMerge(Nodes.layer),
    Layer.provideMerge(
      targetsOf({
        nodes: Effect.succeed(
          nodes.map(({ name, port }) => ({ name, ...(port !== undefined && { address: `127.0.0.1:${port}` }) }))
        ),
        epmdPort,
        discovery,
        cookies: Effect.succeed(cookies),
        resolve: (name, given) => {
          const own = nodes.find((node) => node.name === name)
          const cookie = given?.cookie ?? (own === undefined ? cookies[0]! : Redacted.make(own.cookie))
          const address = own?.port === undefined ? undefined : { host: "127.0.0.1", port: own.port }
          return Effect.succeed({ name, cookie, epmdPort, agent, ...(address && { address }) })
        }
      })
    ),
    Layer.provideMerge(Policy.layer({ hostNames: [], ...policy })),
    Layer.provideMerge(Layer.effect(Session, Session.make({ mode })))
  )
}
