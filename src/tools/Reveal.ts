import { Context } from "effect"

/**
 * Whether secrets that are known by the name of their key or by their shape are shown after all: the operator's
 * `--reveal`. Cookies are never shown.
 */
export const Reveal = Context.Reference<boolean>("beamscope/tools/Reveal", { defaultValue: () => false })
