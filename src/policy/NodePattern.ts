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
