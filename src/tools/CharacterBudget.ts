import { Context } from "effect"

/** Characters that the JSON and the text of one result may have, each. Hosts cut or hide what is much longer. */
export const CharacterBudget = Context.Reference<number>("beamscope/tools/CharacterBudget", {
  defaultValue: () => 10_000
})
