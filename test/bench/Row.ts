import { availableParallelism, cpus, loadavg } from "node:os"

/** One line of the table: what was measured, beside what it was measured against in the same run. */
export interface Row {
  readonly what: string
  readonly ours: number
  readonly unit: "us" | "ms" | "calls/s" | "B" | "KB" | ""
  /** `by` names who did the same. Without a reference the goal is for `ours` itself. */
  readonly reference?: {
    readonly by: string
    readonly value: number
    readonly ratio: number
    /** The lowest and the highest of the ratios whose median `ratio` is, where there were several. */
    readonly spread?: readonly [number, number]
  }
  readonly goal?: readonly ["≤" | "≥", number]
}

/** The middle one, or the upper of the two in the middle. */
export const median = (figures: ArrayLike<number>): number =>
  Array.from(figures).toSorted((a, b) => a - b)[Math.floor(figures.length / 2)]!

/**
 * A row out of two series that were taken in turns, one figure a round. Both are shown by their medians; the ratio is
 * the median of the rounds' ratios, so that what else the machine did in a round cancels out.
 */
export const compare = (
  what: string,
  unit: Row["unit"],
  ours: ReadonlyArray<number>,
  by: string,
  reference: ReadonlyArray<number>,
  options: { readonly goal?: Row["goal"]; readonly ratio?: "ours/reference" | "reference/ours" } = {}
): Row => {
  const ratios = ours.map((figure, round) =>
    options.ratio === "reference/ours" ? reference[round]! / figure : figure / reference[round]!
  )
  return {
    what,
    ours: median(ours),
    unit,
    reference: {
      by,
      value: median(reference),
      ratio: median(ratios),
      spread: [Math.min(...ratios), Math.max(...ratios)]
    },
    ...(options.goal === undefined ? {} : { goal: options.goal })
  }
}

/** Whether the goal of a row, if it has one, is reached. */
export const isMet = ({ goal, ours, reference }: Row): boolean => {
  if (goal === undefined) return true
  const [relation, bound] = goal
  const figure = reference === undefined ? ours : reference.ratio
  return relation === "≤" ? figure <= bound : figure >= bound
}

const digits = (figure: number): string =>
  figure >= 1000 ? figure.toFixed(0) : figure >= 100 ? figure.toFixed(0) : figure.toFixed(figure >= 10 ? 1 : 2)

const cells = (row: Row, load: number): ReadonlyArray<string> => {
  const { goal, ours, reference, unit, what } = row
  return [
    what,
    `${digits(ours)} ${unit}`.trimEnd(),
    reference === undefined ? "" : `${digits(reference.value)} ${unit}`.trimEnd(),
    reference?.by ?? "",
    reference === undefined ? "" : `${reference.ratio.toFixed(2)}x`,
    reference?.spread === undefined ? "" : reference.spread.map((ratio) => ratio.toFixed(2)).join(" to "),
    goal === undefined ? "" : `${goal[0]} ${goal[1]}${reference === undefined ? ` ${unit}`.trimEnd() : "x"}`,
    goal === undefined ? "" : isMet(row) ? "met" : "MISSED",
    load.toFixed(1)
  ]
}

const headings = ["", "ours", "reference", "", "ratio", "of", "goal", "", "load"]
const isNumber = [false, true, true, false, true, true, true, false, true]

/** Rows as they come, each with the load that the machine was under, printed once they are all there. */
export class Table {
  readonly #lines: Array<ReadonlyArray<string>> = [headings]

  add(row: Row): void {
    this.#lines.push(cells(row, loadavg()[0]!))
  }

  toString(): string {
    const widths = headings.map((_, column) => Math.max(...this.#lines.map((line) => line[column]!.length)))
    const padded = (cell: string, column: number) =>
      isNumber[column] === true ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
    return this.#lines.map((line) => line.map(padded).join("  ").trimEnd()).join("\n")
  }
}

/** The machine that the figures are of. */
export const machine = (): string => `${availableParallelism()} x ${cpus()[0]?.model.trim() ?? "unknown"}`
