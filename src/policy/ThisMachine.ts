import { isLoopback } from "../dist/NodeName.ts"

/** Whether a node of this name runs on this machine: loopback, or one of `hostNames`, what this one is called. */
export const isOnThisMachine = (node: string, hostNames: ReadonlyArray<string>): boolean => {
  const host = node.slice(node.indexOf("@") + 1)
  return isLoopback(host) || hostNames.includes(host)
}
