import { readFileSync } from "node:fs"

/** Whether a process is there and runs: one that has ended and that nobody has asked about does not. */
export const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return !/\) [XZ] /u.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    // Gone since, or a system without /proc.
    return process.platform !== "linux"
  }
}
