import { Context, Effect, Exit, Ref, Scope } from "effect"
import type { SyntaxName } from "../syntax/Syntax.ts"
import { Incarnations } from "./Incarnations.ts"

/**
 * What one client has set for itself. A stdio server has one session for its life, an HTTP service one a client, the
 * command line one a command; nothing a client sets lives anywhere else.
 */
export class Session extends Context.Service<
  Session,
  {
    /** The syntax that terms are printed in (`set_mode`). */
    readonly mode: Ref.Ref<SyntaxName>
    /** Full names of the nodes that the client has asked. A tool that is given no node asks one of these. */
    readonly asked: Set<string>
    /** Which incarnations of nodes the client has met, so that it never takes one for another. */
    readonly incarnations: Incarnations
    /** Runs `acquire` and holds what it acquired, under a name, until it is released or the session ends. */
    readonly hold: <A, E, R>(
      name: string,
      acquire: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E, Exclude<R, Scope.Scope>>
    /** Lets go of what the session holds under this name, if anything. */
    readonly release: (name: string) => Effect.Effect<void>
  }
>()("beamscope/tools/Session") {
  /** A session that lasts as long as the scope. */
  static readonly make = Effect.fnUntraced(function* (options: {
    readonly mode: SyntaxName
  }): Effect.fn.Return<Session["Service"], never, Scope.Scope> {
    const scope = yield* Effect.scope
    const held = new Map<string, Scope.Closeable>()
    const release = (name: string) =>
      Effect.suspend(() => {
        const hold = held.get(name)
        held.delete(name)
        return hold === undefined ? Effect.void : Scope.close(hold, Exit.void)
      })
    return Session.of({
      mode: yield* Ref.make(options.mode),
      asked: new Set(),
      incarnations: new Incarnations(),
      hold: (name, acquire) =>
        // Whatever is acquired is either held under its name or given back.
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const hold = yield* Scope.fork(scope)
            const acquired = yield* restore(Scope.provide(acquire, hold)).pipe(
              Effect.onError((cause) => Scope.close(hold, Exit.failCause(cause)))
            )
            const before = held.get(name)
            // In one step: whoever holds something else under this name meanwhile finds this to let go of.
            held.set(name, hold)
            if (before !== undefined) yield* Scope.close(before, Exit.void)
            return acquired
          })
        ),
      release
    })
  })
}
