import { Context, Effect, Ref } from "effect"
import { type Syntax, type SyntaxName } from "../syntax/Syntax.ts"
import { syntaxes } from "../syntax/Syntaxes.ts"

/**
 * What one client has set for itself. A stdio server has one session for its life, an HTTP service one a client, the
 * command line one a command; nothing a client sets lives anywhere else.
 */
export class Session extends Context.Service<
  Session,
  {
    /** The syntax that terms are printed in (`set_mode`). */
    readonly mode: Ref.Ref<SyntaxName>
  }
>()("beamscope/tools/Session") {}

/** The syntax that the session's terms are printed in. */
export const currentSyntax: Effect.Effect<Syntax, never, Session> = Effect.flatMap(Session, ({ mode }) =>
  Effect.map(Ref.get(mode), (name) => syntaxes[name])
)
