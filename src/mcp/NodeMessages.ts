import type { LoggingLevel } from "@modelcontextprotocol/sdk/types.js"
import { Effect, type Scope, Stream } from "effect"
import { Nodes } from "../node/Nodes.ts"
import type { Targets } from "../node/Targets.ts"
import { type NodeNews, newsOfHealth, newsOfLink } from "../tools/NodeNews.ts"
import type { Session } from "../tools/Session.ts"

/** How grave it is what became of a node, by the levels of MCP (those of RFC 5424). */
const levels: { readonly [State in NodeNews["state"]]: LoggingLevel } = {
  down: "warning",
  up: "notice",
  restarted: "warning",
  silent: "warning",
  degraded: "notice",
  well: "notice"
}

/**
 * From when this is done until the scope closes, tells the session's client of links that come up and go down, and of
 * connected nodes that fare better or worse. Loaded for the first client that wants to know: others are spared the
 * streams.
 */
export const telling = Effect.fnUntraced(function* (
  tell: (level: LoggingLevel, news: NodeNews) => Effect.Effect<void>
): Effect.fn.Return<void, never, Nodes | Session | Targets | Scope.Scope> {
  const nodes = yield* Nodes
  const links = Stream.mapEffect(yield* nodes.changes, newsOfLink)
  const healths = Stream.mapEffect(yield* nodes.healthChanges, newsOfHealth)
  yield* Effect.forEach([links, healths], (news) =>
    news.pipe(
      Stream.runForEach((it) => (it === undefined ? Effect.void : tell(levels[it.state], it))),
      Effect.forkScoped({ startImmediately: true })
    )
  )
})
