type Row = Readonly<Record<string, unknown>>

/** A cell wider than this does not widen its column. */
const maxColumnWidth = 40

/** What stands in a table where a row has no value. */
const absent = "-"

/** What a result leaves out. */
export const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0)

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value)

/** Values side by side, apart from each other also where they have commas themselves. */
const joined = (values: ReadonlyArray<string>): string =>
  values.join(values.some((value) => value.includes(",")) ? "; " : ", ")

/**
 * A value on one line. A text that could be misread there (empty, a dash, outer or double spaces) is quoted. What is
 * inside of an object or an array is written out, not quoted as JSON would: it can be copied from here.
 */
const inline = (value: unknown): string => {
  if (isEmpty(value)) return absent
  if (Array.isArray(value)) return joined(value.map(inline))
  if (isRow(value)) {
    const told = Object.entries(value).filter(([, inner]) => !isEmpty(inner))
    return joined(told.map(([key, inner]) => `${key}: ${inline(inner)}`))
  }
  if (typeof value !== "string") return JSON.stringify(value)
  return value === "" || value === absent || /^\s|\s$|\s{2}|\n/u.test(value) ? JSON.stringify(value) : value
}

const indent = (lines: ReadonlyArray<string>): ReadonlyArray<string> => lines.map((line) => `  ${line}`)

/** The fields that some row has a value for. */
const columnsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<string> =>
  [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((key) => rows.some((row) => row[key] !== undefined))

const table = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const columns = columnsOf(rows)
  const lines = [columns, ...rows.map((row) => columns.map((column) => inline(row[column])))]
  const widths = columns.map((_, at) => Math.max(...lines.map((cells) => Math.min(cells[at]!.length, maxColumnWidth))))
  return lines.map((cells) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join("  ")
      .trimEnd()
  )
}

const list = (key: string, items: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  if (items.every(isRow)) return [`${key} (${items.length}):`, ...indent(table(items))]
  const cells = items.map(inline)
  return cells.some((cell) => cell.length > 60 || cell.includes(","))
    ? [`${key}:`, ...cells.map((cell) => `- ${cell}`)]
    : [`${key}: ${cells.join(", ")}`]
}

const field = (key: string, value: unknown): ReadonlyArray<string> => {
  if (isEmpty(value)) return []
  if (Array.isArray(value)) return list(key, value)
  if (isRow(value)) {
    const lines = Object.entries(value).flatMap(([name, inner]) => field(name, inner))
    return lines.length === 0 ? [] : [`${key}:`, ...indent(lines)]
  }
  if (typeof value === "string" && value.includes("\n")) return [`${key}:`, ...indent(value.split("\n"))]
  return [`${key}: ${inline(value)}`]
}

/**
 * A result as text: the same facts as the object holds, in the same order, without what is empty. The summary stands
 * alone on the first line, arrays of objects become tables, the rest `key: value`.
 */
export const renderText = ({ summary, ...fields }: Row): string =>
  [
    ...(summary === undefined ? [] : [String(summary)]),
    ...Object.entries(fields).flatMap(([key, value]) => field(key, value))
  ].join("\n")
