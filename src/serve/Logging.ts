import { Layer, Logger, References } from "effect"
import { visible } from "../syntax/Escape.ts"

const severities = { trace: "Trace", debug: "Debug", info: "Info", warn: "Warn", error: "Error", none: "None" } as const

/**
 * One line an event on stderr: stdout belongs to the protocol, or to what a command prints. What nodes and clients say
 * stands in it, so nothing in it may steer a terminal or hide from who reads it.
 */
export const layer = (level: keyof typeof severities): Layer.Layer<never> =>
  Layer.merge(
    Logger.layer([Logger.withConsoleError(Logger.map(Logger.formatLogFmt, visible))]),
    Layer.succeed(References.MinimumLogLevel, severities[level])
  )
