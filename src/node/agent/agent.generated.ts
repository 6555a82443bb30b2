// Made by scripts/build-agent.escript from erlang/agent/src: change those, then run it.

import { beamscope_applications } from "./beamscope_applications.generated.ts"
import { beamscope_code } from "./beamscope_code.generated.ts"
import { beamscope_distribution } from "./beamscope_distribution.generated.ts"
import { beamscope_environment } from "./beamscope_environment.generated.ts"
import { beamscope_ets } from "./beamscope_ets.generated.ts"
import { beamscope_footprint } from "./beamscope_footprint.generated.ts"
import { beamscope_handlers } from "./beamscope_handlers.generated.ts"
import { beamscope_janitor } from "./beamscope_janitor.generated.ts"
import { beamscope_logs } from "./beamscope_logs.generated.ts"
import { beamscope_memory } from "./beamscope_memory.generated.ts"
import { beamscope_microstates } from "./beamscope_microstates.generated.ts"
import { beamscope_mnesia } from "./beamscope_mnesia.generated.ts"
import { beamscope_names } from "./beamscope_names.generated.ts"
import { beamscope_network } from "./beamscope_network.generated.ts"
import { beamscope_persistent_terms } from "./beamscope_persistent_terms.generated.ts"
import { beamscope_process } from "./beamscope_process.generated.ts"
import { beamscope_processes } from "./beamscope_processes.generated.ts"
import { beamscope_registries } from "./beamscope_registries.generated.ts"
import { beamscope_runtime } from "./beamscope_runtime.generated.ts"
import { beamscope_schedulers } from "./beamscope_schedulers.generated.ts"
import { beamscope_state } from "./beamscope_state.generated.ts"
import { beamscope_supervision } from "./beamscope_supervision.generated.ts"
import { beamscope_timers } from "./beamscope_timers.generated.ts"

/** OTP releases that load the beams, which the oldest of them compiled. Others interpret. */
export const loadsOn = { oldest: 25, newest: 29 } as const

/**
 * The expression that runs an interpreted function, in external format, in base 64. With `E` a binary out
 * of `interpreted`, compressed or not, `erl_eval:expr(run, [{'A', Argument}, {'E', E}], none, none, value)`
 * returns what the function returns, raises what it raises, and loads nothing.
 */
export const run = "g2gEdwRjYWxsYQBoBHcGcmVtb3RlYQBoA3cEYXRvbWEAdwhlcmxfZXZhbGgDdwRhdG9tYQB3BGV4cHJsAAAABWgEdwRjYWxsYQBoA3cEYXRvbWEAdw5iaW5hcnlfdG9fdGVybWwAAAABaAN3A3ZhcmEAdwFFamgEdwRjYWxsYQBoBHcGcmVtb3RlYQBoA3cEYXRvbWEAdwhlcmxfZXZhbGgDdwRhdG9tYQB3C2FkZF9iaW5kaW5nbAAAAANoA3cEYXRvbWEAdwFBaAN3A3ZhcmEAdwFBaAR3BGNhbGxhAGgEdwZyZW1vdGVhAGgDdwRhdG9tYQB3CGVybF9ldmFsaAN3BGF0b21hAHcMbmV3X2JpbmRpbmdzampoA3cEYXRvbWEAdwRub25laAN3BGF0b21hAHcEbm9uZWgDdwRhdG9tYQB3BXZhbHVlag=="

/** The modules of the node-side agent. */
export const agent = {
  beamscope_applications,
  beamscope_code,
  beamscope_distribution,
  beamscope_environment,
  beamscope_ets,
  beamscope_footprint,
  beamscope_handlers,
  beamscope_janitor,
  beamscope_logs,
  beamscope_memory,
  beamscope_microstates,
  beamscope_mnesia,
  beamscope_names,
  beamscope_network,
  beamscope_persistent_terms,
  beamscope_process,
  beamscope_processes,
  beamscope_registries,
  beamscope_runtime,
  beamscope_schedulers,
  beamscope_state,
  beamscope_supervision,
  beamscope_timers
} as const
