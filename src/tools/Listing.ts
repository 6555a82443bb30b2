import { Effect, Schema } from "effect"
import { Buffer } from "node:buffer"
import type { Listed, ListQuery } from "../beam/Listing.ts"
import { NameText } from "./ArgumentText.ts"
import { remainingMillis, scanMillis } from "./Deadline.ts"
import { amount, withArticle } from "./Quantity.ts"

/** `limit` of a list: how many rows a page may have. */
export const limitUpTo = (maximum: number, normal: number) =>
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))
    .annotate({ description: `1 to ${maximum}, default ${normal}`, default: normal })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed(normal)))

/** `cursor` of a list; what it is, is told once for all lists, in the instructions. */
export const cursor = Schema.optionalKey(Schema.String)

/** `sort_by` of a list: names ascend, figures descend. */
export const sortBy = <const Name extends string>(names: ReadonlyArray<Name>, normal: NoInfer<Name>) =>
  Schema.Literals(names)
    .annotate({ description: `Default ${normal}`, default: normal })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed(normal as Name)))

/** A name, or a part of one, that a filter looks for; as long as a result may show one. */
export const FilterText = NameText

/** What all lists tell of themselves. */
export const listOutput = { total: Schema.Int, matched: Schema.Int }

/**
 * Characters of a place in base 64. A key that a page ends with holds two names at most, each of 255 characters, which
 * are four bytes each at most.
 */
const maxPlace = 3_072

/**
 * Where a page of a list begins: see {@link ListedRow.place}. In external format, and a tuple of two: so never
 * compressed, which would let a short text become a large term on the node.
 */
export const ListPosition = Schema.Struct({
  at: Schema.String.check(Schema.isMaxLength(maxPlace), Schema.isPattern(/^g2gC[A-Za-z0-9_-]*$/u))
})
export type ListPosition = typeof ListPosition.Type

/** A place as a cursor holds it. */
export const toPosition = (place: Uint8Array): ListPosition => ({ at: Buffer.from(place).toString("base64url") })

/** The bounds of a question for a list: the page, and the time that the tool has for it. */
export const listBounds = (
  limit: number,
  after: ListPosition | undefined
): Effect.Effect<Pick<ListQuery, "after" | "deadlineMillis" | "limit">> =>
  Effect.map(remainingMillis, (left) => ({
    limit,
    deadlineMillis: scanMillis(left),
    ...(after !== undefined && { after: new Uint8Array(Buffer.from(after.at, "base64url")) })
  }))

/** The `page` of an answer that shows the rows of a list, in their order, under the name `rows`. */
export const pageOf = <const Rows extends string>(rows: Rows, listed: Listed<unknown>) => ({
  rows,
  next: listed.next && toPosition(listed.next),
  after: (row: number) => toPosition(listed.rows[row]!.place)
})

/**
 * What a summary says of the row that a list begins with; nothing on a later page, behind the cursor `after`: its first
 * row is not the first of all.
 */
export const ledBy = (first: string | undefined, after: unknown): string =>
  first === undefined || after !== undefined ? "" : `; first ${first}`

/** What a summary says where a page has no rows: why, as far as that is known. */
export const noneOf = (
  { incomplete, matched, total }: Pick<Listed<unknown>, "incomplete" | "matched" | "total">,
  isFiltered: boolean,
  singular: string,
  plural?: string
): string => {
  if (matched > 0) return `None of ${amount(matched, singular, plural)} is left here.`
  if (incomplete.includes("deadline")) return `None of ${amount(total, singular, plural)} was found in time.`
  return isFiltered ? `None of ${amount(total, singular, plural)} passes the filter.` : `There is no ${singular}.`
}

/**
 * What a page says that is not the first, in an order by what moves between two looks: figures, and what else `moves`
 * says. In a `steady` order each row comes once; the first of them is named.
 */
export const ofItsMoment = (
  after: unknown,
  sort: string,
  singular: string,
  steady: readonly [string, ...ReadonlyArray<string>],
  moves = "figures change"
): ReadonlyArray<string> =>
  after === undefined || steady.includes(sort)
    ? []
    : [
        `Each page is of its own moment: where ${moves} between them, ${withArticle(singular)} may come again, and another be missed. By ${steady[0]} each comes once.`
      ]

/** Whether a filter that was given leaves anything out. */
export const isFiltering = (filter: object): boolean => Object.keys(filter).length > 0

/** How many rows a result shows of how many: `12 tables`, `12 of 345 tables`. */
export const shownOf = (shown: number, all: number, singular: string, plural?: string): string =>
  shown === all ? amount(all, singular, plural) : `${shown} of ${amount(all, singular, plural)}`
