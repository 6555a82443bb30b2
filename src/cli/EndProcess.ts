import { accessSync, constants } from "node:fs"

/** Whether a file may be executed: Node ends with a core dump where it is told to become one that may not. */
const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Ends the process at once, also while the system's resolver hangs. Nothing calls off a `getaddrinfo`, and at its exit
 * Node waits for the thread that runs one, for as long as the name servers are silent. Then the process becomes another
 * Node that exits in its place, and takes none of its threads along. Where a process cannot become another (Windows,
 * Node's permission model, a Node whose file is gone meanwhile) it ends as late as the resolver lets it.
 *
 * What is not yet written is lost. For the program alone: a library does not end its host.
 */
export const endProcess = (exitCode: number): never => {
  const { execPath } = process
  if (process.getActiveResourcesInfo().includes("GetAddrInfoReqWrap") && isExecutable(execPath)) {
    try {
      // In the same environment, by which its libraries may be found, but with nothing that is to be loaded first.
      const env = { ...process.env, NODE_OPTIONS: "" }
      process.execve?.(execPath, [execPath, "--eval", `process.exit(${exitCode})`], env)
    } catch {
      // Not to be had here.
    }
  }
  return process.exit(exitCode)
}
