import { Data } from "effect"

/** A setting that makes no sense, in one line that names the flag, the variable or the file it came from. */
export class ConfigError extends Data.TaggedError("ConfigError")<{ readonly message: string }> {}
