import { constants } from "node:fs"
import { open } from "node:fs/promises"
import { Buffer } from "node:buffer"

/** Bytes that are read at once: the most that is mostly there. */
const pieceBytes = 8 * 1024

/** The code of an error of the file system: `ENOENT`, `EACCES`. */
export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

/**
 * The beginning of a file, up to so many bytes; and whether there is more. Does not wait for somebody at the other end
 * of a pipe. Rejects with the error of the file system.
 */
export const readStart = async (
  path: string,
  maxBytes: number
): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const pieces: Array<Buffer> = []
    let size = 0
    while (size <= maxBytes) {
      // Files under /proc do not tell their size, and are read from where the last read ended.
      const piece = Buffer.allocUnsafe(pieceBytes)
      const { bytesRead } = await file.read(piece, 0, pieceBytes, size)
      if (bytesRead === 0) break
      pieces.push(piece.subarray(0, bytesRead))
      size += bytesRead
    }
    return { bytes: Buffer.concat(pieces).subarray(0, maxBytes), isWhole: size <= maxBytes }
  } finally {
    await file.close()
  }
}
