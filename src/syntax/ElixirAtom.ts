import { escape, escaper, hex } from "./Escape.ts"

const named: Readonly<Record<string, string>> = {
  "\0": "0",
  "\x07": "a",
  "\b": "b",
  "\t": "t",
  "\n": "n",
  "\v": "v",
  "\f": "f",
  "\r": "r",
  "\x1b": "e",
  "\x7f": "d",
  "\\": "\\",
  '"': '"',
  "#{": "#{"
}

/**
 * Letters that Unicode joins with whatever follows (Grapheme_Cluster_Break=Prepend; the others of the kind are hidden
 * anyway). Elixir's tokenizer goes by clusters, and does not see a quote or a backslash right behind one.
 */
const prepended = String.raw`[\u{d4e}\u{111c2}\u{111c3}\u{1193f}\u{11941}\u{11a3a}\u{11a84}-\u{11a89}\u{11d46}\u{11f02}]`

/**
 * What Elixir escapes between double quotes, and beyond it everything hidden. `\u` where `inspect` writes `\x80`: in
 * an atom that is half a character, and does not read back.
 */
export const inQuotes = escaper(String.raw`["\\]|#\{|${prepended}`, (match) => {
  const name = named[match]
  if (name !== undefined) return `\\${name}`
  const digits = hex(match)
  if (digits.length <= 2 && match < "\x80") return `\\x${digits.padStart(2, "0")}`
  return digits.length <= 4 ? `\\u${digits.padStart(4, "0")}` : `\\u{${digits}}`
})

const quote = (name: string): string => `"${escape(name, inQuotes)}"`

const alias = /^Elixir(?:\.[A-Z]\w*)*$/u

/** Whether an atom is a module's name as Elixir makes them: `Elixir.My.Mod`. */
export const isModule = (name: string): boolean => name !== "Elixir" && alias.test(name)

/**
 * Latin letters are bare, letters of other scripts quoted: which of those the tokenizer accepts depends on the
 * release, and quotes are understood by all of them.
 */
const latin = String.raw`\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{131}\u{134}-\u{13e}\u{141}-\u{148}\u{14a}-\u{17e}`
const bare = new RegExp(`^[A-Za-z_${latin}][\\w@${latin}]*[?!]?$`, "u")

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "))

/** `Macro.classify_atom/1`: operators that are bare both as an atom and as a function's name. */
const operators = words(
  String.raw`! != !== & && &&& * ** + ++ +++ - -- --- / < <- <<< <<~ <= <> <~ <~> = == === =~ > >= >>> @ \\ ^ | |> || ||| ~> ~>>`
)
/** Bare as an atom only. */
const special = words("% %{} {} <<>> ... .. . ..// ->")
/** Bare as a function's name only. */
const deprecated = words(":: ^^^ ~~~ <|>")

/** Every name that is an atom or a key without quotes though it is no word, the longest first. */
export const operatorNames: ReadonlyArray<string> = [...operators, ...special, ...deprecated].toSorted(
  (a, b) => b.length - a.length
)

const isBare = (name: string): boolean => bare.test(name) || operators.has(name) || special.has(name)

/** An atom as a term: `:ok`, `nil`, `My.Mod`, `:"with space"`. */
export const atom = (name: string): string => {
  if (name === "nil" || name === "true" || name === "false") return name
  if (alias.test(name)) return /^Elixir\.(?!Elixir(?:\.|$))/u.test(name) ? name.slice("Elixir.".length) : name
  return isBare(name) ? `:${name}` : `:${quote(name)}`
}

/** An atom as a key of a keyword list or map, colon included: `ok:`, `"with space":`. */
export const key = (name: string): string => (isBare(name) && !alias.test(name) ? `${name}:` : `${quote(name)}:`)

/** Whether `inspect` writes a list of pairs with such a key as a keyword list: aliases are no keywords. */
export const isKeyword = (name: string): boolean => !name.startsWith("Elixir.")

const callable = (name: string): boolean =>
  operators.has(name) ||
  deprecated.has(name) ||
  (bare.test(name) && !name.includes("@") && name.charAt(0) === name.charAt(0).toLowerCase())

/** An atom as the name of a function behind its module: `run`, `"odd name"`. */
export const functionName = (name: string): string => (callable(name) ? name : quote(name))
