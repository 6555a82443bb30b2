import { Redacted } from "effect"
import type { Way } from "./Targets.ts"

/** How a connection is asked for. */
export interface ConnectOptions {
  /** This cookie in place of the configured one, should a connection have to be made. */
  readonly cookie?: Redacted.Redacted
  /** Also where the node is left alone, so that this may end it. */
  readonly insists?: boolean
  /** Called if the connection that one gets was not made for this request, so that its cookie was not tried. */
  readonly onShared?: () => void
  /** Milliseconds that connecting may take, one's own time also where others ask at once; see {@link LinkOptions.timeoutMillis}. */
  readonly timeoutMillis?: number
}

/**
 * Who wants a connection: somebody who calls; somebody who wants it by name, also where the node has refused us or is
 * left in peace; or we ourselves, to make a lost link again.
 */
export type Urge = "call" | "wish" | "loss"

/** How a connection is wanted, by one who asks for it. */
export interface Wish {
  readonly cookie: Redacted.Redacted | undefined
  readonly by: Urge
  readonly insists: boolean
  readonly way: Way
  /** When the time for connecting is over, by `performance.now`. */
  readonly end: number
}

/** Milliseconds that are left for it. */
export const left = ({ end }: Wish): number => Math.ceil(end - performance.now())

/** For a step on the way to it. */
export const patienceOf = (wish: Wish): { readonly timeoutMillis?: number } =>
  wish.end === Infinity ? {} : { timeoutMillis: Math.max(1, left(wish)) }

/** The cookie to use in place of the configured one. */
export const cookieOf = ({ cookie }: Wish): string | undefined => cookie && Redacted.value(cookie)
