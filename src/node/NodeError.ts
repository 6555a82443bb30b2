import { Data } from "effect"
import type { DistError } from "../dist/DistError.ts"
import type { CallError, CallReason } from "./CallError.ts"
import type { LeftAlone } from "./LeftAlone.ts"
import type { TargetError } from "./Targets.ts"

/**
 * A node that is left in peace: of the latest requests too many got no answer in time or lost the link, so that no more
 * are made before `until`. Times are milliseconds since the Unix epoch.
 */
export class BreakerOpen extends Data.TaggedError("BreakerOpen")<{
  readonly node: string
  /** When it opened, or, where one request is under way that will decide, when that was let through. */
  readonly since: number
  /** When the next request is let through to see whether the node answers again. */
  readonly until: number
  /** Whether such a request is under way. */
  readonly isProbing: boolean
}> {
  override get message(): string {
    const { isProbing, node, since, until } = this
    const next = new Date(until).toISOString()
    return isProbing
      ? `${node} did not answer lately and is left in peace; one request is under way to see whether it does again. If nothing is known by then, the next one may go at ${next}.`
      : `${node} is left in peace since ${new Date(since).toISOString()}: too many requests got no answer in time or lost the link. The next one may go at ${next}, to see whether the node answers again.`
  }
}

/** Why there is no connected node. */
export type NodeError = TargetError | DistError | CallError | BreakerOpen | LeftAlone

/**
 * What would come of the same cookie and name again, and costs: an error report in the node's log, or one more digest
 * shown.
 */
export const isRefusal = (why: NodeError): boolean =>
  why._tag === "DistError" &&
  ["CookieRejected", "PeerCookieWrong", "NotAllowed", "NameRefused"].includes(why.reason._tag)

/** Whether it is only suspected that the node refuses our cookie; see {@link DistReason}. */
const isSuspicion = (why: NodeError): boolean =>
  why._tag === "DistError" && why.reason._tag === "CookieRejected" && why.reason.isCertain !== true

/** What only those mend who know of it, here or there. Each goes into the node's log each time. */
const lastingTls: ReadonlySet<string> = new Set([
  "TlsCertificate",
  "TlsClientCertificateWanted",
  "TlsClientCertificateRefused",
  "TlsVersion",
  "WantsTls",
  "WantsPlain"
])

/** A node with hardly an atom left, which never gets one back: each link that is made to it may make more of them. */
export const isScarce = (
  why: NodeError
): why is CallError & { readonly reason: Extract<CallReason, { readonly _tag: "AtomsScarce" }> } =>
  why._tag === "CallError" && why.reason._tag === "AtomsScarce"

/** What does not pass by itself. Most of it goes into the node's log each time. */
export const isHopeless = (why: NodeError): boolean =>
  (isRefusal(why) && !isSuspicion(why)) ||
  (why._tag === "TargetError" && why.isPassing !== true) ||
  isScarce(why) ||
  (why._tag === "DistError" && (lastingTls.has(why.reason._tag) || why.reason._tag === "MissingFlags"))

/** A name service that gave no answer, which is none about the host. */
export const isUnresolvedYet = (why: NodeError): boolean =>
  why._tag === "DistError" && why.reason._tag === "HostUnresolved" && why.reason.isPassing === true

/** Whether it was time that was lacking. */
export const isOverdue = (why: NodeError): boolean =>
  isUnresolvedYet(why) ||
  ((why._tag === "DistError" || why._tag === "CallError") &&
    ["Timeout", "EpmdSilent", "DeadlineExceeded"].includes(why.reason._tag))

/** What fails before anybody is sent to the node itself. */
const beforeNode: ReadonlySet<string> = new Set([
  "InvalidNodeName",
  "InvalidOption",
  "HostUnresolved",
  "EpmdRefused",
  "EpmdSilent",
  "EpmdGarbage",
  "NameNotRegistered",
  "TlsMaterial"
])

/** Whether nobody was sent to the node; where a tunnel leads to it, to open that is a connection to it already. */
export const isBeforeNode = (why: NodeError): boolean =>
  why._tag === "DistError" &&
  (beforeNode.has(why.reason._tag) || (why.reason._tag === "Timeout" && why.reason.phase === "epmd"))

/** The connection was closed on our side. */
export const isDisconnected = (why: NodeError): boolean =>
  why._tag === "DistError" && why.reason._tag === "Disconnected"

/**
 * Whether an attempt to connect, or the loss of a link, says that the node or the way to it is in trouble: no answer, or
 * an end in the middle. A clear answer is none, also one that says that there is no such node: it is had at once. Nor
 * is what this machine lacks.
 */
export const isTrouble = (why: NodeError): boolean => {
  if (why._tag === "CallError" && why.reason._tag === "LinkLost") return isTrouble(why.reason.cause)
  return (
    isOverdue(why) ||
    // A tunnel that came to an end, or to nothing.
    (why._tag === "TargetError" && why.isPassing === true && why.isShortage !== true) ||
    (why._tag === "DistError" &&
      (["Unreachable", "ClosedInHandshake", "LinkClosed", "TickTimeout", "ProtocolViolation"].includes(
        why.reason._tag
      ) ||
        ("isCut" in why.reason && why.reason.isCut === true)))
  )
}
