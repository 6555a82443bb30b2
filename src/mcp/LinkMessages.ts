import type { LoggingLevel } from "@modelcontextprotocol/sdk/types.js"
import { Effect, type Scope, Stream } from "effect"
import { Nodes } from "../node/Nodes.ts"
import type { Targets } from "../node/Targets.ts"
import { type LinkNews, newsOf } from "../tools/LinkNews.ts"
import type { Session } from "../tools/Session.ts"

/** How grave it is what became of a link, by the levels of MCP (those of RFC 5424). */
const levels: { readonly [State in LinkNews["state"]]: LoggingLevel } = {
  down: "warning",
  up: "notice",
  restarted: "warning"
}

/**
 * From when this is done until the scope closes, tells the session's client of links that come up and go down. Loaded
 * for the first client that wants to know: others are spared the streams.
 */
export const telling = Effect.fnUntraced(function* (
  tell: (level: LoggingLevel, news: LinkNews) => Effect.Effect<void>
): Effect.fn.Return<void, never, Nodes | Session | Targets | Scope.Scope> {
  const changes = yield* (yield* Nodes).changes
  yield* changes.pipe(
    Stream.runForEach((change) =>
      Effect.flatMap(newsOf(change), (news) => (news === undefined ? Effect.void : tell(levels[news.state], news)))
    ),
    Effect.forkScoped({ startImmediately: true })
  )
})
