/** What a node can do, probed once a connection instead of guessed from its version. */
export interface Capabilities {
  /** `erlang:system_info(otp_release)`, e.g. 25. */
  readonly otpRelease: number
  /** `erlang:system_info(version)`, the emulator's own version, e.g. `13.1.5`. */
  readonly ertsVersion: string
  /** Bytes in a word: 8, or 4 on a 32-bit emulator. */
  readonly wordBytes: number
  /** Whether workers can be started by SPAWN_REQUEST and `erpc`; else calls go through `rex` and cannot be cancelled. */
  readonly spawnRequest: boolean
  /** `process_info/2` items that this release knows beyond those that every release has: `label`, `parent`, … */
  readonly processInfoItems: ReadonlySet<string>
  /** The `trace` module with isolated sessions (OTP 27+). */
  readonly traceSessions: boolean
  /** `erlang:processes_iterator/0` (OTP 28+). */
  readonly processesIterator: boolean
  /** How modules come in: an embedded system (a release) loads none by itself. */
  readonly codeMode: "interactive" | "embedded"
  /** Elixir's version when it runs on the node. */
  readonly elixirVersion?: string
}
