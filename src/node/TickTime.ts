import { Effect } from "effect"
import type { Link } from "../dist/Link.ts"
import { isTuple, type Term } from "../etf/Term.ts"
import type { Call } from "./Call.ts"

/** Seconds of a node's `net_ticktime` where nobody says, which a link begins with. */
const usualSeconds = 60

/** Milliseconds until nobody waits for an answer any more. */
const patienceMillis = 5_000

/**
 * The `net_ticktime` of a node: how long either side may be silent. Whoever is there can set it while the node runs
 * (`net_kernel:set_net_ticktime/2`), and nobody tells its peers.
 */
export class TickTime {
  readonly #link: Pick<Link, "setTickTime" | "silentMillis">
  readonly #call: Call
  #seconds = usualSeconds

  constructor(link: Pick<Link, "setTickTime" | "silentMillis">, call: Call) {
    this.#link = link
    this.#call = call
  }

  /** Takes in what `net_kernel:get_net_ticktime/0` answers: seconds, or what they are about to be. */
  learn(answer: Term): void {
    const told = isTuple(answer) ? answer[1] : answer
    if (typeof told !== "number" || told <= 0) return
    // While it changes, a node ticks as often as the shorter of both demands, and expects no less.
    const seconds = isTuple(answer) ? Math.min(told, this.#seconds) : told
    if (seconds === this.#seconds) return
    this.#seconds = seconds
    this.#link.setTickTime(seconds)
  }

  /**
   * Asks for it now, one question of constant cost, and waits a while for the answer. That `net_kernel` is stuck is no
   * reason to leave the node in peace.
   */
  readonly ask: Effect.Effect<void> = Effect.suspend(() =>
    this.#call("net_kernel", "get_net_ticktime", [], { timeoutMillis: patienceMillis, isLook: true })
  ).pipe(
    Effect.map((answer) => this.learn(answer)),
    Effect.ignore
  )

  /**
   * Asks again whenever the node has been silent for half of it, which is two ticks that did not come: one that has come
   * to tick more slowly is not taken for one that is gone.
   */
  readonly askWhenSilent: Effect.Effect<never> = Effect.suspend(() => Effect.sleep(this.#seconds * 250)).pipe(
    Effect.andThen(Effect.suspend(() => (this.#link.silentMillis() > this.#seconds * 500 ? this.ask : Effect.void))),
    Effect.forever
  )
}
