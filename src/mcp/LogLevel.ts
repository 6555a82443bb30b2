import { ErrorCode, type LoggingLevel, McpError } from "@modelcontextprotocol/sdk/types.js"
import { Predicate } from "effect"

/** The levels of MCP, which are those of RFC 5424, from the least grave. */
const levels: ReadonlyArray<LoggingLevel> = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency"
]

/** The level that a `logging/setLevel` asks for; throws the protocol's error where it asks for none. */
export const levelIn = (params: unknown): LoggingLevel => {
  const given = Predicate.isReadonlyObject(params) ? params["level"] : undefined
  const level = levels.find((each) => each === given)
  if (level === undefined)
    throw new McpError(ErrorCode.InvalidParams, `logging/setLevel needs a level: ${levels.join(", ")}`)
  return level
}

/** Whether a client wants a message: it does not until it has set a level. */
export const isWanted = (level: LoggingLevel, wanted: LoggingLevel | undefined): boolean =>
  wanted !== undefined && levels.indexOf(level) >= levels.indexOf(wanted)
