/** What one term may cost. */
export interface Limits {
  /** Encoded bytes of the term; of the compressed form, where it is compressed. */
  readonly bytes: number
  /** Levels of nesting. */
  readonly depth: number
  /** Atoms made for it; one that was met lately in any term is there already. */
  readonly atoms: number
  /**
   * Places in its tuples, lists, maps, funs and references: what it will take in memory, where its bytes do not say it.
   * An empty tuple has two bytes, and takes forty.
   */
  readonly cells: number
  /** Bytes that a compressed term may unpack to. */
  readonly inflatedBytes: number
}

/** 64 MiB, four million atoms, sixteen million cells: more than any sensible answer holds. */
export const defaultLimits: Limits = {
  bytes: 64 * 1024 * 1024,
  depth: 250_000,
  atoms: 4_194_304,
  cells: 16_777_216,
  inflatedBytes: 64 * 1024 * 1024
}
