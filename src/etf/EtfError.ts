import type { Limits } from "./Limits.ts"

/** Why bytes are no term, or a value cannot be sent as one. `offset` counts from the start of the bytes given. */
export type EtfReason =
  /** The bytes end before the term does. */
  | { readonly _tag: "Truncated"; readonly offset: number }
  | { readonly _tag: "UnknownTag"; readonly tag: number; readonly offset: number }
  | { readonly _tag: "Malformed"; readonly detail: string; readonly offset: number }
  | { readonly _tag: "LimitExceeded"; readonly limit: keyof Limits; readonly allowed: number }
  | { readonly _tag: "Unencodable"; readonly detail: string }

/** Tags that the format knows, and that no node sends to us. */
const refusedTags: ReadonlyMap<number, string> = new Map([
  [80, "a compressed term, which stands only behind the version byte 131"],
  [82, "ATOM_CACHE_REF, a reference into the atom cache of a connection; we do not offer to keep one"],
  [117, "FUN_EXT, which no release since R8 writes and none since OTP 23 reads"],
  [121, "LOCAL_EXT, the private format of term_to_binary(_, [local]); encode it without `local`"],
  [131, "the version byte, which stands only before a whole term"]
])

const limitText = (limit: keyof Limits, allowed: number): string => {
  switch (limit) {
    case "bytes":
      return `the term takes more than ${allowed} bytes. Ask for less, or allow more (limit \`bytes\`)`
    case "depth":
      return `the term nests deeper than ${allowed} levels. Ask for a part of it, or allow more (limit \`depth\`)`
    case "atoms":
      return `the term holds more than ${allowed} atoms that were not met lately. Ask for less, or allow more (limit \`atoms\`)`
    case "cells":
      return `the term holds more than ${allowed} terms. Ask for less, or allow more (limit \`cells\`)`
    case "inflatedBytes":
      return `the compressed term unpacks to more than ${allowed} bytes. Ask for less, or allow more (limit \`inflatedBytes\`)`
  }
}

const text = (reason: EtfReason): string => {
  switch (reason._tag) {
    case "Truncated":
      return `the bytes end inside the term at offset ${reason.offset}`
    case "UnknownTag": {
      const refused = refusedTags.get(reason.tag)
      return `the tag ${reason.tag} at offset ${reason.offset} ${refused === undefined ? "is none of the external term format" : `is ${refused}`}`
    }
    case "Malformed":
      return `the term at offset ${reason.offset} is malformed: ${reason.detail}`
    case "LimitExceeded":
      return limitText(reason.limit, reason.allowed)
    case "Unencodable":
      return `cannot be encoded: ${reason.detail}`
  }
}

/** Bytes that are no term, or a value that is none. Catch the class, look at `reason`. */
export class EtfError extends Error {
  override readonly name = "EtfError"
  readonly _tag = "EtfError"
  readonly reason: EtfReason
  constructor(reason: EtfReason, options?: ErrorOptions) {
    super(text(reason), options)
    this.reason = reason
  }
}

/** An error to throw where a term needs bytes that are not there. */
export const truncated = (offset: number): EtfError => new EtfError({ _tag: "Truncated", offset })

/** An error to throw where bytes contradict the format. */
export const malformed = (offset: number, detail: string, cause?: unknown): EtfError =>
  new EtfError({ _tag: "Malformed", detail, offset }, cause === undefined ? undefined : { cause })
