import { type Effect, Schema } from "effect"
import type { ErlangNode } from "../node/ErlangNode.ts"
import type { Nodes } from "../node/Nodes.ts"
import type { Targets } from "../node/Targets.ts"
import type { AccessClass } from "../policy/Access.ts"
import type { Policy } from "../policy/Policy.ts"
import type { Answer } from "./Answer.ts"
import type { Position } from "./Cursor.ts"
import type { Failure } from "./Failure.ts"
import type { Session } from "./Session.ts"

/**
 * What a call costs the node: `cheap` is constant, `moderate` grows with the number of processes or tables and is
 * paced, `heavy` copies or waits and wants a reason.
 */
export type Cost = "cheap" | "moderate" | "heavy"

/** What a handler may ask for. */
export type ToolServices = Nodes | Targets | Policy | Session

/** What the catalogue hands to a handler for the `node` argument: the node, connected; its full name; or nothing. */
export interface TargetKinds {
  readonly connected: ErlangNode
  readonly named: string
  readonly none: undefined
}
export type TargetKind = keyof TargetKinds

/** The fields of a tool's input or output; their schemas need no services. */
export type Fields = Readonly<Record<string, Schema.ConstraintCodec<unknown, unknown>>>

/**
 * A tool: a value that knows no protocol. The MCP edges, the command line and the library run the same values, always
 * through the catalogue, which decodes the input, asks the policy and keeps the result contract.
 */
export interface Tool {
  /** lower_snake, at most 40 characters. */
  readonly name: string
  readonly title: string
  /** When to use it, what it costs, ranges and defaults of its input, what to call next. */
  readonly description: string
  readonly toolset: string
  readonly access: AccessClass
  readonly cost: Cost
  /** Whether there is a `node` argument, and what becomes of it before `run`. */
  readonly target: TargetKind
  /** Whether it only lets go of a node, so that it may also where the node may not be connected any more. */
  readonly letsGo?: true
  /** What to do where a call takes too long, in place of asking for less: a sentence that "or allow more" follows. */
  readonly ifLate?: string
  /** Milliseconds that a call may take where `timeout_ms` does not say. */
  readonly timeoutMillis: number
  readonly input: Schema.Struct<Fields>
  /** The data of a result; what stands around it is the same for all tools. */
  readonly output: Schema.Struct<Fields>
  /** What a `cursor` of this tool holds. Anybody can make one, so it is checked like any other input. */
  readonly position?: Schema.ConstraintDecoder<Position>
  /** Runs with input that `input` has decoded; `after` is what the `cursor` argument says. */
  readonly run: (
    input: never,
    target: never,
    after: never
  ) => Effect.Effect<Answer<object, string>, Failure, ToolServices>
}

/** A tool as its author writes it: the arguments that all tools share are added by {@link make}. */
export interface ToolSpec<
  Kind extends TargetKind,
  Input extends Fields,
  Output extends Fields,
  Place extends Position
> extends Omit<Tool, "input" | "output" | "position" | "run" | "target" | "timeoutMillis"> {
  readonly target: Kind
  /** Default 5,000. */
  readonly timeoutMillis?: number
  readonly input: Input
  readonly output: Output
  readonly position?: Schema.ConstraintDecoder<Place>
  readonly run: (
    input: Schema.Struct.Type<Input>,
    target: TargetKinds[Kind],
    after: Place | undefined
  ) => Effect.Effect<Answer<Schema.Struct.Type<Output>>, Failure, ToolServices>
}

/** The range of `timeout_ms`, in milliseconds. */
export const timeoutRange = { minimum: 100, maximum: 120_000 } as const

const defaultTimeoutMillis = 5_000

/** What a node is called by is told once for all tools, in the instructions. */
const node = Schema.optionalKey(Schema.String)

const timeout = (millis: number) =>
  Schema.optionalKey(
    Schema.Int.check(Schema.isBetween(timeoutRange)).annotate({
      description: `${timeoutRange.minimum} to ${timeoutRange.maximum}, default ${millis}`
    })
  )

/** Makes a tool; types of input, target and data follow from the schemas and `target`. */
export const make = <
  Kind extends TargetKind,
  const Input extends Fields,
  const Output extends Fields,
  Place extends Position = never
>(
  spec: ToolSpec<Kind, Input, Output, Place>
): Tool => {
  const { timeoutMillis = defaultTimeoutMillis } = spec
  return {
    ...spec,
    timeoutMillis,
    input: Schema.Struct({
      ...(spec.target === "none" ? {} : { node }),
      ...spec.input,
      timeout_ms: timeout(timeoutMillis)
    } satisfies Fields as Fields),
    output: Schema.Struct(spec.output satisfies Fields as Fields)
  }
}
