/** Erlang terms: as values, and in the external term format. */
export { decode, decodeNext, type Cursor } from "./Decode.ts"
export { defaultLimits, type Limits } from "./Limits.ts"
export { encode, encodeInto, Encoded, type Encodable } from "./Encode.ts"
export { equal } from "./Equal.ts"
export { EtfError, type EtfReason } from "./EtfError.ts"
export * as Scan from "./Scan.ts"
export * from "./Term.ts"
export { Writer } from "./Writer.ts"
