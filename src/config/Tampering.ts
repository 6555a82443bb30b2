import type { BigIntStats } from "node:fs"

type Attributes = Pick<BigIntStats, "mode" | "uid">

/** Whether somebody beside us and root decides about it: its owner can, whatever its mode says. */
const isOthers = ({ uid }: Attributes): boolean => {
  const own = process.geteuid?.()
  return own !== undefined && uid !== 0n && uid !== BigInt(own)
}

const sticky = 0o1000n
const writableByOthers = 0o022n

/**
 * How others than us and root could write what runs as ours, or put another file in its place; `undefined` where they
 * cannot. `folder` is the one that the file is in: who can write there can rename what is in it, unless it is sticky.
 * On Windows nothing is known of either.
 */
export const tampering = (file: Attributes, folder: Attributes): string | undefined => {
  if (process.platform === "win32") return undefined
  if (isOthers(file)) return `must belong to you or root, and belongs to user ${file.uid}`
  if ((file.mode & writableByOthers) !== 0n) return "must be writable by owner only (chmod go-w)"
  if (isOthers(folder)) return `must be in a folder of yours or root's, and that belongs to user ${folder.uid}`
  return (folder.mode & writableByOthers) !== 0n && (folder.mode & sticky) === 0n
    ? "must be in a folder that is writable by owner only (chmod go-w)"
    : undefined
}
