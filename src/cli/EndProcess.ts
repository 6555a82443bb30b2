import { accessSync, constants } from "node:fs"

const shell = "/bin/sh"

/** Whether there is a shell to become: Node ends with a core dump where there is none. */
const hasShell = (): boolean => {
  try {
    accessSync(shell, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Ends the process at once, also while the system's resolver hangs. Nothing calls off a `getaddrinfo`, and at its exit
 * Node waits for the thread that runs one, for as long as the name servers are silent. Then the process becomes a shell
 * that exits in its place, and takes none of its threads along. Where a process cannot become another (Windows, Node's
 * permission model) it ends as late as the resolver lets it.
 *
 * What is not yet written is lost. For the program alone: a library does not end its host.
 */
export const endProcess = (exitCode: number): never => {
  if (process.getActiveResourcesInfo().includes("GetAddrInfoReqWrap") && hasShell()) {
    try {
      process.execve?.(shell, [shell, "-c", `exit ${exitCode}`], {})
    } catch {
      // Not to be had here.
    }
  }
  return process.exit(exitCode)
}
