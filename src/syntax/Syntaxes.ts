import { elixir } from "./Elixir.ts"
import { erlang } from "./Erlang.ts"
import { gleam } from "./Gleam.ts"
import { lfe } from "./Lfe.ts"
import type { Syntax, SyntaxName } from "./Syntax.ts"

/** Every syntax by its name. */
export const syntaxes: { readonly [Name in SyntaxName]: Syntax } = { elixir, erlang, gleam, lfe }
