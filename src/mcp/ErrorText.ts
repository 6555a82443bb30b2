import type { ToolError } from "../tools/ToolError.ts"

/**
 * A failed call as text, for a model or a person: what went wrong, then one line for each thing that helps to go on.
 * The lines are `key: value` so that a program can read them as well.
 */
export const errorText = ({ code, didYouMean, message, next, retryable }: ToolError): string =>
  [
    message,
    `code: ${code}`,
    `retryable: ${retryable ? "yes" : "no"}`,
    ...(next === undefined ? [] : [`next: ${next}`]),
    ...(didYouMean === undefined || didYouMean.length === 0 ? [] : [`did you mean: ${didYouMean.join(", ")}`])
  ].join("\n")
