import { Effect, Option } from "effect"
import { resolve } from "node:path"
import { Discovery } from "../cluster/Discovery.ts"
import { type Discovered, shortName } from "../cluster/Merge.ts"
import { DistError } from "../dist/DistError.ts"
import { names as registeredWith } from "../dist/Epmd.ts"
import type { NodeError } from "../node/NodeError.ts"
import { Nodes } from "../node/Nodes.ts"
import { nodeCalled, TargetError, Targets } from "../node/Targets.ts"
import { Policy } from "../policy/Policy.ts"
import { isOnThisMachine, isSameHere } from "../policy/ThisMachine.ts"
import { visible } from "../syntax/Escape.ts"
import { stepMillis } from "./Deadline.ts"
import { fromDistError } from "./Failure.ts"
import { ToolError } from "./ToolError.ts"

/** Milliseconds that looking at the processes of this machine may take, and the source of discovery that does. */
const patience = 1_000
const source = "releases"

/** What stands between us and a node, as far as its own process, or the EPMD here, can say more. */
type Matter = "cookie" | "registration" | "address" | "silence" | "epmd"

/** Where the way to a node leads, as its name and its entry have it. */
interface Way {
  readonly name: string
  readonly address: string | undefined
  readonly epmdHost: string | undefined
  /** Whether a host is this machine. */
  readonly isHere: (host: string) => boolean
}

const hostOf = (name: string): string => name.slice(name.indexOf("@") + 1)

const matterOf = (why: NodeError, { address, epmdHost, isHere, name }: Way): Matter | undefined => {
  // Behind an address, or an EPMD elsewhere, there may be another node of the name: only that nothing is there is a matter.
  const isPlain = address === undefined && epmdHost === undefined
  const isAway = address !== undefined || !isHere(epmdHost ?? hostOf(name))
  const silence = isPlain && isHere(hostOf(name)) ? "silence" : undefined
  if (why._tag === "CallError") return why.reason._tag === "DeadlineExceeded" ? silence : undefined
  if (why._tag === "TargetError") return why.lacksCookie === true && isPlain ? "cookie" : undefined
  if (why._tag !== "DistError") return undefined
  const { reason } = why
  switch (reason._tag) {
    case "CookieRejected":
      return isPlain ? "cookie" : undefined
    case "NameNotRegistered":
      if (isHere(reason.host)) return isPlain ? "registration" : undefined
      return reason.host === hostOf(name) ? "address" : undefined
    case "EpmdRefused":
      if (isHere(reason.host)) return isPlain ? "registration" : undefined
      return "address"
    case "HostUnresolved":
      return reason.isPassing === true ? undefined : "address"
    case "EpmdSilent":
      return isHere(reason.host) ? "epmd" : "address"
    case "Timeout":
      if (reason.phase === "handshake" || reason.phase === "tls") return silence
      return isAway && (reason.phase === "epmd" || (reason.phase === "connect" && address !== undefined))
        ? "address"
        : undefined
    case "Unreachable":
      return isAway ? "address" : undefined
    case "PortRefused":
    case "WrongNode":
      return address === undefined ? undefined : "address"
    default:
      return undefined
  }
}

/** What there is to say of why a node cannot be connected. */
export interface Advice {
  readonly told: string
  /** That it stays so, however often it is tried. */
  readonly isLasting?: true
}

/** Whether a text has this path in it, in full or from the working folder on. */
const names = (text: string, path: string): boolean =>
  text.includes(path) || text.split(/[\s:;()]+/u).some((word) => word !== "" && resolve(word) === path)

/** Whether the cookie that was used came from there, or that is one of the places that were looked at for one. */
const hasTried = (why: NodeError, file: string): boolean =>
  why._tag === "DistError" && why.reason._tag === "CookieRejected"
    ? names(why.reason.source ?? "", file)
    : why._tag === "TargetError" && names(why.message, file)

const cookieAdvice = ({ cookieFile }: Discovered, why: NodeError): Advice | undefined =>
  cookieFile === undefined || hasTried(why, cookieFile)
    ? undefined
    : {
        told: `The release's own cookie is in ${cookieFile}, which is used only where it is named: --cookie-file ${cookieFile}, or cookie_file of the node's entry (its owner alone may be able to access it: mode 600).`
      }

const isNotListening: Advice = {
  told: "Its process runs on this machine, started with -dist_listen false: it takes no connections, makes them alone, and is registered nowhere. It can be connected once it is started without that.",
  isLasting: true
}

/** Of a node that takes connections and says nothing. */
const silenceAdvice = ({ stoppedProcess: pid }: Discovered): Advice | undefined =>
  pid === undefined
    ? undefined
    : {
        told: `Its process runs on this machine, and is stopped (SIGSTOP), so that nothing in it goes on: kill -CONT ${pid} lets it.`
      }

/** Of this machine's EPMD that takes connections and says nothing. */
const epmdAdvice = Effect.fnUntraced(function* (
  port: number
): Effect.fn.Return<Advice | undefined, never, Nodes | Targets> {
  const { stoppedEpmd } = yield* Effect.promise(() => import("../cluster/StoppedEpmd.ts"))
  const mayLook = (yield* Discovery.make).sources.includes(source)
  const pid = mayLook ? yield* stoppedEpmd(port) : undefined
  return pid === undefined
    ? undefined
    : {
        told: `EPMD's process runs on this machine, and is stopped (SIGSTOP), so that nothing in it goes on: kill -CONT ${pid} lets it.`
      }
})

/** Of a node that this machine's EPMD, at the port `asked`, does not have. */
const registrationAdvice = ({ epmdPort, isListening, port }: Discovered, asked: number): Advice | undefined => {
  if (isListening === false) return isNotListening
  if (port !== undefined)
    return {
      told: `Its process runs on this machine, and does without EPMD: by its arguments it listens at port ${port}, so give it an entry with "address": "localhost:${port}".`
    }
  if (epmdPort === undefined) return undefined
  return {
    told:
      epmdPort === asked
        ? `Its process runs on this machine, and by its environment its EPMD is the one that was asked, at port ${epmdPort}: that was ended, or started again, after the node had registered. A node of OTP 25 or later registers again by itself, seconds after its EPMD is started (epmd -daemon); one of OTP 23 has to be started again.`
        : `Its process runs on this machine, and by its environment its EPMD listens on port ${epmdPort}: --epmd-port ${epmdPort}, or epmd_port of its entry.`
  }
}

/** Milliseconds for an EPMD of this machine to answer. */
const epmdPatience = 500

/** Of a node that is not where its host, or the address of its entry, leads to: where it is on this machine, if so. */
const addressAdvice = Effect.fnUntraced(function* (
  name: string,
  own: Discovered | undefined,
  { address, epmdHost, epmdPort }: Pick<Way, "address" | "epmdHost"> & { readonly epmdPort: number }
): Effect.fn.Return<Advice | undefined> {
  if (own?.isListening === false) return isNotListening
  const at = { host: "127.0.0.1", port: own?.epmdPort ?? epmdPort }
  const registered = Effect.map(
    registeredWith(at, epmdPatience),
    // No node listens at port 0, or at that of EPMD itself.
    (all) => all.find((each) => each.name === shortName(name) && ![0, at.port].includes(each.port))?.port
  )
  const port = own?.port ?? (yield* Effect.orElseSucceed(registered, () => undefined))
  // Where the address has this port already, it is no other place.
  if (port === undefined || address?.endsWith(`:${port}`) === true) return undefined
  const process = epmdHost === undefined ? "Its process" : "The process of a node of this name, which may be it,"
  const who =
    own === undefined
      ? `EPMD on this machine (port ${at.port}) has a node '${visible(shortName(name))}' at port ${port}, which may be it`
      : own.port === undefined
        ? `${process} runs on this machine, and EPMD here (port ${at.port}) has it at port ${port}`
        : `${process} runs on this machine, and by its arguments it listens at port ${port}`
  const inPlace =
    address !== undefined
      ? `, in place of "${visible(address)}"; or leave the address out, if its host is this machine`
      : epmdHost !== undefined
        ? `, whatever epmd_host says ("${visible(epmdHost)}")`
        : ""
  return { told: `${who}: "address": "localhost:${port}" in its entry leads there${inPlace}.` }
})

/**
 * What the node's own process on this machine, the release that we were started in, or the EPMD here says of why it
 * cannot be connected. Looks where discovery does, if the operator lets it, and not for a node that is said to be
 * elsewhere.
 */
export const adviceOf = Effect.fnUntraced(function* (
  name: string,
  whys: ReadonlyArray<NodeError>
): Effect.fn.Return<ReadonlyArray<Advice>, never, Nodes | Targets | Policy> {
  const targets = yield* Targets
  const { hostNames } = (yield* Policy).settings
  const { address, epmdHost, epmdPort = targets.epmdPort, tunnel } = nodeCalled(yield* targets.entries, name) ?? {}
  const isHere = (host: string) => isOnThisMachine(`@${host}`, hostNames)
  const matters = whys.flatMap((why): ReadonlyArray<{ readonly matter: Matter; readonly why: NodeError }> => {
    const matter = matterOf(why, { address, epmdHost, isHere, name })
    return matter === undefined ? [] : [{ matter, why }]
  })
  if (matters.length === 0 || tunnel !== undefined) return []
  const timeoutMillis = Math.min(patience, yield* stepMillis)
  const isOfNode = matters.some(({ matter }) => matter !== "epmd")
  const { found } = isOfNode ? yield* (yield* Discovery.make).once({ from: source, timeoutMillis }) : { found: [] }
  const itself = found.filter(({ node }) => node === name || isSameHere(node, name, hostNames))
  const own = itself.find(({ node }) => node === name) ?? itself[0]
  const isLocal = own !== undefined || isOnThisMachine(name, hostNames)
  const byAddress = isLocal ? addressAdvice(name, own, { address, epmdHost, epmdPort }) : Effect.undefined
  const advice = yield* Effect.forEach(matters, ({ matter, why }) => {
    if (matter === "cookie") return Effect.succeed(own && cookieAdvice(own, why))
    if (matter === "address") return byAddress
    // Nobody is told to let another go on.
    if (matter === "silence") return Effect.succeed(own && itself.length === 1 ? silenceAdvice(own) : undefined)
    const asked = why._tag === "DistError" && "port" in why.reason ? why.reason.port : epmdPort
    if (matter === "epmd")
      return Effect.map(Effect.timeoutOption(epmdAdvice(asked), timeoutMillis), Option.getOrUndefined)
    const byRegistration = own && registrationAdvice(own, asked)
    // EPMD may listen at one address of this machine, and not at that which the host has.
    const isRefused = why._tag === "DistError" && why.reason._tag === "EpmdRefused"
    return isRefused && own?.epmdPort === asked
      ? Effect.map(byAddress, (elsewhere) => elsewhere ?? byRegistration)
      : Effect.succeed(byRegistration)
  })
  return advice.filter((each) => each !== undefined)
})

/** Adds to why a node cannot be connected what {@link adviceOf} has to say of it. */
export const withAdvice =
  (name: string) =>
  <A, E, R>(joined: Effect.Effect<A, E, R>): Effect.Effect<A, E | ToolError, R | Nodes | Targets | Policy> =>
    Effect.catchIf(
      joined,
      (why): why is E & (DistError | TargetError) => why instanceof DistError || why instanceof TargetError,
      (why) =>
        Effect.flatMap(adviceOf(name, [why]), (advice): Effect.Effect<never, E | ToolError> => {
          if (advice.length === 0) return Effect.fail(why)
          const told = advice.map((each) => each.told).join(" ")
          if (why._tag === "TargetError")
            return Effect.fail(new TargetError({ ...why, message: `${why.message} ${told}` }) as E & TargetError)
          const through = why.through === undefined ? told : `${why.through} ${told}`
          const explained = new DistError({ ...why, through })
          if (!advice.some(({ isLasting }) => isLasting)) return Effect.fail(explained as E & DistError)
          const error = fromDistError(explained)
          return Effect.fail(new ToolError({ ...error, message: error.message, retryable: false }))
        })
    )
