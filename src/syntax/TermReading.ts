import { Identities } from "../etf/Identity.ts"
import { Atom, isList, isTuple, List, list, listItems, MapTerm, nil, type Term } from "../etf/Term.ts"
import { type Cursor } from "./Mistake.ts"

/** A collection that begins. */
export interface Opening {
  readonly _tag: "Opening"
  /** `pairs`: a map that is written as a list of its keys and values, each pair a tuple. */
  readonly kind: "list" | "tuple" | "map" | "set" | "pairs"
  /** What ends it, sticky; and how that is called. */
  readonly close: RegExp
  readonly closeText: string
  /** Of a tuple: its first element, which stands in front. */
  readonly tag?: Term
  /** Of a struct: its module. */
  readonly struct?: string
  /** Of a set: the keys and values that its struct has beside its elements. */
  readonly setFields?: ReadonlyArray<Term>
}

/** What stands where a term may begin: a whole term; a collection; in Elixir a key, its value to follow. */
export type Start =
  | { readonly _tag: "Term"; readonly term: Term }
  | { readonly _tag: "Key"; readonly name: string }
  | Opening

/** How one language writes terms. */
export interface Language {
  /** Space and comments, sticky; matches nothing too. */
  readonly blank: RegExp
  /** What stands between two elements, sticky; and how that is called. */
  readonly separator: { readonly pattern: RegExp; readonly text: string }
  /** What stands between a key and its value, sticky. */
  readonly arrow: RegExp
  /** What stands before the tail of an improper list, sticky. */
  readonly tail: RegExp
  /** Whether a separator may stand before what closes a collection. */
  readonly trailingComma: boolean
  /** What may stand behind a whole term, sticky. */
  readonly end: RegExp
  /** Moves past what stands here, or fails. */
  readonly start: (cursor: Cursor) => Start
}

interface Frame extends Opening {
  readonly at: number
  /** Of a list that is the tail of another: the items of that one, which it goes on with. */
  readonly items: Array<Term>
  /** Keywords at the end of a tuple, which are a list in it. */
  readonly pairs: Array<Term>
  /** The key whose value is read. */
  key: Term | undefined
  tail: Term | undefined
  /** Whether what closes it may stand here. */
  closable: boolean
  /** Whether keywords have begun: nothing else follows them. */
  keywords: boolean
  state: "element" | "value" | "tail"
}

/** Reads one term that is the whole text. Uses no stack of calls: any depth can be read. Throws a {@link Mistake}. */
export const readTerm = (cursor: Cursor, language: Language): Term => new Reading(cursor, language).run()

class Reading {
  private readonly frames: Array<Frame> = []
  /** One for the whole text, so that each part of a key is numbered once. */
  private readonly identities = new Identities()
  private readonly cursor: Cursor
  private readonly language: Language

  constructor(cursor: Cursor, language: Language) {
    this.cursor = cursor
    this.language = language
  }

  run(): Term {
    const { cursor, language } = this
    for (;;) {
      let term = this.begin()
      while (term !== undefined) {
        cursor.take(language.blank)
        const frame = this.frames.at(-1)
        if (frame === undefined) {
          cursor.take(language.end)
          return cursor.at === cursor.text.length ? term : cursor.unexpected("nothing more behind the term")
        }
        term = this.follow(frame, term)
      }
    }
  }

  /** A whole term, or `undefined` where one is still to come. */
  private begin(): Term | undefined {
    const { cursor, frames, language } = this
    cursor.take(language.blank)
    const frame = frames.at(-1)
    if (frame?.closable === true && cursor.take(frame.close)) return this.finish(frame)
    const at = cursor.at
    const start = language.start(cursor)
    if (start._tag === "Opening") {
      const items: Array<Term> =
        start.struct !== undefined
          ? [new Atom("__struct__"), new Atom(start.struct)]
          : start.tag !== undefined
            ? [start.tag]
            : start.kind === "list" && frame?.state === "tail"
              ? frame.items
              : []
      const collected = { items, pairs: [], key: undefined, tail: undefined, closable: true, keywords: false }
      if (frame?.keywords === true && frame.key === undefined) cursor.fail("expected a key: keywords come last", at)
      frames.push({ ...start, ...collected, at, state: "element" })
      return undefined
    }
    if (start._tag === "Key") {
      if (frame === undefined || frame.state !== "element") {
        return cursor.fail("a key with its value stands inside a list, a map, a struct or a tuple", at)
      }
      frame.keywords = true
      frame.key = new Atom(start.name)
      frame.state = "value"
      frame.closable = false
      return undefined
    }
    if (frame?.keywords === true && frame.key === undefined) cursor.fail("expected a key: keywords come last", at)
    return start.term
  }

  /** Puts a term where it belongs; returns the collection when that closes it. */
  private follow(frame: Frame, term: Term): Term | undefined {
    const { cursor, language } = this
    if (frame.state === "tail") {
      frame.tail = term
      return cursor.take(frame.close) ? this.finish(frame) : cursor.unexpected(frame.closeText)
    }
    if (frame.kind === "map" && frame.state === "element") {
      if (!cursor.take(language.arrow)) cursor.unexpected("=>")
      frame.key = term
      frame.state = "value"
      frame.closable = false
      return undefined
    }
    this.put(frame, term)
    if (cursor.take(frame.close)) return this.finish(frame)
    const mayEnd = frame.kind === "list" && !frame.keywords
    if (mayEnd && cursor.take(language.tail)) {
      frame.state = "tail"
      frame.closable = false
      return undefined
    }
    if (!cursor.take(language.separator.pattern)) {
      cursor.unexpected(`${language.separator.text} ${mayEnd ? "| " : ""}or ${frame.closeText}`)
    }
    frame.closable = language.trailingComma
    frame.state = "element"
    return undefined
  }

  private put(frame: Frame, term: Term): void {
    const { items, key, kind, pairs } = frame
    frame.key = undefined
    if (key === undefined) items.push(term)
    else if (kind === "map") items.push(key, term)
    else (kind === "tuple" ? pairs : items).push([key, term])
  }

  private finish(frame: Frame): Term {
    this.frames.pop()
    const { items, kind, pairs, setFields = [], tail } = frame
    switch (kind) {
      case "tuple":
        return pairs.length === 0 ? items : [...items, list(pairs)]
      case "map":
        return this.map(items)
      case "set":
        return new MapTerm([
          new Atom("__struct__"),
          new Atom("Elixir.MapSet"),
          new Atom("map"),
          this.map(items.flatMap((item) => [item, nil])),
          ...setFields
        ])
      case "pairs":
        return this.map(items.flatMap((item) => this.pair(item)))
      case "list":
        return tail === undefined ? list(items) : withTail(items, tail)
    }
  }

  private pair(item: Term): ReadonlyArray<Term> {
    return isTuple(item) && item.length === 2 ? item : this.cursor.fail("expected tuples of a key and its value")
  }

  /** A key that comes twice has its last value: a node refuses a map that carries it twice. */
  private map(entries: ReadonlyArray<Term>): MapTerm {
    if (entries.length <= 2) return new MapTerm(entries)
    const places = new Map<number, number>()
    const kept: Array<Term> = []
    for (let at = 0; at < entries.length; at += 2) {
      const id = this.identities.of(entries[at]!)
      const place = places.get(id) ?? kept.length
      places.set(id, place)
      kept[place] = entries[at]!
      kept[place + 1] = entries[at + 1]!
    }
    return new MapTerm(kept)
  }
}

/** `[a | [b | c]]` is `[a, b | c]`. A tail that is a list in brackets has gone on with the same items already. */
const withTail = (items: Array<Term>, tail: Term): Term => {
  if (!isList(tail)) return new List(items, tail)
  if (tail instanceof List && tail.items === items) return tail
  // A list in other words, such as a string, is proper.
  for (const further of listItems(tail) ?? []) items.push(further)
  return list(items)
}
