import type { Owner } from "./IdentifierReading.ts"
import { erlangText } from "./ErlangText.ts"
import type { Language } from "./TermReading.ts"

export const elixirText = (owner: Owner, wildcards: boolean): Language => erlangText(owner, wildcards)
