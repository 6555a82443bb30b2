import { Formatter } from "effect"
import { inspect } from "node:util"

/** Objects within objects that are looked into; what lies deeper is left out, as one that stands within itself is. */
const maxDepth = 12

const leftOut = "..."

type Clean = (text: string) => string

/** In place of what a getter of somebody else's raises. */
const raised = Symbol("raised")

const read = (holder: object, key: string): unknown => {
  try {
    return (holder as Readonly<Record<string, unknown>>)[key]
  } catch {
    return raised
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

/** Printing that tells no more than fields and elements do. */
const plainPrinting: ReadonlySet<unknown> = new Set(
  [Object, Array, Function, Date, RegExp].map(({ prototype }) => prototype.toString)
)

/** The ways in which a value prints itself, that its fields tell nothing of: addresses, headers and their like do so. */
const printersOf = (value: object): ReadonlyArray<() => string> => [
  ...(inspect.custom in value ? [() => inspect(value)] : []),
  // As the loggers print it, who can print more than JSON has.
  ...("toJSON" in value ? [() => Formatter.formatJson(value)] : []),
  ...("toString" in value && !plainPrinting.has(value.toString) ? [() => String(value)] : [])
]

/** What prints itself, where that is not to be seen, as it prints itself without it. */
const cleanPrinted = (value: object, clean: Clean): unknown => {
  for (const print of printersOf(value)) {
    const text = print()
    const told = clean(text)
    if (told !== text) return told
  }
  return value
}

const cleanFields = (value: object, clean: Clean, depth: number): unknown => {
  const isError = value instanceof Error
  const keys = [...new Set([...(isError ? errorKeys.filter((key) => key in value) : []), ...Object.keys(value)])]
  const held = keys.map((key) => read(value, key))
  const told = held.map((it) => (it === raised ? leftOut : cleanWithin(it, clean, depth)))
  const names = keys.map(clean)
  if (isSame(held, told) && isSame(keys, names)) return value
  // What it would print itself by is no part of what is left of it.
  const fields = Object.fromEntries(
    names.flatMap((name, at) => (typeof told[at] === "function" ? [] : [[name, told[at]]]))
  )
  // In place of one whose class would work its message out anew.
  return isError ? Object.assign(new Error(""), fields) : fields
}

const cleanHeld = (value: object, clean: Clean, depth: number): unknown => {
  if (Array.isArray(value)) return cleanArray(value, clean, depth)
  if (value instanceof Uint8Array) return cleanBytes(value, clean)
  if (value instanceof Map || value instanceof Set) {
    const all = [...(value as Iterable<unknown>)]
    const told = cleanArray(all, clean, depth)
    return told === all ? value : told
  }
  return typeof value === "function" ? value : cleanFields(value, clean, depth)
}

/** What a value is, where nothing else of it can be told. */
const typeOf = (value: object, clean: Clean): string => {
  try {
    const { name } = (Object.getPrototypeOf(value) as object).constructor
    return `[${clean(String(name))}]`
  } catch {
    return `[${typeof value}]`
  }
}

const cleanWithin = (value: unknown, clean: Clean, depth: number): unknown => {
  if (typeof value === "string") return clean(value)
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return value
  if (depth === 0) return leftOut
  try {
    const held = cleanHeld(value, clean, depth - 1)
    return held === value ? cleanPrinted(value, clean) : held
  } catch {
    // Whatever it raises here it would raise where it is printed.
    return typeOf(value, clean)
  }
}

/**
 * A value of any kind in which each text is clean: the value itself where they are, else as much of it as prints the same. For
 * what loggers print in ways of their own: errors with their fields and those behind them, and what is logged beside them.
 * What cannot be printed is replaced by its type's name.
 */
export const cleanValue = (value: unknown, clean: Clean): unknown => cleanWithin(value, clean, maxDepth)
