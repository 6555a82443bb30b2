import { isLoopback } from "../dist/NodeName.ts"

/** Whether a node of this name runs on this machine: loopback, or one of `hostNames`, what this one is called. */
export const isOnThisMachine = (node: string, hostNames: ReadonlyArray<string>): boolean => {
  const host = node.slice(node.indexOf("@") + 1)
  return isLoopback(host) || hostNames.includes(host)
}

/** Whether two names can stand for one node: the same before the @, and behind it two names of this machine. */
export const isSameHere = (one: string, other: string, hostNames: ReadonlyArray<string>): boolean =>
  one.slice(0, one.indexOf("@")) === other.slice(0, other.indexOf("@")) &&
  [one, other].every((node) => isOnThisMachine(node, hostNames))
