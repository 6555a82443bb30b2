/** A module of the node-side agent in both forms that it runs in. */
export interface AgentModule<Function extends string> {
  /** The name to load it under; its last eight digits are a hash of the code. */
  readonly module: string
  /** What `Module:module_info(md5)` answers once it is loaded, in hexadecimal. */
  readonly md5: string
  /** What `code:load_binary/3` takes, in base 64. */
  readonly beam: string
  /** Its functions, all of one argument, in external format, in base 64. See `run` in `agent.generated.ts`. */
  readonly interpreted: Readonly<Record<Function, string>>
}
