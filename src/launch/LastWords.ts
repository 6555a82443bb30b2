import { visible } from "../syntax/Escape.ts"

/** Takes the secrets out of a text of several lines. */
export type Clean = (text: string) => string

/** Characters that are shown of what a command says: its last ones, where it says why it ends. */
const maxShown = 600

/**
 * Characters that are kept of it at least, far more than are shown: what is a secret is seen only where it is whole. Up to
 * twice as many are, so that not each piece is copied.
 */
const maxKept = 16_384

/** Where a block in the manner of PEM begins or ends, of whatever kind: what it holds is nothing that explains an error. */
const edge = /-{4,5} ?(?<which>BEGIN|END) [\w ]{1,60}-{4,5}/gu

/** Whether a line may be of a block that has lost its beginning or its end: base 64, and be it only in a part, or a header. */
const isOfBlock = (line: string): boolean =>
  /^[A-Za-z\d+/=\s\\]*$/u.test(line) ||
  /[A-Za-z\d+/]{16}/u.test(line) ||
  /^(?:Proc-Type|DEK-Info|Version|Comment): /u.test(line)

/** Characters of the first of these lines that may be of such a block, with their ends; `front` stands in front of each. */
const ofBlock = (lines: ReadonlyArray<string>, front: string): number => {
  const first = lines.findIndex((line) => !isOfBlock(line.startsWith(front) ? line.slice(front.length) : line))
  return (first === -1 ? lines : lines.slice(0, first)).reduce((sum, line) => sum + line.length + 1, 0)
}

/** What stands on the last line of a text: in front of a block whatever is in front of all its lines, such as `debug1: `. */
const frontOf = (text: string): string => text.slice(text.lastIndexOf("\n") + 1)

/** What is left of a text, and the beginning of the block that is open at its end, with what is in front of it. */
interface Unblocked {
  readonly shown: string
  readonly open?: string
}

/** A text that ends in the rest of a block, without that. Where the beginning of the text was cut off, all of it may be that. */
const withoutRest = (text: string, isCut: boolean): string => {
  const left = isCut ? 0 : text.length - ofBlock(text.split("\n").toReversed(), frontOf(text))
  return left <= 0 ? "" : `${text.slice(0, left)}\n`
}

/** A text without its blocks, and without what is left of them where their beginning or their end is not in it. */
const withoutBlocks = (text: string, isCut: boolean): Unblocked => {
  let shown = ""
  let from = 0
  let begun: RegExpExecArray | undefined
  for (const found of text.matchAll(edge)) {
    if (found.groups?.["which"] === "BEGIN") {
      begun ??= found
      continue
    }
    const front = text.slice(from, begun?.index ?? found.index)
    shown += `${begun === undefined ? withoutRest(front, isCut && from === 0) : front}[redacted]`
    from = found.index + found[0].length
    begun = undefined
  }
  if (begun === undefined) return { shown: shown + text.slice(from) }
  const front = frontOf(text.slice(0, begun.index))
  const behind = text.slice(begun.index + begun[0].length)
  const rest = behind.slice(ofBlock(behind.split("\n"), front))
  shown += `${text.slice(from, begun.index)}[redacted]`
  return rest === "" ? { shown, open: front + begun[0] } : { shown: `${shown}\n${rest}` }
}

/** What a command has said last in one of its outputs, kept so that whatever is a secret in it can be told. */
export class LastWords {
  #kept = ""
  /** Whether something was said before what is kept. */
  isCut = false
  /** Whether the line that is being said is too long to be kept: no cut within it could be told from one in a secret. */
  #isSkipping = false

  get isEmpty(): boolean {
    return this.#kept === "" && !this.isCut
  }

  add(text: string): void {
    const end = this.#isSkipping ? text.search(/[\r\n]/u) : 0
    if (end === -1) return
    this.#isSkipping = false
    this.#kept += text.slice(end)
    if (this.#kept.length <= 2 * maxKept) return
    const isAlreadyCut = this.isCut
    this.isCut = true
    const from = this.#kept.length - maxKept
    const length = this.#kept.slice(from).search(/[\r\n]/u)
    this.#isSkipping = length === -1
    const at = length === -1 ? this.#kept.length : from + length + 1
    const { open } = withoutBlocks(lined(this.#kept.slice(0, at)), isAlreadyCut)
    // The rest of a block is told by its beginning.
    this.#kept = `${open === undefined ? "" : `${open}\n`}${this.#kept.slice(at)}`
  }

  /** Its lines without secrets, and without those that say the same as the one before: each try in vain may be told alike. */
  lines(clean: Clean): ReadonlyArray<string> {
    const { shown } = withoutBlocks(lined(this.#kept), this.isCut)
    // The line that is being said may end within a secret, which is known by its beginning in front of such a mark.
    const isOpen = shown !== "" && !shown.endsWith("\n")
    const cleaned = clean(isOpen ? `${shown}…` : shown)
    const lines = (isOpen && cleaned.endsWith("…") ? cleaned.slice(0, -1) : cleaned)
      .split("\n")
      .map((line) => line.trim())
    return lines.filter((line, at) => line !== "" && line !== lines[at - 1])
  }
}

const lined = (text: string): string => text.replace(/\r\n?/gu, "\n")

/** The end of what was said, in one line and without secrets: what stands in the last of the outputs comes last. */
export const shownOf = (outputs: ReadonlyArray<LastWords>, clean: Clean): string => {
  const text = visible(outputs.flatMap((output) => output.lines(clean)).join(" | "))
  return text.length > maxShown || outputs.some(({ isCut }) => isCut)
    ? `…${text.slice(1 - maxShown).trimStart()}`
    : text
}
