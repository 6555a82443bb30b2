const initialBytes = 256
const mostKeptBytes = 64 * 1024

/** A run of bytes that grows as it is written to. Integers in network byte order. */
export class Writer {
  #bytes = Buffer.allocUnsafeSlow(initialBytes)
  #length = 0

  /** Bytes written since the last {@link take}. */
  get length(): number {
    return this.#length
  }

  uint8(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length++] = value
  }

  uint16(value: number): void {
    const at = this.#extend(2)
    this.#bytes[at] = value >>> 8
    this.#bytes[at + 1] = value
  }

  uint32(value: number): void {
    this.patchUint32(this.#extend(4), value)
  }

  bytes(value: Uint8Array): void {
    const at = this.#extend(value.length)
    this.#bytes.set(value, at)
  }

  /** The characters of `text`, one byte each, if all of them are ASCII; else nothing is written. Tells which. */
  ascii(text: string): boolean {
    const at = this.#extend(text.length)
    const bytes = this.#bytes
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) {
        this.#length = at
        return false
      }
      bytes[at + i] = code
    }
    return true
  }

  /** Overwrites four bytes at `at`, for a length that is known only once what it measures is written. */
  patchUint32(at: number, value: number): void {
    const bytes = this.#bytes
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
  }

  /** Forgets what was written after the first `length` bytes. */
  truncate(length: number): void {
    if (length < this.#length) this.#length = length
  }

  /**
   * Hands over all that was written, and starts again with nothing. The bytes are the caller's alone: small ones are
   * copied out and their room is used again, large ones go as they are.
   */
  take(): Uint8Array {
    const written = this.#bytes
    const length = this.#length
    if (written.length > mostKeptBytes) this.#bytes = Buffer.allocUnsafeSlow(initialBytes)
    this.#length = 0
    if (length > mostKeptBytes) return written.subarray(0, length)
    // Out of Node's pool: an ArrayBuffer of its own costs more than all that is written into a small message.
    const taken = Buffer.allocUnsafe(length)
    written.copy(taken, 0, 0, length)
    return taken
  }

  /** Makes room for `count` bytes and says where they begin. */
  #extend(count: number): number {
    const at = this.#length
    if (count > this.#bytes.length - at) this.#grow(count)
    this.#length = at + count
    return at
  }

  #grow(count: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#length + count))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}
