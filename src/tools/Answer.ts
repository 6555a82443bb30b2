import type { Position } from "./Cursor.ts"

/** A value in which whatever may be absent may also be `undefined`; a result leaves both out. */
export type Undefinable<T> =
  T extends ReadonlyArray<infer Item>
    ? ReadonlyArray<Undefinable<Item>>
    : T extends object
      ? { readonly [Key in keyof T]: Undefinable<T[Key]> | (object extends Pick<T, Key> ? undefined : never) }
      : T

/** What a tool has found out: the part of a result that only the tool knows. */
export interface Answer<Data, Rows extends string = Extract<keyof Data, string>> {
  /** What a person would say first. A function where it tells how many rows are shown. */
  readonly summary: string | ((shown: number) => string)
  /**
   * `false` when something that was asked for is missing: rows, a part of what is counted or summed, a place in the order,
   * or a value that is simply absent, which is also how it looks where there is none. The notes then say what and why.
   *
   * Not for a value that was not read where a word says so in its own place (`notRead`, or the name of a group), and
   * on which no filter and no order hangs: who reads the row reads that. Else each list of a node with one large process
   * in it were incomplete, and the word would mean nothing. Default `true`.
   */
  readonly complete?: boolean
  /** The node's own name, where it was asked for by another. */
  readonly node?: string
  readonly notes?: ReadonlyArray<string>
  /**
   * What is left out of values that were asked for, where terms take so many characters and so many rows are shown; then
   * the answer is not complete. `undefined` where they are shown whole. Names beside them may be cut all the same.
   */
  readonly cut?: (termCharacters: number, shown: number) => string | undefined
  /** The data. A function where it holds printed terms: it gets the characters that one term may take. */
  readonly data: Undefinable<Data> | ((termCharacters: number) => Undefinable<Data>)
  readonly page?: Page<Rows>
  /** The next useful calls. */
  readonly hints?: ReadonlyArray<string>
}

/** In the place of a value that was not read. */
export const notRead = "(not read)"

/** Which part of the data may be cut to fit, and how to go on. */
export interface Page<Key extends string = string> {
  /** The field that holds the rows. */
  readonly rows: Key
  /** Where the page behind the last row begins; absent on the last page. */
  readonly next?: Position | undefined
  /** Where the page behind this row begins. Without it, rows that do not fit cannot be had and are told as missing. */
  readonly after?: (row: number) => Position
  /** Whether places hold what is kept from sight for what stands around it, which they do not hold. */
  readonly isHiding?: boolean
}
