export { visible } from "./Escape.ts"
export {
  type LocalIdentifier,
  parsePort,
  parsePid,
  parseReference,
  type PortText,
  type PidText,
  type ReferenceText,
  type Unreadable
} from "./Identifier.ts"
export { enclosingFunction, type Mfa, parseAnonymous, parseMfa } from "./Mfa.ts"
export { atomsOf, identifiersOf, type ParsedTerm, type ParseOptions, parseTerm } from "./ParseTerm.ts"
export type { Printed, PrintOptions, Syntax, SyntaxName } from "./Syntax.ts"
export { syntaxes } from "./Syntaxes.ts"
