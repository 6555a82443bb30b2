import type { Term } from "../etf/Term.ts"
import { amount } from "./Quantity.ts"
import type { Terms } from "./Terms.ts"

/** What a result says of so many values that it shows cut; `undefined` where there are none. For {@link Answer.cut}. */
export const cutNote = (count: number, singular: string, plural: string = `${singular}s`): string | undefined =>
  count === 0
    ? undefined
    : `${amount(count, `${singular} is`, `${plural} are`)} too large to be shown whole: ... stands for what is left out.`

/** How many texts are cut when they are printed with no more than so many characters. */
export const countCut = (
  prints: ReadonlyArray<(characters?: number) => string | undefined>,
  characters: number
): number => prints.filter((print) => print(characters) !== print()).length

/** How many values under their keys are cut: on the node, or when they are printed with no more than so many characters. */
export const countCutValues = (
  values: ReadonlyArray<readonly [key: Term | undefined, value: Term]>,
  terms: Terms,
  characters: number
): number =>
  values.filter(
    ([key, value]) =>
      !terms.isHidden(key, value) &&
      (!terms.isWhole(value) || countCut([(most) => terms.print(value, most)], characters) > 0)
  ).length
