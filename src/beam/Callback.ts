import type { Mfa } from "../syntax/Mfa.ts"

/** The behaviours whose callback names its module in the place of a function: `{supervisor, Module, 1}`. */
const keepers: ReadonlySet<string> = new Set(["supervisor", "supervisor_bridge"])

/** The module of the callbacks of a process, by what it tells as its initial call. */
export const moduleOf = ({ module, name }: Mfa): string => (keepers.has(module) ? name : module)
