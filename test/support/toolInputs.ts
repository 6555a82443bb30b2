import type { SyntaxName } from "../../src/syntax/Syntax.ts"
import { allTools } from "../../src/tools/AllTools.ts"

/**
 * What each tool can be asked on a node where `vault` is the name of a gen_server and of a table of its. A tool that is
 * not here is not tested for what it must not do.
 */
export const toolInputs = (
  mode: SyntaxName,
  /** A node to compare with. */
  other: string
): Readonly<Record<string, ReadonlyArray<Readonly<Record<string, unknown>>>>> => ({
  connect_node: [{}],
  disconnect_node: [{}],
  list_nodes: [{}],
  set_mode: [{ mode }],
  diagnose_connection: [{}],
  discover_nodes: [{}],
  list_processes: [{ limit: 200 }, { group_by: "initial_call" }],
  top_processes: [
    { sort_by: "message_queue", limit: 100 },
    { sort_by: "reductions", window_ms: 100, limit: 100 }
  ],
  find_process: [{ name: "vault" }, { module: "gen_server" }],
  get_process_info: [
    { pid: "vault", groups: ["meta", "location", "memory", "gc", "signals", "binaries", "dictionary", "messages"] },
    { pid: "vault", groups: ["dictionary"], dictionary_keys: ["password"] }
  ],
  get_process_stacktrace: [{ pid: "vault" }],
  get_message_queue: [{ pid: "stuffed" }],
  get_process_children: [{ pid: "vault" }],
  get_process_links: [{ pid: "vault" }],
  group_stacktraces: [{}],
  get_gen_server_state: [{ pid: "vault" }, { pid: "vault", path: "nested" }, { pid: "vault", path: "password" }],
  get_gen_server_status: [{ pid: "vault" }],
  get_supervision_tree: [{ limit: 200 }],
  list_applications: [{}],
  get_application_info: [{ application: "kernel" }],
  list_application_processes: [{ application: "kernel" }],
  get_system_info: [{}],
  get_memory_info: [{}],
  get_allocator_info: [{}],
  get_scheduler_usage: [{ window_ms: 100 }],
  get_runtime_stats: [{ window_ms: 100 }],
  get_microstate_accounting: [{ window_ms: 100 }],
  get_environment: [{}, { names: ["VAULT_TEXT", "VAULT_PASSWORD", "VAULT_URL", "VAULT_ARGS"] }],
  list_timers: [{}],
  get_persistent_terms: [
    { limit: 100 },
    { key: mode === "elixir" || mode === "gleam" ? "{:vault, :password}" : "{vault, password}" }
  ],
  list_ets_tables: [{ limit: 200 }],
  get_ets_table_info: [{ table: "vault" }],
  sample_ets_table: [{ table: "vault", limit: 50 }],
  select_ets_table: [{ table: "vault", match: "{_, _}" }],
  list_mnesia_tables: [{}],
  list_modules: [{ limit: 10 }],
  get_module_info: [{ module: "vault" }],
  list_module_functions: [{ module: "lists", limit: 10 }],
  get_function_source: [{ function: "lists:map/2" }],
  compare_modules: [{ other_node: other, limit: 5 }],
  list_ports: [{}],
  list_sockets: [{}],
  get_distribution_info: [{}],
  ping_node: [{ count: 2 }],
  list_process_groups: [{}],
  list_registries: [{}],
  list_event_handlers: [{}],
  list_pubsub_topics: [{}],
  get_log_configuration: [{}],
  list_footprint: [{}],
  remove_footprint: [{}]
})

/** Each of them as a call, to `node` where a tool asks one. */
export const toolCalls = (mode: SyntaxName, node: string, other: string) =>
  Object.entries(toolInputs(mode, other)).flatMap(([tool, inputs]) =>
    inputs.map((input) => {
      const asksNode = allTools.find(({ name }) => name === tool)?.target !== "none"
      return [tool, asksNode ? { node, ...input } : input] as const
    })
  )
