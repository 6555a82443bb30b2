import { Effect } from "effect"
import type { AccessClass } from "../policy/Access.ts"
import type { GuardedTool } from "../policy/Policy.ts"
import type { Tool } from "./Tool.ts"

/** What each toolset holds, and the access that each of its tools needs, in the order in which they are listed. */
const toolsets: Readonly<Record<string, Readonly<Record<string, AccessClass>>>> = {
  connection: {
    connect_node: "inspect",
    disconnect_node: "observe",
    list_nodes: "inspect",
    set_mode: "inspect",
    diagnose_connection: "inspect",
    discover_nodes: "inspect"
  },
  processes: {
    list_processes: "inspect",
    top_processes: "inspect",
    find_process: "inspect",
    get_process_info: "inspect",
    get_process_stacktrace: "inspect",
    get_message_queue: "inspect",
    get_process_children: "inspect",
    get_process_links: "inspect",
    group_stacktraces: "inspect"
  },
  otp: {
    get_gen_server_state: "inspect",
    get_gen_server_status: "inspect",
    list_applications: "inspect",
    get_application_info: "inspect",
    list_application_processes: "inspect",
    get_supervision_tree: "inspect"
  },
  system: {
    get_system_info: "inspect",
    get_memory_info: "inspect",
    get_allocator_info: "inspect",
    get_scheduler_usage: "inspect",
    get_runtime_stats: "inspect",
    get_microstate_accounting: "observe",
    get_environment: "inspect",
    list_timers: "inspect",
    get_persistent_terms: "inspect"
  },
  ets: {
    list_ets_tables: "inspect",
    get_ets_table_info: "inspect",
    sample_ets_table: "inspect",
    select_ets_table: "inspect"
  },
  mnesia: { list_mnesia_tables: "inspect" },
  code: {
    list_modules: "inspect",
    get_module_info: "inspect",
    list_module_functions: "inspect",
    get_function_source: "inspect",
    compare_modules: "inspect"
  },
  network: {
    list_ports: "inspect",
    list_sockets: "inspect",
    get_distribution_info: "inspect",
    ping_node: "inspect"
  },
  events: {
    list_process_groups: "inspect",
    list_registries: "inspect",
    list_pubsub_topics: "inspect",
    list_event_handlers: "inspect"
  },
  logs: { get_log_configuration: "inspect" },
  footprint: { list_footprint: "inspect", remove_footprint: "observe" }
}

/**
 * What is known of every tool before its code is read. A host waits for the answer to `initialize`, which needs no more;
 * the tools themselves, with all their schemas, would be a third of that time.
 */
export const guardedTools: ReadonlyArray<GuardedTool> = Object.entries(toolsets).flatMap(([toolset, tools]) =>
  Object.entries(tools).map(([name, access]) => ({ name, toolset, access }))
)

/** The tools themselves, in the same order. */
export const loadTools: Effect.Effect<ReadonlyArray<Tool>> = Effect.promise(
  async () => (await import("./AllTools.ts")).allTools
)

/**
 * Toolsets that clients are not shown by themselves: with all of them, the list of tools would take more of a model's
 * attention than most questions are worth. `--toolsets` shows them.
 */
export const furtherToolsets: ReadonlySet<string> = new Set(["code", "events", "footprint", "mnesia", "network"])
