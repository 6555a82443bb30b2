import { Effect } from "effect"
import { resolve } from "node:path"
import { Discovery } from "../../cluster/Discovery.ts"
import type { Discovered } from "../../cluster/Merge.ts"
import { DistError } from "../../dist/DistError.ts"
import type { NodeError } from "../../node/NodeError.ts"
import { Nodes } from "../../node/Nodes.ts"
import { nodeCalled, TargetError, Targets } from "../../node/Targets.ts"
import { Policy } from "../../policy/Policy.ts"
import { isSameHere } from "../../policy/ThisMachine.ts"
import { stepMillis } from "../Deadline.ts"

/** Milliseconds that looking at the processes of this machine may take, and the source of discovery that does. */
const patience = 1_000
const source = "releases"

/** What stands between us and a node, as far as its own process can say more. */
type Matter = "cookie" | "place"

const matterOf = (why: NodeError): Matter | undefined => {
  if (why._tag === "TargetError") return why.lacksCookie === true ? "cookie" : undefined
  if (why._tag !== "DistError") return undefined
  switch (why.reason._tag) {
    case "CookieRejected":
      return "cookie"
    case "NameNotRegistered":
    case "EpmdRefused":
      return "place"
    default:
      return undefined
  }
}

/** Whether a text has this path in it, in full or from the working folder on. */
const names = (text: string, path: string): boolean =>
  text.includes(path) || text.split(/[\s:;()]+/u).some((word) => word !== "" && resolve(word) === path)

/** Whether the cookie that was used came from there, or that is one of the places that were looked at for one. */
const hasTried = (why: NodeError, file: string): boolean =>
  why._tag === "DistError" && why.reason._tag === "CookieRejected"
    ? names(why.reason.source ?? "", file)
    : why._tag === "TargetError" && names(why.message, file)

const cookieAdvice = ({ cookieFile }: Discovered, why: NodeError): string | undefined =>
  cookieFile === undefined || hasTried(why, cookieFile)
    ? undefined
    : `The release's own cookie is in ${cookieFile}, which is used only where it is named: --cookie-file ${cookieFile}, or cookie_file of the node's entry (its owner alone may be able to access it: mode 600).`

const placeAdvice = ({ epmdPort, isListening, port }: Discovered, defaultPort: number): string | undefined => {
  if (isListening === false)
    return "Its process runs on this machine, started with -dist_listen false: it takes no connections, makes them alone, and is registered nowhere. It can be connected once it is started without that."
  if (port !== undefined)
    return `Its process runs on this machine, and does without EPMD: by its arguments it listens at port ${port}, so give it an entry with "address": "localhost:${port}".`
  return epmdPort === undefined || epmdPort === defaultPort
    ? undefined
    : `Its process runs on this machine, and by its environment its EPMD listens on port ${epmdPort}: --epmd-port ${epmdPort}, or epmd_port of its entry.`
}

/**
 * What the node's own process on this machine, or the release that we were started in, says of why it cannot be
 * connected. Looks where discovery does, if the operator lets it, and not for a node that is said to be elsewhere.
 */
export const adviceOf = Effect.fnUntraced(function* (
  name: string,
  whys: ReadonlyArray<NodeError>
): Effect.fn.Return<ReadonlyArray<string>, never, Nodes | Targets | Policy> {
  const matters = whys.flatMap((why) => {
    const matter = matterOf(why)
    return matter === undefined ? [] : [{ matter, why }]
  })
  if (matters.length === 0) return []
  const targets = yield* Targets
  const { address, epmdHost, tunnel } = nodeCalled(yield* targets.entries, name) ?? {}
  if (address !== undefined || epmdHost !== undefined || tunnel !== undefined) return []
  const timeoutMillis = Math.min(patience, yield* stepMillis)
  const { found } = yield* (yield* Discovery.make).once({ from: source, timeoutMillis })
  const { hostNames } = (yield* Policy).settings
  const own = found.find(({ node }) => node === name) ?? found.find(({ node }) => isSameHere(node, name, hostNames))
  if (own === undefined) return []
  return matters.flatMap(
    ({ matter, why }) => (matter === "cookie" ? cookieAdvice(own, why) : placeAdvice(own, targets.epmdPort)) ?? []
  )
})

/** Adds to why a node cannot be connected what {@link adviceOf} has to say of it. */
export const withAdvice =
  (name: string) =>
  <A, E, R>(joined: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Nodes | Targets | Policy> =>
    Effect.catchIf(
      joined,
      (why): why is E & (DistError | TargetError) => why instanceof DistError || why instanceof TargetError,
      (why) =>
        Effect.flatMap(adviceOf(name, [why]), (advice) => {
          if (advice.length === 0) return Effect.fail(why)
          const told = advice.join(" ")
          return Effect.fail(
            why._tag === "DistError"
              ? new DistError({ ...why, through: why.through === undefined ? told : `${why.through} ${told}` })
              : new TargetError({ ...why, message: `${why.message} ${told}` })
          ) as Effect.Effect<never, E>
        })
    )
