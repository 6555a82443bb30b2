import type { Verdict } from "./Breaker.ts"

/**
 * What the ends of calls say of a node's health, told to one listener. Of calls that were under way together and failed
 * it hears once: a tool asks several things at a time, with one deadline for all, and the second of them says nothing
 * that the first did not.
 */
export class Verdicts {
  readonly #listener: (verdict: Verdict) => void
  #failures = 0

  constructor(listener: (verdict: Verdict) => void) {
    this.#listener = listener
  }

  /** Failures that were told: what a call remembers when it begins. */
  get failures(): number {
    return this.#failures
  }

  /** Tells the verdict on a call that began when there were so many failures. */
  tell(verdict: Verdict, failuresBefore: number): void {
    if (verdict === "failure") {
      if (this.#failures !== failuresBefore) return
      this.#failures++
    }
    this.#listener(verdict)
  }
}
