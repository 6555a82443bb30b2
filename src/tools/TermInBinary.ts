import { u32 } from "../etf/BigEndian.ts"
import { decode } from "../etf/Decode.ts"
import type { Binary, Term } from "../etf/Term.ts"

/** What may still be looked into for one look at a term, which must stay cheap whatever is packed in what. */
export interface Budget {
  bytes: number
}

/** What is larger is not looked into. */
export const wholeBudget = (): Budget => ({ bytes: 32_768 })

const limits = { depth: 1_000, cells: 10_000, atoms: 1_000 }

/** The version byte of the external term format; no text in UTF-8 begins with it. */
const version = 131

/** What stands behind it where the term is compressed, in front of its size. */
const compressed = 80

/** The term that `term_to_binary` made this binary of; `undefined` where it is another binary, or too large. */
export const termIn = (binary: Binary, budget: Budget): Term | undefined => {
  const bytes = binary.view()
  if (bytes[0] !== version) return undefined
  const size = Math.max(bytes.length, bytes[1] === compressed && bytes.length >= 6 ? u32(bytes, 2) : 0)
  if (size > budget.bytes) return undefined
  budget.bytes -= size
  try {
    return decode(bytes, { ...limits, bytes: size, inflatedBytes: size })
  } catch {
    return undefined
  }
}
