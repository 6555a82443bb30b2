/** A function of the agent, by the name it has in `erlang/agent/`. */
export type AgentFunction = "processes_page" | "processes_window"
