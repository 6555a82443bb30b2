import { Layer, Logger, References } from "effect"

const severities = { trace: "Trace", debug: "Debug", info: "Info", warn: "Warn", error: "Error", none: "None" } as const

/** One line an event on stderr: stdout belongs to the protocol, or to what a command prints. */
export const layer = (level: keyof typeof severities): Layer.Layer<never> =>
  Layer.merge(
    Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]),
    Layer.succeed(References.MinimumLogLevel, severities[level])
  )
