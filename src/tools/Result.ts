import type { Answer, Page } from "./Answer.ts"
import type { Position } from "./Cursor.ts"
import { agree } from "./Quantity.ts"
import { isEmpty, renderText } from "./Text.ts"

/** The same facts twice, each within the character budget: as an object and as text. */
export interface ToolResult {
  readonly structured: Readonly<Record<string, unknown>>
  readonly text: string
}

type Data = Readonly<Record<string, unknown>>

/** What the catalogue adds to an answer. */
export interface Frame {
  /** The full name of the node that was asked, if one was. */
  readonly node: string | undefined
  /** ISO 8601. */
  readonly asOf: string
  /** Characters that the JSON and the text may have, each. */
  readonly budget: number
  /** The cursor to a position, sealed where it would show what must not be shown, or `isHiding` says so. */
  readonly cursor: (position: Position, isHiding: boolean) => { readonly text: string; readonly isSealed: boolean }
  /** Applied to every text: takes out what must not be shown. */
  readonly clean: (text: string) => string
  /** The next useful calls, fit to be shown. */
  readonly hints: ReadonlyArray<string>
}

/** Characters for one printed term, tried in turn until the result fits, behind those near the budget. */
const termLengths = [4000, 2000, 1000, 500, 250, 120, 60]

/** As much of the budget as one term can have, and less in turn. */
const lengthsWithin = (budget: number): ReadonlyArray<number> => {
  const lengths: Array<number> = []
  for (let length = budget; length > termLengths[0]!; length = Math.floor(length * 0.8)) lengths.push(length)
  return [...lengths, ...termLengths]
}

/** Where rows can go to the next page, they do so before terms get shorter than this. */
const readableTerm = 250

const rowsOf = (page: Page | undefined, data: Data): ReadonlyArray<unknown> =>
  page === undefined ? [] : ((data[page.rows] ?? []) as ReadonlyArray<unknown>)

/** Applies `clean` to every text inside a JSON value; keys stay, they are ours. */
const cleanDeep = (clean: (text: string) => string, value: unknown): unknown => {
  if (typeof value === "string") return clean(value)
  if (Array.isArray(value)) return value.map((item) => cleanDeep(clean, item))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cleanDeep(clean, inner)]))
}

/** Leaves out what is empty, at any depth. */
const pruned = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(pruned)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]) => [key, pruned(inner)] as const)
      .filter(([, inner]) => !isEmpty(inner))
  )
}

const sealedCursor = "next_cursor is good only while this server runs: it stands behind something that is hidden."

/** The object of a result with its first `shown` rows: keys in the one order that all results have. */
const assemble = (
  answer: Answer<object, string>,
  data: Data,
  shown: number,
  termCharacters: number,
  frame: Frame
): Data => {
  const { page } = answer
  const rows = rowsOf(page, data)
  const missing = rows.length - shown
  const next = missing === 0 ? page?.next : shown > 0 ? page?.after?.(shown - 1) : undefined
  const cursor = next && frame.cursor(next, page?.isHiding ?? false)
  const lost = missing > 0 && next === undefined
  const note = lost
    ? `${missing} more did not fit into ${frame.budget} characters and ${agree(missing, "is", "are")} left out: ask for fewer, or filter.`
    : `${missing} of this page did not fit into ${frame.budget} characters: next_cursor goes on after the last one shown.`
  const cut = answer.cut?.(termCharacters, shown)
  const told = {
    summary: typeof answer.summary === "function" ? answer.summary(shown) : answer.summary,
    node: frame.node,
    as_of: frame.asOf,
    complete: (answer.complete ?? true) && cut === undefined && !lost,
    notes: [
      ...(answer.notes ?? []),
      ...(cut === undefined ? [] : [cut]),
      ...(missing > 0 ? [note] : []),
      ...(cursor?.isSealed === true ? [sealedCursor] : [])
    ],
    ...data,
    ...(page === undefined ? {} : { [page.rows]: rows.slice(0, shown) })
  }
  return {
    ...(cleanDeep(frame.clean, told) as Data),
    next_cursor: cursor?.text,
    hints: frame.hints
  }
}

/**
 * The result of an answer: as an object and as text with the same facts, both within the budget. What does not fit
 * gives way in this order: long terms are printed shorter, then rows move to the next page, and the notes say so.
 * `undefined` when not even that is enough.
 */
export const resultOf = (answer: Answer<object, string>, frame: Frame): ToolResult | undefined => {
  const fitting = (data: Data, shown: number, termCharacters: number): ToolResult | undefined => {
    const told = assemble(answer, data, shown, termCharacters, frame)
    const structured = pruned(told) as Data
    if (JSON.stringify(structured).length > frame.budget) return undefined
    const text = renderText(told)
    return text.length > frame.budget ? undefined : { structured, text }
  }
  const { data: source } = answer
  const dataFor = (typeof source === "function" ? source : () => source) as (termCharacters: number) => Data

  const lengths = typeof source === "function" ? lengthsWithin(frame.budget) : [readableTerm]
  const isPaged = answer.page?.after !== undefined

  for (const length of lengths.filter((it) => !isPaged || it >= readableTerm)) {
    const data = dataFor(length)
    const whole = fitting(data, rowsOf(answer.page, data).length, length)
    if (whole !== undefined) return whole
  }
  for (const length of lengths.filter((it) => it <= readableTerm)) {
    const data = dataFor(length)
    let [low, high] = [0, rowsOf(answer.page, data).length + 1]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (fitting(data, middle, length) === undefined) high = middle
      else low = middle
    }
    if (low > 0) return fitting(data, low, length)
  }
  return undefined
}
