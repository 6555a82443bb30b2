/** A loopback address in the forms that stand behind the `@` of a node name. */
const loopback = /^(?:127(?:\.\d{1,3}){3}|::1|localhost|localhost\.localdomain)$/u

/** Whether a node of this name runs on this machine: loopback, or one of `hostNames`, what this one is called. */
export const isOnThisMachine = (node: string, hostNames: ReadonlyArray<string>): boolean => {
  const host = node.slice(node.indexOf("@") + 1)
  return loopback.test(host) || hostNames.includes(host)
}
