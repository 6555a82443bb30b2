import { readFileSync } from "node:fs"
import { hostname, networkInterfaces } from "node:os"

/**
 * The names of a machine, as they stand behind the `@` of its nodes. A long name is made like Erlang makes it
 * (`inet_config`): from what the hosts file says of the name, and from the domain of the resolver: the first, where it has
 * a list of those to search, since the machines of the others may have any name, ours too. No server is asked: neither
 * does it delay the start, nor can one that answers anything make another machine pass for this.
 */
export const namesOfHost = (host: string, hostsFile: string, resolverFile: string): ReadonlyArray<string> => {
  const [short] = host.split(".") as [string]
  const listed = linesOf(hostsFile).flatMap(([, ...names]) => (names.includes(short) ? names : []))
  const resolver = linesOf(resolverFile)
  const first = (wanted: string) => resolver.find(([key]) => key === wanted)?.[1]
  const domain = first("domain") ?? first("search")
  const long = [...listed, ...(domain === undefined ? [] : [`${short}.${domain.replace(/\.$/u, "")}`])]
  return [...new Set([host, short, ...long.filter((name) => name.startsWith(`${short}.`) && !name.endsWith("."))])]
}

/** The words of each line, without comments. */
const linesOf = (file: string): ReadonlyArray<ReadonlyArray<string>> =>
  file.split("\n").map((line) => line.replace(/#.*/u, "").match(/\S+/gu) ?? [])

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** The host of this machine's nodes with short names, as `erl -sname` makes it: the name up to its first dot. */
export const shortHostName = (): string => hostname().split(".")[0]!

/** What this machine is called: its names and its addresses. */
export const hostNames = (): ReadonlyArray<string> => {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? [])
  return [...new Set([...namesOfHost(hostname(), read("/etc/hosts"), read("/etc/resolv.conf")), ...addresses])]
}
