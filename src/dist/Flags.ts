/**
 * Distribution flags, as the handshake negotiates them (erts "Distribution Protocol", `kernel/include/dist.hrl`).
 * 64 bits wide, hence `bigint`.
 */
export const Flag = {
  EXTENDED_REFERENCES: 0x4n,
  DIST_MONITOR: 0x8n,
  FUN_TAGS: 0x10n,
  DIST_MONITOR_NAME: 0x20n,
  NEW_FUN_TAGS: 0x80n,
  EXTENDED_PIDS_PORTS: 0x100n,
  EXPORT_PTR_TAG: 0x200n,
  BIT_BINARIES: 0x400n,
  NEW_FLOATS: 0x800n,
  UNICODE_IO: 0x1000n,
  SMALL_ATOM_TAGS: 0x4000n,
  UTF8_ATOMS: 0x10000n,
  MAP_TAG: 0x20000n,
  BIG_CREATION: 0x40000n,
  SEND_SENDER: 0x80000n,
  EXIT_PAYLOAD: 0x400000n,
  FRAGMENTS: 0x800000n,
  HANDSHAKE_23: 0x1000000n,
  UNLINK_ID: 0x2000000n,
  MANDATORY_25_DIGEST: 0x4000000n,
  SPAWN: 1n << 32n,
  NAME_ME: 1n << 33n,
  V4_NC: 1n << 34n,
  ALIAS: 1n << 35n,
  NATIVE_RECORDS: 1n << 38n
} as const

export type FlagName = keyof typeof Flag

/**
 * What we offer. Not PUBLISHED: that is what makes us hidden. Not DIST_HDR_ATOM_CACHE: with FRAGMENTS alone there is no
 * cache to keep, and large replies still come in pieces that small ones overtake. Not ALTACT_SIG: a node that sees it
 * absent keeps to the forms that we know.
 */
export const offered: bigint = Object.entries(Flag)
  .filter(([name]) => name !== "NAME_ME")
  .reduce((sum, [, bit]) => sum | bit, 0n)

/** What MANDATORY_25_DIGEST stands for. */
const digest: ReadonlyArray<FlagName> = [
  "EXTENDED_REFERENCES",
  "FUN_TAGS",
  "NEW_FUN_TAGS",
  "EXTENDED_PIDS_PORTS",
  "EXPORT_PTR_TAG",
  "BIT_BINARIES",
  "NEW_FLOATS",
  "UTF8_ATOMS",
  "MAP_TAG",
  "BIG_CREATION",
  "HANDSHAKE_23"
]

/**
 * What a node must offer for us to work with it, and every release from OTP 23 on does: these two lists. Without
 * FRAGMENTS a large reply would be one frame, which nothing overtakes.
 */
const required: ReadonlyArray<FlagName> = ["EXIT_PAYLOAD", "FRAGMENTS"]

/** Required flags that `theirs` lacks. */
export const missing = (theirs: bigint): ReadonlyArray<FlagName> =>
  [...((theirs & Flag.MANDATORY_25_DIGEST) === 0n ? digest : []), ...required].filter(
    (name) => (theirs & Flag[name]) === 0n
  )

/** Whether both sides have a flag. */
export const has = (negotiated: bigint, name: FlagName): boolean => (negotiated & Flag[name]) !== 0n
