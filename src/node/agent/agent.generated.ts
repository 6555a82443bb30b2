// Made by scripts/build-agent.escript from erlang/agent/src: change those, then run it.

/** OTP releases that load the beams, which the oldest of them compiled. Others interpret. */
export const loadsOn = { oldest: 25, newest: 29 } as const

/**
 * The expression that runs an interpreted function, in external format, in base 64. With `E` a binary out
 * of `interpreted`, compressed or not, `erl_eval:expr(run, [{'A', Argument}, {'E', E}], none, none, value)`
 * returns what the function returns, raises what it raises, and loads nothing.
 */
export const run = "g2gEdwRjYWxsYQBoA3cDZnVuYQBoAncHY2xhdXNlc2wAAAABaAV3BmNsYXVzZWEAbAAAAAFoA3cDdmFyYQB3AVRqamwAAAABaAR3BGNhbGxhAGgEdwZyZW1vdGVhAGgDdwRhdG9tYQB3CGVybF9ldmFsaAN3BGF0b21hAHcEZXhwcmwAAAAFaAR3BGNhbGxhAGgDdwRhdG9tYQB3B2VsZW1lbnRsAAAAAmgDdwdpbnRlZ2VyYQBhAWgDdwN2YXJhAHcBVGpoBHcEY29uc2EAaAN3BXR1cGxlYQBsAAAAAmgDdwRhdG9tYQB3AUFoA3cDdmFyYQB3AUFqaAR3BGNvbnNhAGgDdwV0dXBsZWEAbAAAAAJoA3cEYXRvbWEAdwFFaAN3A3ZhcmEAdwFFamgEdwRjb25zYQBoA3cFdHVwbGVhAGwAAAACaAN3BGF0b21hAHcBVGgDdwN2YXJhAHcBVGpoAncDbmlsYQBoA3cEYXRvbWEAdwRub25laAN3BGF0b21hAHcEbm9uZWgDdwRhdG9tYQB3BXZhbHVlampqbAAAAAFoBHcEY2FsbGEAaAN3BGF0b21hAHcOYmluYXJ5X3RvX3Rlcm1sAAAAAWgDdwN2YXJhAHcBRWpq"

/** The modules of the node-side agent: read when they are first used, as most runs use few of them. */
export const agent = {
  beamscope_applications: async () => (await import("./beamscope_applications.generated.ts")).beamscope_applications,
  beamscope_code: async () => (await import("./beamscope_code.generated.ts")).beamscope_code,
  beamscope_distribution: async () => (await import("./beamscope_distribution.generated.ts")).beamscope_distribution,
  beamscope_environment: async () => (await import("./beamscope_environment.generated.ts")).beamscope_environment,
  beamscope_ets: async () => (await import("./beamscope_ets.generated.ts")).beamscope_ets,
  beamscope_ets_objects: async () => (await import("./beamscope_ets_objects.generated.ts")).beamscope_ets_objects,
  beamscope_footprint: async () => (await import("./beamscope_footprint.generated.ts")).beamscope_footprint,
  beamscope_handlers: async () => (await import("./beamscope_handlers.generated.ts")).beamscope_handlers,
  beamscope_janitor: async () => (await import("./beamscope_janitor.generated.ts")).beamscope_janitor,
  beamscope_logs: async () => (await import("./beamscope_logs.generated.ts")).beamscope_logs,
  beamscope_memory: async () => (await import("./beamscope_memory.generated.ts")).beamscope_memory,
  beamscope_message_queue: async () => (await import("./beamscope_message_queue.generated.ts")).beamscope_message_queue,
  beamscope_microstates: async () => (await import("./beamscope_microstates.generated.ts")).beamscope_microstates,
  beamscope_mnesia: async () => (await import("./beamscope_mnesia.generated.ts")).beamscope_mnesia,
  beamscope_names: async () => (await import("./beamscope_names.generated.ts")).beamscope_names,
  beamscope_network: async () => (await import("./beamscope_network.generated.ts")).beamscope_network,
  beamscope_persistent_terms: async () => (await import("./beamscope_persistent_terms.generated.ts")).beamscope_persistent_terms,
  beamscope_process: async () => (await import("./beamscope_process.generated.ts")).beamscope_process,
  beamscope_process_groups: async () => (await import("./beamscope_process_groups.generated.ts")).beamscope_process_groups,
  beamscope_process_growth: async () => (await import("./beamscope_process_growth.generated.ts")).beamscope_process_growth,
  beamscope_processes: async () => (await import("./beamscope_processes.generated.ts")).beamscope_processes,
  beamscope_registries: async () => (await import("./beamscope_registries.generated.ts")).beamscope_registries,
  beamscope_runtime: async () => (await import("./beamscope_runtime.generated.ts")).beamscope_runtime,
  beamscope_schedulers: async () => (await import("./beamscope_schedulers.generated.ts")).beamscope_schedulers,
  beamscope_stacks: async () => (await import("./beamscope_stacks.generated.ts")).beamscope_stacks,
  beamscope_state: async () => (await import("./beamscope_state.generated.ts")).beamscope_state,
  beamscope_supervision: async () => (await import("./beamscope_supervision.generated.ts")).beamscope_supervision,
  beamscope_timers: async () => (await import("./beamscope_timers.generated.ts")).beamscope_timers
} as const
