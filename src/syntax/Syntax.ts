import { Binary, LargeInteger, type Term } from "../etf/Term.ts"
import { escape, type Escaper, escapeWithin } from "./Escape.ts"
import { leftOut, type LeftOut, withoutDots } from "./LeftOut.ts"

/** The syntaxes that terms can be written in. */
export type SyntaxName = "erlang" | "elixir" | "gleam" | "lfe"

/** Terms as text, the way one language's shell writes them. */
export interface Syntax {
  readonly name: SyntaxName
  /** A term on one line. Safe to show whatever the term holds; reads back in the shell unless something was cut. */
  readonly print: (term: Term, options?: PrintOptions) => Printed
  /** An atom by its name, quoted where the language needs it: `ok` and `:ok`. */
  readonly atom: (name: string) => string
  /** A function the way the language names it, to be read back by `parseMfa`: `lists:map/2`, `:lists.map/2`, `My.Mod.run/1`. */
  readonly mfa: (module: string, name: string, arity: number) => string
}

/** What to print of a term. Without limits all of it is printed. */
export interface PrintOptions {
  /** The node that the term came from: its own pids, ports and references print with a first number of 0. */
  readonly node?: string
  /** That node's creation: what belongs to an earlier incarnation of it is marked, and does not read back. Default: any. */
  readonly creation?: number
  /** Collections inside each other; what lies deeper is counted, not shown. */
  readonly depth?: number
  /** Elements of one collection (bytes of a binary that is no text); strings are bounded by `maxCharacters` alone. */
  readonly width?: number
  /** Length of the text, in UTF-16 code units. At least 3 are used. */
  readonly maxCharacters?: number
  /** What to print in place of a term, for each term that is come to. No more than `room` elements of it can be shown. */
  readonly mask?: (term: Term, room: number) => Term
}

export interface Printed {
  readonly text: string
  /** Whether the text is the whole term. Where something was cut, `... 997 more` stands in its place. */
  readonly complete: boolean
}

/**
 * What a term looks like: one token; a collection of further terms; or a string literal, the only thing that can be
 * cut inside. `undefined`: it is longer than the room there is.
 */
export type Shape = string | Collection | Literal | undefined

/** Decides the shape of a term, looking at no more of it than `room` characters could show. */
export type Shaper = (term: Exclude<Term, LargeInteger>, room: number) => Shape

export interface Collection {
  readonly open: string
  readonly close: string
  readonly separator: string
  /** In place of `separator` before the last element: the bar of an improper list. */
  readonly lastSeparator?: string
  readonly size: number
  /** How many of them are there, where the node has left out the others. Default: all. */
  readonly there?: number
  /** The tokens and terms that one element is made of, in order. */
  readonly element: (index: number) => ReadonlyArray<string | Term>
  /** For the terms inside, where they are written differently from those outside. */
  readonly shaper?: Shaper
}

export interface Literal {
  readonly open: string
  readonly close: string
  /** What stands in place of `close` where the literal is cut and this much of `size` is left out. */
  readonly cut: (left: number) => string
  /** The text, or as much of its beginning as could be shown. */
  readonly text: string
  /** In the unit of the term: bytes of a binary, elements of a list. */
  readonly size: number
  /** How much of `size` a part of the text stands for. */
  readonly measure: (text: string) => number
  readonly escaper: Escaper
}

/** What stands for elements that are not shown. No expression of any of the languages, so never taken for a part of the term. */
export const more = (count: number): string => `... ${count} more`

const dot = 46

/**
 * What stands for the rest of a text, of which these are the codes. A text that ends in dots is taken for one that was
 * cut before it came here: how much is missing of that, nobody knows.
 */
export const moreOf = (codes: ArrayLike<unknown>, count: number, unit = ""): string => {
  const isCut = codes.length >= 3 && [1, 2, 3].every((back) => codes[codes.length - back] === dot)
  return isCut ? "..." : `${more(count)}${unit}`
}

/** Prints a term in the given shapes within the limits. Time and space grow with the text, not with the term. */
export const print = (term: Term, shaper: Shaper, options: PrintOptions): Printed =>
  // First as if it fitted: only a term that turns out too long pays for room kept free for the marks of what is cut.
  new Printing(shaper, options, false).run(term) ?? new Printing(shaper, options, true).run(term)!

/** A collection being printed. */
interface Frame {
  readonly collection: Collection
  readonly shaper: Shaper
  index: number
  parts: ReadonlyArray<string | Term>
  part: number
  /** Where the current element began, to take it back when it turns out not to fit. */
  pieces: number
  length: number
  /** Room kept free to say how many elements are left out after the current one. */
  mark: number
}

const nothing: ReadonlyArray<never> = []

/** Bytes that are no text in any of the languages. */
const noText = new Binary(Uint8Array.of(128))

class Printing {
  private readonly pieces: Array<string> = []
  private readonly frames: Array<Frame> = []
  private length = 0
  private complete = true
  /** Room kept free: what closes the open collections, and their marks. */
  private closes = 0
  private marks = 0
  private readonly shaper: Shaper
  private readonly depth: number
  private readonly width: number
  private readonly max: number
  private readonly mask: ((term: Term, room: number) => Term) | undefined
  /** Whether the term is known to be too long: then every open collection keeps room for a mark. */
  private readonly tight: boolean

  constructor(shaper: Shaper, options: PrintOptions, tight: boolean) {
    this.shaper = shaper
    this.depth = options.depth ?? Infinity
    this.width = options.width ?? Infinity
    this.max = options.maxCharacters ?? Infinity
    this.mask = options.mask
    this.tight = tight
  }

  /** `undefined` when the term does not fit and no room was kept for saying so. */
  run(term: Term): Printed | undefined {
    if (!this.place(term)) return this.tight ? { text: "...", complete: false } : undefined
    for (let frame = this.frames.at(-1); frame !== undefined; frame = this.frames.at(-1)) {
      if (this.advance(frame)) continue
      if (!this.tight) return undefined
      this.takeBack(frame)
    }
    return { text: this.pieces.join(""), complete: this.complete }
  }

  /** The next step in a collection; `false` when it does not fit. */
  private advance(frame: Frame): boolean {
    const next = frame.parts[frame.part]
    if (next !== undefined) {
      frame.part += 1
      return typeof next === "string" ? this.put(next) : this.place(next)
    }
    const index = frame.index + 1
    if (index === frame.collection.size) return this.close(frame)
    const most = Math.min(this.width, frame.collection.there ?? Infinity)
    return index < most ? this.begin(frame, index) : this.cut(frame, index)
  }

  private room(): number {
    return this.max - this.length - this.closes - this.marks
  }

  private put(token: string): boolean {
    if (token.length > this.room()) return false
    this.pieces.push(token)
    this.length += token.length
    return true
  }

  private place(term: Term): boolean {
    const shaper = this.frames.at(-1)?.shaper ?? this.shaper
    const room = this.room()
    const cut = leftOut(term)
    const shape = cut === undefined ? this.shape(term, shaper, room) : this.shapeOfCut(cut, shaper, room)
    if (shape === undefined) return false
    if (typeof shape === "string") return this.put(shape)
    return "text" in shape ? this.placeLiteral(shape) : this.open(shape, shape.shaper ?? shaper)
  }

  private shape(term: Term, shaper: Shaper, room: number): Shape {
    return this.shaped(this.masked(term, room), shaper, room)
  }

  /** Of an integer that no text has room for its size is told. */
  private shaped(term: Term, shaper: Shaper, room: number): Shape {
    if (!(term instanceof LargeInteger)) return shaper(term, room)
    this.complete = false
    return `... ${term.bits} bits`
  }

  private masked(term: Term, room: number): Term {
    return this.mask === undefined ? term : this.mask(term, room)
  }

  /** What the node has left out of a term is told in the way in which what is left out here is. */
  private shapeOfCut({ count, term }: LeftOut, shaper: Shaper, room: number): Shape {
    this.complete = false
    if (term === undefined) return "..."
    // The mask knows by its dots that a text was cut.
    const masked = this.masked(term, room)
    if (masked !== term && masked instanceof Binary) return shaper(masked, room)
    const shown = withoutDots(masked)
    const isNoText = shown instanceof Binary && shown.length === 0
    const shape = this.shaped(isNoText ? noText : shown, shaper, room)
    if (shape === undefined || typeof shape === "string") return shape
    if (!("text" in shape)) {
      const there = isNoText ? 0 : shape.size
      return { ...shape, size: there + count, there }
    }
    return { ...shape, size: shape.size + count }
  }

  private open(collection: Collection, shaper: Shaper): boolean {
    const { open, close, size } = collection
    if (size > 0 && (this.frames.length >= this.depth || this.width < 1)) {
      if (!this.put(open + more(size) + close)) return false
      this.complete = false
      return true
    }
    const mark = this.tight && size > 0 ? more(size).length : 0
    if (open.length + close.length + mark > this.room()) return false
    this.put(open)
    this.closes += close.length
    this.marks += mark
    const frame = { collection, shaper, index: -1, parts: nothing, part: 0, pieces: 0, length: 0, mark }
    this.frames.push(frame)
    return true
  }

  private begin(frame: Frame, index: number): boolean {
    const { element, lastSeparator, separator, size } = frame.collection
    frame.index = index
    frame.parts = element(index)
    frame.part = 0
    frame.pieces = this.pieces.length
    frame.length = this.length
    this.keepMark(frame, this.tight && index + 1 < size ? separator.length + more(size - index - 1).length : 0)
    return index === 0 || this.put(index + 1 === size ? (lastSeparator ?? separator) : separator)
  }

  private keepMark(frame: Frame, mark: number): void {
    this.marks += mark - frame.mark
    frame.mark = mark
  }

  private takeBack(frame: Frame): void {
    this.pieces.length = frame.pieces
    this.length = frame.length
    this.cut(frame, frame.index)
  }

  /** Ends a collection at an element that is not shown. In a tight print the room for that was kept. */
  private cut(frame: Frame, index: number): boolean {
    const { size, separator } = frame.collection
    this.keepMark(frame, 0)
    this.complete = false
    const mark = (index === 0 ? "" : separator) + more(size - index)
    return this.put(mark) && this.close(frame)
  }

  private close(frame: Frame): boolean {
    this.frames.pop()
    this.closes -= frame.collection.close.length
    this.marks -= frame.mark
    return this.put(frame.collection.close)
  }

  private placeLiteral(literal: Literal): boolean {
    const { close, escaper, measure, open, size, text } = literal
    const room = this.room()
    // A long string leaves half of the room to what follows it.
    const follows = this.marks > 0 || this.frames.some(({ part, parts }) => part < parts.length)
    const share = this.tight && follows ? Math.floor(room / 2) : room
    if (measure(text) === size) {
      const whole = open + escape(text, escaper) + close
      if (whole.length <= share) return this.put(whole)
    }
    if (!this.tight) return false
    const { escaped, taken } = escapeWithin(text, escaper, share - open.length - literal.cut(size).length)
    if (taken === "") return false
    this.complete = false
    return this.put(open + escaped + literal.cut(size - measure(taken)))
  }
}
