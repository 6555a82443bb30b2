const escape = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/gu, "\\$&")

/** A test for full node names from a pattern in which `*` stands for any run of characters: `*@10.0.3.*`, `app-*`. */
export const nodePattern = (pattern: string): ((node: string) => boolean) => {
  const source = pattern
    .split(/\*+/u)
    .map((part) => escape(part))
    .join(".*")
  const expression = new RegExp(`^${source}$`, "su")
  return (node) => expression.test(node)
}

/** Why a pattern can match no node's name, or what in it would not mean what it means elsewhere; `undefined` if all is well. */
export const patternProblem = (pattern: string): string | undefined => {
  if (pattern === "") return "it is empty"
  // What no node name has, and what a glob or a regular expression gives a meaning.
  const [odd] = /[\s\p{Cc}'"`,!<>()[\]{}?\\^$|]/u.exec(pattern) ?? []
  if (odd !== undefined) return `it has ${JSON.stringify(odd)} in it, which no node name has`
  const [name, host, ...more] = pattern.split("@") as [string, ...ReadonlyArray<string>]
  if (host === undefined) return pattern.includes("*") ? undefined : "it has no @host part"
  if (more.length > 0) return "it has more than one @"
  if (name === "") return "the part before the @ is empty"
  return host === "" ? "the part behind the @ is empty" : undefined
}
