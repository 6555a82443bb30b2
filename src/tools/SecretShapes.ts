import { isCookieKey, isCookieName, isSecretName } from "./SecretNames.ts"

/** What stands in the place of a secret. */
export const redacted = "[redacted]"

/** In front of a token: nothing that belongs to it. The letter of an escape (`\n`) does not. */
const front = String.raw`(?:(?<![A-Za-z\d_-])|(?<=\\[abefnrstv]))`

/** What begins the tokens of services, long enough to be taken for nothing else. */
const tokens = [
  "gh[pousr]_|github_pat_|glpat-|npm_|pypi-|dop_v1_|hf_",
  String.raw`xox[abeoprs]-|[rs]k_(?:live|test)_|whsec_|sk-|AIza|SG\.|shp(?:at|ss|ca)_`
].join("|")

/** A user, or a server, in front of its password: not a host in front of its port. */
const addressFront = String.raw`[a-z][a-z\d+.-]{0,20}:\/\/(?:[^\s:@/"'\\]{1,100}:(?!\d{1,5}(?![^\s/?#,;)\]}>"'\\]))|:)`

/**
 * What is a secret whatever stands around it: what it looks like, and what is left of it. A text may be cut anywhere:
 * ends are optional.
 */
const tellingByThemselves: ReadonlyArray<readonly [RegExp, string]> = [
  // A private key, its headers and its base 64.
  [
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[A-Z][A-Za-z-]{2,20}: [^\\\n]*|[A-Za-z\d+/=\s]|\\[nr\\])*(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?/gu,
    redacted
  ],
  // A JSON Web Token.
  [/eyJ[\w-]{8,}(?:\.[\w-]*){0,2}/gu, redacted],
  // A key of AWS.
  [new RegExp(String.raw`${front}(?:AKIA|ASIA)[A-Z\d]{12,}`, "gu"), redacted],
  // Tokens of services.
  [new RegExp(String.raw`${front}(?:${tokens})[\w.-]{16,}`, "gu"), redacted],
  // A token of Vault: behind its kind 24 letters and figures, or more; unlike the name of a host, or of a method, it has
  // figures among them, or many capitals.
  [new RegExp(String.raw`${front}hv[bsr]\.(?=[\w-]*\d|(?:[\w-]*?[A-Z]){6})(?=[\w-]*[A-Z])[\w-]{16,}`, "gu"), redacted],
  // An identity of age, in Bech32.
  [new RegExp(String.raw`${front}AGE-SECRET-KEY-(?:PQ-)?1[A-Z\d]{8,}`, "gu"), redacted],
  // What signs an address for whoever has it, as of Azure, AWS and Google: base 64 or 16.
  [
    /((?:[?&;]|\\u0026|SharedAccessSignature[ =])(?:sig|(?:X-(?:Amz|Goog)-)?Signature)=)(?=[\w%+/~.-]*[A-Z\d%])[\w%+/~.-]{16,}=*/gu,
    `$1${redacted}`
  ],
  [/(hooks\.slack\.com\/[a-z]{1,20}\/)[\w/-]{8,}/giu, `$1${redacted}`],
  // What authorizes a request.
  [/(Bearer) +(?=[\w.~+/-]*[\d.])[\w.~+/-]{8,}=*/giu, `$1 ${redacted}`],
  [/(Basic) +(?=[A-Za-z\d+/]*[\d=])[A-Za-z\d+/]{8,}=*/gu, `$1 ${redacted}`],
  // The password behind a user, as curl takes them: not a group, nor a file of a host.
  [
    /(?<![\w-])((?:-u|--user|--proxy-user)[ \t=]{1,4}["']?[^\s:@/"'\\-][^\s:@/"'\\]{0,99}:)(?!\d{1,5}(?![^\s"'\\]))[^\s/"'\\][^\s"'\\]*/gu,
    `$1${redacted}`
  ],
  // The same without a scheme, behind the name that an address has where it was parsed.
  [
    /(\bauthority["']?(?:>>)?\s{0,4}(?::|=>|=|,)\s{0,4}(?:<<|~[a-z])?\\{0,8}["'][^\s:@/"'\\]{0,100}:)[^\s"'\\]{1,200}@/giu,
    `$1${redacted}@`
  ],
  // The password of an address: up to the last @ before white space, a quote, or another address.
  [new RegExp(String.raw`(${addressFront})(?:(?!:\/\/)[^\s"'\\]){1,200}@`, "giu"), `$1${redacted}@`]
]

/** The name of what may be a secret: a word, with what opens and closes it as a key or as an option. */
const name = new RegExp(
  String.raw`(?:(?<![\w\\-])|(?<=\\[abefnrtv]))-{0,2}(?<name>[A-Za-z_][\w-]*)(?:\\{0,8}["'])?(?:>>|\(\))?`,
  "gu"
)

/** What quotes hold, up to their end or that of the text; within, quotes are escaped once more. */
const quoted = String.raw`(?<kept>(?:<<|:|~[a-z])?(?<quote>\\{0,8}["']))(?:(?!\k<quote>)(?:\\{2,16}["']|\\[^]|[^\\]))+(?:(?=\k<quote>)|$)`

/** The same, unless it is itself a key. */
const quotedValue = String.raw`${quoted}(?!\k<quote>(?:>>)?\s{0,4}(?:=>|:(?!:)))`

/** What may stand behind a value without quotes. */
const ends = String.raw`(?=\s{0,4}(?:[,;)}\]\\"'&]|$)|\s)`

/** What begins a function or another expression, of which more follows: `fun lists:map/2`. */
const expression = String.raw`(?!(?:fun|fn|case|if|begin|try|receive|catch|not)\s)`

/** An atom or a long number, as terms have them; those atoms that say that there is no secret are none. */
const bare = String.raw`(?::?(?!(?:true|false|nil|null|undefined)(?![\w@]))${expression}[A-Za-z_][\w@]*|\d{6,})${ends}`

/** Whatever stands between blanks, commas and brackets; `lone`, where that is no call. */
const word = String.raw`(?:\[redacted\]|[^\s"'&,;)}\]\\])+`
const lone = String.raw`${expression}(?:\[redacted\]|[^\s"'&,;(){}[\]<>\\])+(?=[\s"'&,;)}\]\\]|$)`

/** How a secret is written behind its name. */
interface Setting {
  /** In front of the name. */
  readonly front?: RegExp
  /** Between the name and the value. */
  readonly joint: RegExp
  /** The value: in `kept`, what of it is left as it is. */
  readonly value: RegExp
  /** Whether more values may follow. */
  readonly isRun?: boolean
}

const sticky = (source: string): RegExp => new RegExp(source, "iuy")

const settings: ReadonlyArray<Setting> = [
  // KEY=value; key = "…"; key = value, where that is no code.
  { joint: sticky("=(?!=|>|~|:=|/=)"), value: sticky(`${quoted}|${word}`) },
  { joint: sticky(String.raw`[ \t]{0,4}=[ \t]{0,4}(?!=|>|~|:=|\/=)`), value: sticky(`${quoted}|${lone}`) },
  // "key": "…"; key: "…"; key: :atom
  { joint: sticky(String.raw`\s{0,4}:\s{0,4}`), value: sticky(quoted) },
  { joint: sticky(String.raw`:\s{1,4}`), value: sticky(String.raw`(?=:|\d)${bare}`) },
  // Headers, and lines of a log: Key: value, at the beginning of a line.
  {
    front: sticky(String.raw`(?<=(?:^|[\r\n]|\\[rn])[ \t]{0,8})`),
    joint: sticky(String.raw`:[ \t]{1,8}`),
    value: sticky(String.raw`(?!["'\s:%\[{#<]|(?:nil|null|true|false|undefined|\d+)(?![\w-]))[^\r\n\\"]+`)
  },
  // The same in the middle of a line, where it is no word of a sentence, no atom and no path: a figure is in it. A module of
  // Elixir's with a figure in its name goes, too: nothing tells `Phoenix.Token2` from a password that is made as asked for.
  {
    joint: sticky(String.raw`:[ \t]{1,4}`),
    value: sticky(String.raw`(?![/.~])(?=[^\s\d]*\d)(?=[^\sa-z]*[a-z])[\w.~+/=-]{8,}${ends}`)
  },
  // key => <<"…">>, key => atom; key() -> "…"
  { joint: sticky(String.raw`\s{0,4}=>\s{0,4}`), value: sticky(`${quoted}|${bare}`) },
  { joint: sticky(String.raw`\s{0,4}->\s{0,4}`), value: sticky(quoted) },
  // -setcookie node@host value; --key value; "--key", "value"
  {
    front: sticky("-"),
    joint: sticky(String.raw`(?<!["'])[ \t]{1,4}(?:[^\s@"'-][^\s@"']*@[^\s"']+[ \t]+(?!-))?|\s{0,4},\s{0,4}`),
    value: sticky(String.raw`${quotedValue}|(?!-)(?:${word})`)
  },
  // {key, value, value}; f(x, key, "…")
  {
    front: sticky(String.raw`(?<=\{\s{0,4}:?(?:<<)?\\{0,8}["']?)`),
    joint: sticky(String.raw`\s{0,4},\s{0,4}`),
    value: sticky(`${quotedValue}|${bare}`),
    isRun: true
  },
  {
    front: sticky(String.raw`(?<=\((?:[^()[\]{}"'\n]{1,80},)?\s{0,4}:?(?:<<)?\\{0,8}["']?)`),
    joint: sticky(String.raw`\s{0,4},\s{0,4}`),
    value: sticky(quotedValue)
  },
  // @key "…"; '--key' '…'; not "…" "…", which is a list of texts in LFE
  { joint: sticky(String.raw`(?<!["'])[ \t]{1,4}`), value: sticky(quotedValue) },
  { front: sticky("-"), joint: sticky(String.raw`[ \t]{1,4}`), value: sticky(quotedValue) }
]

const at = (pattern: RegExp, text: string, index: number): RegExpExecArray | undefined => {
  pattern.lastIndex = index
  return pattern.exec(text) ?? undefined
}

const closing = sticky(String.raw`(?:\\{0,8}["'])?(?:>>)?`)

/** Whether, place by place from the beginning of a text on, a string in double quotes is open there. */
const quoting = (text: string): ((index: number) => boolean) => {
  let at = 0
  let isOpen = false
  return (index) => {
    for (; at < index; at++) {
      const char = text[at]
      if (char === "\\") at += 1
      else if (char === '"') isOpen = !isOpen
      else if (char === "\n") isOpen = false
    }
    return isOpen
  }
}

/** What follows the quote that ends a string: `"Enter password: ", 1` has no secret behind the name. */
const behindString = sticky(String.raw`>>|[\s,;)\]}]|$`)

/** Where the values begin and end that are written in this way behind a name, which a string may be open around. */
const valuesOf = (
  setting: Setting,
  text: string,
  start: number,
  end: number,
  isInString: boolean
): ReadonlyArray<readonly [number, number]> => {
  const found: Array<readonly [number, number]> = []
  if (setting.front !== undefined && at(setting.front, text, start) === undefined) return found
  let next = end
  do {
    const joint = at(setting.joint, text, next)
    const value = joint && at(setting.value, text, next + joint[0].length)
    if (value === undefined) return found
    const { kept, quote } = value.groups ?? {}
    const first = value.index + (kept?.length ?? 0)
    if (isInString && quote === '"' && at(behindString, text, first) !== undefined) return found
    const to = value.index + value[0].length
    found.push([first, to])
    next = to + (at(closing, text, to)?.[0].length ?? 0)
  } while (setting.isRun === true)
  return found
}

const firstValues = (
  text: string,
  start: number,
  end: number,
  isInString: boolean
): ReadonlyArray<readonly [number, number]> => {
  for (const setting of settings) {
    const values = valuesOf(setting, text, start, end, isInString)
    if (values.length > 0) return values
  }
  return []
}

/**
 * The folder that a shell is in: a setting by itself, none of several of an address, as `UID=sa;PWD=…;`, and no base 64, which
 * may begin as a path does, and ends in `=`.
 */
const workingFolder = /(?<![^\s])(?:OLD)?PWD=["']?\/[^\s;]*(?<!=["']?)(?:\s|$)/uy

/** A text without what is written as the value of such a name: in settings, options, headers, JSON, source and terms. */
const withoutSettings = (text: string, isName: (name: string, isOption: boolean) => boolean): string => {
  let shown = ""
  let from = 0
  const isInString = quoting(text)
  name.lastIndex = 0
  for (let match = name.exec(text); match !== null; match = name.exec(text)) {
    const end = name.lastIndex
    if (!isName(match.groups!["name"]!, match[0].startsWith("-"))) continue
    if (at(workingFolder, text, match.index) !== undefined) continue
    const values = firstValues(text, match.index, end, isInString(match.index))
    for (const [first, last] of values) {
      shown += text.slice(from, first) + redacted
      from = last
    }
    name.lastIndex = Math.max(end, from)
  }
  return shown + text.slice(from)
}

/** A text without the cookies of nodes, which nobody is ever shown, as far as what stands in front tells of them. */
export const withoutCookies = (text: string): string =>
  withoutSettings(text, (name, isOption) => (isOption ? isCookieKey(name) : isCookieName(name)))

const looked = (text: string): string =>
  withoutSettings(
    tellingByThemselves.reduce((rest, [shape, left]) => rest.replace(shape, left), text),
    isSecretName
  )

/** Rounds after which nothing is left to be found in any text but one made for it. */
const maxRounds = 8

/**
 * A text without the secrets that are known by their shape: keys, tokens, passwords in addresses and in settings. Where
 * one is gone another may come to light, so it is looked at until nothing changes.
 */
export const withoutShapes = (text: string): string => {
  let shown = text
  for (let round = 0; round < maxRounds; round++) {
    const next = looked(shown)
    if (next === shown) break
    shown = next
  }
  return shown
}
