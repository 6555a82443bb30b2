import { constants } from "node:fs"
import { open } from "node:fs/promises"
import { Buffer } from "node:buffer"

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
    const room = Buffer.alloc(maxBytes + 1)
    let size = 0
    while (size < room.length) {
      // Files under /proc do not tell their size, and are read from where the last read ended.
      const { bytesRead } = await file.read(room, size, room.length - size, size)
      if (bytesRead === 0) break
      size += bytesRead
    }
    return { bytes: room.subarray(0, Math.min(size, maxBytes)), isWhole: size <= maxBytes }
  } finally {
    await file.close()
  }
}
