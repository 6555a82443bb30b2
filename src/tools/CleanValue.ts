import { inspect } from "node:util"

/** Objects within objects that are looked into; what lies deeper is left out, as one that stands within itself is. */
const maxDepth = 12

const leftOut = "..."

type Clean = (text: string) => string

/** What a getter of somebody else's raises is no reason to fail. */
const read = (holder: object, key: string): unknown => {
  try {
    return (holder as Readonly<Record<string, unknown>>)[key]
  } catch {
    return leftOut
  }
}

const isSame = (all: ReadonlyArray<unknown>, others: ReadonlyArray<unknown>): boolean =>
  all.every((it, at) => Object.is(it, others[at]))

const cleanArray = (all: ReadonlyArray<unknown>, clean: Clean, depth: number): ReadonlyArray<unknown> => {
  const told = all.map((it) => cleanWithin(it, clean, depth))
  return isSame(all, told) ? all : told
}

/** Bytes that hold a text which is not to be seen, as that text without it. */
const cleanBytes = (bytes: Uint8Array, clean: Clean): unknown => {
  const text = new TextDecoder().decode(bytes)
  const told = clean(text)
  return told === text ? bytes : told
}

/** An error prints what it holds in no enumerable fields, too; and one may be made of getters. */
const errorKeys = ["name", "message", "stack", "cause", "errors"]

/** The ways in which a value prints itself, that its fields tell nothing of: addresses, headers and their like do so. */
const printersOf = (value: object): ReadonlyArray<() => string> => [
  ...(inspect.custom in value ? [() => inspect(value)] : []),
  ...("toJSON" in value ? [() => JSON.stringify(value) ?? ""] : []),
  ...("toString" in value && value.toString !== Object.prototype.toString ? [() => String(value)] : [])
]

/** What prints itself, where that is not to be seen, as it prints itself without it. */
const cleanPrinted = (value: object, clean: Clean): unknown => {
  for (const print of printersOf(value)) {
    try {
      const text = print()
      const told = clean(text)
      if (told !== text) return told
    } catch {
      // What cannot print itself shows nothing.
    }
  }
  return value
}

const cleanObject = (value: object, clean: Clean, depth: number): unknown => {
  const isError = value instanceof Error
  const keys = [...new Set([...(isError ? errorKeys.filter((key) => key in value) : []), ...Object.keys(value)])]
  const held = keys.map((key) => read(value, key))
  const told = held.map((it) => cleanWithin(it, clean, depth))
  const names = keys.map(clean)
  if (isSame(held, told) && isSame(keys, names)) return cleanPrinted(value, clean)
  const fields = Object.fromEntries(names.map((name, at) => [name, told[at]]))
  // In place of one whose class would work its message out anew.
  return isError ? Object.assign(new Error(""), fields) : fields
}

const cleanWithin = (value: unknown, clean: Clean, depth: number): unknown => {
  if (typeof value === "string") return clean(value)
  if (typeof value !== "object" || value === null) return value
  if (depth === 0) return leftOut
  if (Array.isArray(value)) return cleanArray(value, clean, depth - 1)
  if (value instanceof Uint8Array) return cleanBytes(value, clean)
  if (value instanceof Map || value instanceof Set) {
    const all = [...(value as Iterable<unknown>)]
    const told = cleanArray(all, clean, depth - 1)
    return told === all ? value : told
  }
  return cleanObject(value, clean, depth - 1)
}

/**
 * A value of any kind in which each text is clean: the value itself where they are, else as much of it as prints the same. For
 * what loggers print in ways of their own: errors with their fields and those behind them, and what is logged beside them.
 */
export const cleanValue = (value: unknown, clean: Clean): unknown => cleanWithin(value, clean, maxDepth)
