import { Cause, Effect, Exit, Option, Result } from "effect"
import { describeBytes, DistError, type DistReason, nameServers } from "../dist/DistError.ts"
import { names, portPlease, type Registration } from "../dist/Epmd.ts"
import { defaultEpmdPort } from "../dist/EpmdPort.ts"
import { HandshakePackets } from "../dist/Handshake.ts"
import { type NodeName, parseNodeName } from "../dist/NodeName.ts"
import { type Dial, recording } from "../dist/Recording.ts"
import { Resolver } from "../dist/Resolver.ts"
import { describeTls } from "../dist/Tls.ts"
import { type Address, type Endpoint, endpointText, Transport } from "../dist/Transport.ts"
import { atom } from "../etf/Term.ts"
import { excerpt, listed } from "../syntax/Excerpt.ts"
import type { CallError } from "./CallError.ts"
import { type ClockDifference, describeClock } from "./ClockDifference.ts"
import { cookieFingerprint } from "./CookieFingerprint.ts"
import { type ErlangNode, joinNode } from "./ErlangNode.ts"
import type { LeftAlone } from "./LeftAlone.ts"
import { isRefusal, type NodeError } from "./NodeError.ts"
import { withCookieSource } from "./Refusal.ts"
import type { NodeTarget, TargetError } from "./Targets.ts"
import { type Span, within } from "./Within.ts"

/** The steps from a node's name to an answer, in their order. */
export const stepNames = [
  "name",
  "configuration",
  "host",
  "epmd",
  "tcp",
  "tls",
  "handshake",
  "cookie",
  "flags",
  "call",
  "clock"
] as const
export type StepName = (typeof stepNames)[number]

/**
 * How one step went. `skipped`: the way to this node leads past it. `not_tried`: the walk ends before it for the node's
 * sake. `not_reached`: it ended at an earlier one.
 */
export interface Step {
  readonly step: StepName
  readonly outcome: "passed" | "failed" | "skipped" | "not_tried" | "not_reached"
  /** What was found; of the step that the walk ends at what that means, and what to do. */
  readonly found: string
  /** What came over the wire, as far as it is no secret. */
  readonly seen?: string
  /** Milliseconds that it took, where that was measured by itself. */
  readonly millis?: number
}

/**
 * What whoever asked for a walk can do himself for it to go further: give it more time, connect expressly once the rest
 * is mended, or close the link that there is. How that is done is known to him alone.
 */
export type Remedy = "more_time" | "connect" | "reset" | "close_link"

/** A walk over all steps, as far as they went. */
export interface Diagnosis {
  readonly steps: ReadonlyArray<Step>
  /** What else was noticed that can explain a failure, or become one. */
  readonly remarks: ReadonlyArray<string>
  readonly remedy?: Remedy
  /** The name that the node gives itself, where it was asked for by another. */
  readonly calledItself?: string
  /** Why there is no link, where that is where the walk ended. */
  readonly why?: NodeError
  /** How the node has refused us, where that is where the walk ended: for who keeps it from happening again. */
  readonly refusal?: DistError
}

/** What the diagnosis is told beside the node itself. */
export interface DiagnosisOptions {
  /** Milliseconds for all steps together. */
  readonly timeoutMillis: number
  /** Full names of nodes that are known here, by the configuration or as connected. */
  readonly known: ReadonlyArray<string>
  /** Our own name on the link that there is to the node already, if any. */
  readonly linkedAs?: string
  /**
   * That there is no cookie for the node: what stands for one in the target is never used. The way is walked up to where
   * it takes a cookie.
   */
  readonly withoutCookie?: TargetError
  /**
   * What came of the cookie before, and would again. If it was refused, or shown to somebody who does not know it
   * himself, it is not shown again: the way is walked up to where it would be.
   */
  readonly remembered?: NodeError
  /** That nobody is sent to the node for its own sake: the way is walked up to where a connection to it would be made. */
  readonly leftAlone?: LeftAlone
}

/** The step that a link which cannot be made fails in; of TCP to EPMD as well as to the node. */
const stepOf = (reason: DistReason, host: string | undefined, epmd: Address | undefined): StepName => {
  switch (reason._tag) {
    case "InvalidNodeName":
      return "name"
    case "HostUnresolved":
      return reason.host !== host && reason.host === epmd?.host ? "epmd" : "host"
    case "EpmdRefused":
    case "EpmdSilent":
    case "EpmdGarbage":
    case "NameNotRegistered":
      return "epmd"
    case "PortRefused":
    case "NoResources":
    case "Unreachable":
      return "tcp"
    case "Timeout":
      return reason.phase === "connect" ? "tcp" : reason.phase
    case "WantsTls":
    case "WantsPlain":
    case "TlsCertificate":
    case "TlsClientCertificateWanted":
    case "TlsClientCertificateRefused":
    case "TlsVersion":
    case "TlsFailed":
      return "tls"
    case "InvalidOption":
    case "TlsMaterial":
      return "configuration"
    case "CookieRejected":
    case "PeerCookieWrong":
      return "cookie"
    case "MissingFlags":
      return "flags"
    case "NotErlangNode":
    case "NotAllowed":
    case "NameInUse":
    case "NameRefused":
    case "Refused":
    case "NameNotGiven":
    case "ClosedInHandshake":
    case "WrongNode":
      return "handshake"
    case "LinkClosed":
    case "TickTimeout":
    case "ProtocolViolation":
    case "Fault":
    case "Disconnected":
      return "call"
  }
}

/** What a node said of itself in its part of the handshake, read from the bytes that came. */
interface Greeting {
  readonly status: string | undefined
  readonly name: string | undefined
  readonly flags: bigint | undefined
}

const greetingOf = ({ head, isSecured }: Dial): Greeting => {
  const packets = new HandshakePackets(isSecured ? 4 : 2)
  packets.push(head)
  let status: string | undefined
  for (let packet = packets.next(); packet !== undefined && !("_tag" in packet); packet = packets.next()) {
    const bytes = Buffer.from(packet)
    if (bytes[0] === 0x73) status = bytes.toString("latin1", 1, 14).replace(/:.*$/su, "")
    if (bytes[0] === 0x4e && bytes.length >= 19)
      return { status, flags: bytes.readBigUInt64BE(1), name: bytes.toString("utf8", 19, 19 + bytes.readUInt16BE(17)) }
  }
  return { status, name: undefined, flags: undefined }
}

/** What was seen of TLS. */
const seenOfTls = ({ tls }: Dial): string | undefined => {
  const seen = tls && describeTls(tls)
  return seen === undefined ? undefined : `with TLS: ${seen}`
}

/** What came, as long as it cannot be an answer to our challenge: that is made of the cookie. */
const seenOf = (dial: Dial): string | undefined => {
  // Only what is inside of TLS is counted, and that did not begin.
  if (dial.isSecured && dial.sentBytes === 0) return undefined
  const { flags, name, status } = greetingOf(dial)
  const counts = `sent ${dial.sentBytes} bytes, received ${dial.receivedBytes}`
  if (status === undefined) return dial.receivedBytes === 0 ? counts : `${counts}: ${describeBytes(dial.head)}`
  const told = [
    `status '${excerpt(status)}'`,
    ...(name === undefined ? [] : [`its name '${excerpt(name)}'`]),
    ...(flags === undefined ? [] : [`flags ${hex(flags)}`])
  ]
  return `${counts}: ${told.join(", ")}`
}

/** What came and went since the handshake was done. */
const seenSince = (shaken: Dial, now: Dial): string =>
  `since the handshake: sent ${now.sentBytes - shaken.sentBytes} bytes, received ${now.receivedBytes - shaken.receivedBytes}`

const isLong = (host: string): boolean => host.includes(".") || host.includes(":")

const kindOf = ({ host }: NodeName): string =>
  isLong(host) ? "a long name (-name)" : "a short name (-sname): its host has no dot in it"

const configurationOf = (target: NodeTarget, fingerprint: string | undefined): string =>
  [
    fingerprint === undefined
      ? "No cookie was found, of which more further on"
      : `The cookie comes from ${target.cookieSource ?? "the caller"}, fingerprint ${fingerprint}`,
    ...(target.address === undefined ? [] : [placeText(target.address, target.tunnel)]),
    ...(target.epmdHost === undefined ? [] : [`its EPMD is on ${target.epmdHost}`]),
    target.tls === undefined
      ? "without TLS"
      : `with TLS${target.tls.insecure === true ? ", any certificate taken" : ""}`
  ].join("; ")

const placeText = (address: NonNullable<NodeTarget["address"]>, tunnel: NodeTarget["tunnel"]): string => {
  const at = "path" in address || address.port !== undefined ? endpointText(address as Endpoint) : address.host
  return tunnel === undefined
    ? `its address is given: ${at}`
    : `its tunnel (${excerpt(tunnel.program)}) is open, and its end here is ${at}`
}

/** Whether it is the cookie that a node has refused, or does not know. */
const isOfCookie = (why: NodeError | undefined): why is DistError =>
  why?._tag === "DistError" && (why.reason._tag === "CookieRejected" || why.reason._tag === "PeerCookieWrong")

/** Our answer to a node's challenge, which is made of the cookie. */
const isAnswer = (bytes: Uint8Array, { isSecured }: Dial): boolean => bytes[isSecured ? 4 : 2] === 0x72

/**
 * Walks the way to a node step by step, up to a first answer, and tells which step fails, what was seen on the wire,
 * what that means and what to do. Never fails, never tells a cookie. Opens a link of its own beside any that there is,
 * and closes it: a wrong cookie is one more report in the node's log.
 */
export const diagnose = (
  name: string,
  resolved: Exit.Exit<NodeTarget, TargetError | LeftAlone>,
  options: DiagnosisOptions
): Effect.Effect<Diagnosis> =>
  Effect.map(walked(name, resolved, options), (diagnosis) => {
    const { withoutCookie } = options
    const isTold = diagnosis.steps.some(({ outcome, step }) => step === "cookie" && outcome === "failed")
    return withoutCookie === undefined || isTold
      ? diagnosis
      : { ...diagnosis, remarks: [...diagnosis.remarks, `Besides, ${withoutCookie.message}`] }
  })

const walked = Effect.fnUntraced(function* (
  name: string,
  resolved: Exit.Exit<NodeTarget, TargetError | LeftAlone>,
  options: DiagnosisOptions
): Effect.fn.Return<Diagnosis> {
  const span: Span = { millis: options.timeoutMillis, end: performance.now() + options.timeoutMillis }
  const left = () => span.end - performance.now()
  const walk = new Walk()
  const outOfTime = (step: StepName): Diagnosis => ({
    ...walk.failed(step, `The ${Math.round(span.millis)} ms for all steps were over before this one.`),
    remedy: "more_time"
  })

  const node = parseNodeName(name)
  if ("problem" in node) {
    const reason = { _tag: "InvalidNodeName", name, problem: node.problem } as const
    return walk.failed("name", new DistError({ node: name, reason }).message)
  }
  walk.passed("name", `'${node.name}' on the host '${node.host}': ${kindOf(node)}.`)

  if (Exit.isFailure(resolved)) {
    const why = Option.getOrUndefined(Cause.findErrorOption(resolved.cause))
    // Where a tunnel leads to the node, to open that is a connection to it.
    return why?._tag === "LeftAlone"
      ? walk.leftAlone("configuration", why)
      : walk.failed("configuration", why?.message ?? "it cannot be read.")
  }
  const target = resolved.value
  const { leftAlone, remembered, withoutCookie } = options
  /** Why the cookie is not shown, as far as that is a matter of the cookie. */
  const whyKept =
    withoutCookie?.message ??
    (isOfCookie(remembered)
      ? `${remembered.message} That is what came of an attempt before; the cookie was not shown again for this walk.`
      : undefined)
  const fingerprint = withoutCookie === undefined ? yield* cookieFingerprint(target.cookie) : undefined
  walk.passed("configuration", `${configurationOf(target, fingerprint)}.`)

  const { address } = target
  const host = address === undefined ? node.host : "path" in address ? undefined : address.host
  const isPlaced = address !== undefined && ("path" in address || address.port !== undefined)
  const epmd = isPlaced
    ? undefined
    : { host: target.epmdHost ?? host ?? node.host, port: target.epmdPort ?? defaultEpmdPort }

  if (host === undefined) walk.skipped("host", "a Unix socket has none.")
  else if (left() <= 0) return outOfTime("host")
  else {
    const start = performance.now()
    const found = yield* Effect.exit((yield* Resolver).addresses(host, left()))
    if (Exit.isFailure(found)) {
      const why = Option.getOrUndefined(Cause.findErrorOption(found.cause))
      const isPassing = why?.isPassing === true
      const advice = isPassing
        ? nameServers
        : "Check the part behind the @ of the node's name, add the host to DNS or the hosts file, or give the node's `address` in the configuration."
      return {
        ...walk.failed("host", `${why?.message ?? `'${host}' cannot be resolved.`} ${advice}`),
        why: new DistError({ node: name, reason: { _tag: "HostUnresolved", host, ...(isPassing && { isPassing }) } })
      }
    }
    const addresses = found.value
    walk.passed(
      "host",
      addresses.length === 1 && addresses[0] === host ? `${host} is an address.` : `${host} is ${listed(addresses)}.`,
      performance.now() - start
    )
  }

  if (leftAlone !== undefined) {
    if (epmd === undefined) walk.skipped("epmd", "the port is given.")
    else if (left() <= 0) return outOfTime("epmd")
    else {
      const { dialer, dials } = recording(yield* Transport, {})
      const start = performance.now()
      const asked = yield* Effect.result(
        Effect.provideService(portPlease(node, epmd, Math.min(left(), epmdPatience)), Transport, dialer)
      )
      if (Result.isFailure(asked)) {
        const why = asked.failure
        const seen = dials.map(seenOf).filter((it) => it !== undefined)
        const told = seen.length === 0 ? undefined : seen.join("; then ")
        return { ...walk.failed("epmd", why.message, told, [leftAlone.message]), why }
      }
      const found = `EPMD on ${endpointText(epmd)} knows '${node.name}' at port ${asked.success}.`
      walk.passed("epmd", found, performance.now() - start)
    }
    return walk.leftAlone("tcp", leftAlone)
  }
  if (left() <= 0) return outOfTime(epmd === undefined ? "tcp" : "epmd")
  const recorded = recording(yield* Transport, whyKept === undefined ? {} : { isKept: isAnswer })
  /** As they were at the end of the handshake: the calls behind it go over the same connection. */
  let shaken: ReadonlyArray<Dial> | undefined
  const onShaken = () => void (shaken = recorded.dials.map((dial) => ({ ...dial })))
  const joined = yield* joinNode(target, { timeoutMillis: left(), onShaken }).pipe(
    Effect.flatMap((node) => Effect.map(answers(node, span), (answered) => ({ node, ...answered }))),
    Effect.provideService(Transport, recorded.dialer),
    Effect.scoped,
    Effect.exit
  )
  const dials = shaken ?? recorded.dials
  const failure = Exit.isFailure(joined) ? Option.getOrUndefined(Cause.findErrorOption(joined.cause)) : undefined
  const cause = failure?._tag === "CallError" && failure.reason._tag === "LinkLost" ? failure.reason.cause : failure
  // Not the last by itself: what was asked without TLS, or with it, to find out which the node speaks, is no link.
  // The first is to EPMD, which may be wrong enough to name its own port for the node.
  const toPort = dials.slice(epmd === undefined ? 0 : 1)
  const toNode = toPort.findLast(({ isSecured }) => isSecured === (target.tls !== undefined))
  const failing = Exit.isSuccess(joined)
    ? undefined
    : cause?._tag === "DistError"
      ? stepOf(cause.reason, host, epmd)
      : "call"
  // Where nobody was sent to the node, it was EPMD that could not be asked.
  const failedAt = failing === "tcp" && epmd !== undefined && toNode === undefined ? "epmd" : failing
  /** Whether the walk ends before this step, or in it. */
  const endsBy = (step: StepName) => failedAt !== undefined && stepNames.indexOf(failedAt) <= stepNames.indexOf(step)

  /** What was seen on the wire where the walk ended. */
  const seenIn = (step: StepName): ReadonlyArray<string | undefined> => {
    // Nothing of what comes once the cookie was shown.
    if (step === "cookie") return []
    // EPMD is asked for the port, and then, where it has none, for all names.
    if (step === "epmd") return dials.map(seenOf)
    if (step === "call") return [toNode && seenSince(toNode, recorded.dials[dials.indexOf(toNode)]!)]
    if (step !== "tls") return [toNode && seenOf(toNode)]
    // Where TLS is not answered, the node is asked without, and the other way round.
    const asked = toPort.filter(({ to }) => toNode !== undefined && endpointText(to) === endpointText(toNode.to))
    return asked.map((dial) => (dial.isSecured ? seenOfTls(dial) : `without TLS: ${seenOf(dial)}`))
  }
  // The commonest mistake with a port that is given: EPMD's own, which closes what does not ask as it is asked.
  const epmdThere =
    epmd === undefined && toNode !== undefined && "port" in toNode.to && left() > 0 && isClosedAtOnce(cause)
      ? Option.getOrUndefined(yield* Effect.option(names(toNode.to, Math.min(left(), epmdPatience), name)))
      : undefined
  const fail = (): Diagnosis => {
    if (failedAt === "cookie" && whyKept !== undefined)
      return { ...walk.failed("cookie", whyKept), ...(withoutCookie === undefined && { remedy: "connect" }) }
    const seen = failedAt === undefined ? [] : seenIn(failedAt).flatMap((it) => it ?? [])
    const remarks = [...remarksOn(cause, node, options), ...(epmdThere === undefined ? [] : [isEpmd(node, epmdThere)])]
    const isLate = cause?._tag === "CallError" && cause.reason._tag === "DeadlineExceeded"
    const found = isLate ? unanswered(name, cause.reason.millis) : (cause?.message ?? `${name} cannot be asked.`)
    const told = walk.failed(failedAt ?? "call", found, seen.length === 0 ? undefined : seen.join("; then "), remarks)
    const reason = cause?._tag === "DistError" ? cause.reason : undefined
    const remedy = isLate ? "more_time" : isOurName(reason, options) ? "close_link" : undefined
    return {
      ...told,
      ...(remedy !== undefined && { remedy }),
      ...(cause !== undefined && { why: withCookieSource(cause, target.cookieSource) }),
      ...(reason?._tag === "WrongNode" && { calledItself: reason.actual }),
      ...(cause?._tag === "DistError" && isRefusal(cause) && { refusal: cause })
    }
  }

  if (endsBy("host")) return fail()
  if (epmd === undefined) walk.skipped("epmd", "the port is given.")
  else if (endsBy("epmd")) return fail()
  else {
    const asked = performance.now()
    // How many there are is no more than good to know: what is left of the time belongs to the steps that follow.
    const patience = Math.min(left(), epmdPatience)
    const registered = patience <= 0 ? Option.none() : yield* Effect.option(names(epmd, patience, name))
    const others = Option.match(registered, { onNone: () => "", onSome: (all) => othersAt(all.map((it) => it.name)) })
    const isItself = toNode !== undefined && endpointText(toNode.to) === endpointText(epmd)
    const port =
      toNode !== undefined && "port" in toNode.to
        ? ` at port ${toNode.to.port}${isItself ? ", which is its own," : ""}`
        : ""
    const found = `EPMD on ${endpointText(epmd)} knows '${node.name}'${port}${others}.`
    walk.passed("epmd", found, Option.isSome(registered) ? performance.now() - asked : undefined)
  }

  if (endsBy("tcp") || toNode === undefined) return fail()
  const ofTunnel = target.tunnel === undefined ? "" : ", which only says that the tunnel's end here does"
  const taken = `${endpointText(toNode.to)} takes the connection${ofTunnel}.`
  walk.passed("tcp", taken, toNode.isSecured ? undefined : toNode.millis)

  if (endsBy("tls")) return fail()
  if (toNode.isSecured) walk.passed("tls", securedText(toNode, target), toNode.millis, seenOfTls(toNode))
  else walk.skipped("tls", "not configured for this node.")

  if (endsBy("handshake")) return fail()
  const { flags } = greetingOf(toNode)
  walk.passed("handshake", `It is ${name}.`, undefined, seenOf(toNode))
  // The node's features are looked at before it is shown what we make of the cookie.
  if (failedAt === "flags") walk.notReached("cookie")
  else if (endsBy("cookie")) return fail()
  else walk.passed("cookie", "Both sides have the same.")
  if (endsBy("flags")) return fail()
  walk.passed("flags", `It has all that is needed${flags === undefined ? "" : ` (${hex(flags)})`}.`)
  if (Exit.isFailure(joined)) return fail()

  const { node: us, roundTrip } = joined.value
  const { elixirVersion, otpRelease } = us.capabilities
  const elixir = elixirVersion === undefined ? "" : ` and Elixir ${excerpt(elixirVersion)}`
  walk.passed("call", `OTP ${otpRelease}${elixir} answers, and lets us in as ${excerpt(us.localName)}.`, roundTrip)
  return walk.clock(joined.value)
})

/** Milliseconds for what may be an EPMD to answer. */
const epmdPatience = 1_000

/** Whether what takes connections ended ours without a word. */
const isClosedAtOnce = (cause: DistError | CallError | undefined): boolean =>
  cause?._tag === "DistError" &&
  (cause.reason._tag === "ClosedInHandshake"
    ? cause.reason.stage === "status"
    : cause.reason._tag === "TlsFailed" && cause.reason.isCut === true)

/** That an EPMD answers where the node was said to be, which has these names. */
const isEpmd = ({ name }: NodeName, registered: ReadonlyArray<Registration>): string => {
  const own = registered.find((each) => each.name === name)
  return `What answers there is an EPMD, and no node: ${own === undefined ? `it has no '${name}'` : `it has '${name}' at port ${own.port}`}. Give the port of the node itself, or leave the port out of its address, so that this EPMD is asked (epmd_port, where it is not the usual one).`
}

const hex = (flags: bigint): string => `0x${flags.toString(16).toUpperCase()}`

const securedText = ({ tls: seen }: Dial, { tls }: NodeTarget): string => {
  const protocol = seen?.agreed?.protocol ?? "TLS"
  return tls?.insecure === true
    ? `${protocol}; whose the certificate is was not looked at (insecure).`
    : `${protocol}; the certificate is accepted.`
}

const rounded = (millis: number): number => Math.round(millis * 10) / 10

const othersAt = (registered: ReadonlyArray<string>): string =>
  registered.length > 1 ? `, ${registered.length} names in all` : ""

/** What it means that a node whose handshake passed answers no question that costs it nothing. */
const unanswered = (name: string, millis: number): string =>
  `${name} let us in, and gave no answer to a first question within ${Math.round(millis)} ms. It was frozen or is overloaded since the handshake, or the network to it stalls, is slow, or drops larger packets (MTU): look at its load.`

interface Answered {
  readonly roundTrip: number
  /** What the node's clock says against ours, or why that is not known. */
  readonly clock: Result.Result<ClockDifference, string>
}

/** A round trip, and what the node's clock says in the middle of another. */
const answers = (node: ErlangNode, span: Span): Effect.Effect<Answered, CallError> =>
  Effect.gen(function* () {
    const ask = within(node.call, node.name, span)
    const start = performance.now()
    yield* ask("erlang", "self", [])
    const roundTrip = performance.now() - start
    const before = Date.now()
    const theirs = yield* Effect.result(ask("os", "system_time", [atom("millisecond")]))
    const after = Date.now()
    // The node has answered: only that it is gone is more than a matter of its clock.
    if (Result.isFailure(theirs) && theirs.failure.reason._tag === "LinkLost") return yield* theirs.failure
    const clock = Result.flatMap(
      Result.mapError(theirs, ({ message }) => `it was not told: ${message}`),
      (told) =>
        typeof told === "number"
          ? Result.succeed({ aheadMillis: told - (before + after) / 2, marginMillis: (after - before) / 2 })
          : Result.fail("the node tells no time.")
    )
    return { roundTrip, clock }
  })

/** Whether a name of ours is in use by the very link that there is to the node. */
const isOurName = (reason: DistReason | undefined, { linkedAs }: DiagnosisOptions): boolean =>
  reason?._tag === "NameInUse" && reason.name === linkedAs

/** What else can be said of a failure, from what is known here of other nodes. */
const remarksOn = (
  cause: DistError | CallError | undefined,
  { full, host, name }: NodeName,
  options: DiagnosisOptions
): ReadonlyArray<string> => {
  const { known, linkedAs } = options
  const reason = cause?._tag === "DistError" ? cause.reason : undefined
  const namesakes = known.filter((other) => other !== full && other.startsWith(`${name}@`))
  return [
    ...(reason?._tag === "WrongNode" ? namesDiffer(reason.actual, host, name) : []),
    ...(reason?._tag === "NameNotRegistered" && reason.registered?.length === 0
      ? [
          "EPMD answers but has no names at all: the node is down, EPMD was restarted after the node (which one of OTP 23 does not outlive: it does not register again by itself), or something in between, such as a service mesh's proxy, answers in its place."
        ]
      : []),
    ...(reason?._tag === "ClosedInHandshake" && reason.stage === "status"
      ? [
          "A node whose process table is full (+P) does so too, as it has no process for the connection: then its log says 'Too many processes', and each connection that comes in ends it: try no more before you have seen, on the node itself, that it has room."
        ]
      : []),
    ...(isOurName(reason, options)
      ? ["The link that has this name is our own: the node is connected now, and well."]
      : []),
    ...(reason?._tag === "CookieRejected" && linkedAs !== undefined
      ? ["The node is connected now, by a cookie that was given for that; this walk took the configured one."]
      : []),
    ...(namesakes.length > 0
      ? [`A node '${name}' is known here under another address: ${listed(namesakes.map((other) => excerpt(other)))}.`]
      : [])
  ]
}

const namesDiffer = (actual: string, host: string, name: string): ReadonlyArray<string> => {
  const [theirName, theirHost = ""] = actual.split("@")
  if (theirName !== name || isLong(theirHost) === isLong(host)) return []
  return [
    isLong(host)
      ? `The node has a short name (-sname) and was asked for by a long one: it is ${excerpt(actual)}.`
      : `The node has a long name (-name) and was asked for by a short one: it is ${excerpt(actual)}.`
  ]
}

/** The steps as they are taken. */
class Walk {
  readonly #steps: Array<Step> = []

  passed(step: StepName, found: string, millis?: number, seen?: string): void {
    this.#steps.push({
      step,
      outcome: "passed",
      found,
      ...(seen !== undefined && { seen }),
      ...(millis !== undefined && { millis: rounded(millis) })
    })
  }

  skipped(step: StepName, found: string): void {
    this.#steps.push({ step, outcome: "skipped", found })
  }

  notReached(step: StepName): void {
    this.#steps.push({ step, outcome: "not_reached", found: "an earlier step failed." })
  }

  failed(step: StepName, found: string, seen?: string, remarks: ReadonlyArray<string> = []): Diagnosis {
    // It begins in the middle of a sentence; a name keeps its first letter.
    const text = found.replace(/^[a-z]+ /u, (word) => word[0]!.toUpperCase() + word.slice(1))
    return this.#ended({ step, outcome: "failed", found: text, ...(seen !== undefined && { seen }) }, remarks)
  }

  leftAlone(step: StepName, { message }: LeftAlone): Diagnosis {
    return { ...this.#ended({ step, outcome: "not_tried", found: message }, []), remedy: "reset" }
  }

  /** The end: what would follow was not reached. */
  #ended(last: Step, remarks: ReadonlyArray<string>): Diagnosis {
    const { step } = last
    const missed = `an earlier step ${last.outcome === "failed" ? "failed" : "was not tried"}.`
    return {
      steps: stepNames.map((each, at) => {
        if (each === step) return last
        // A later one may have passed, as far as it was looked at, before this showed.
        const taken = at < stepNames.indexOf(step) ? this.#steps.find((it) => it.step === each) : undefined
        return taken ?? { step: each, outcome: "not_reached", found: missed }
      }),
      remarks
    }
  }

  clock({ clock }: Answered): Diagnosis {
    if (Result.isFailure(clock)) {
      this.skipped("clock", clock.failure)
      return { steps: this.#steps, remarks: [] }
    }
    const { differs, found } = describeClock(clock.success)
    this.passed("clock", found)
    return {
      steps: this.#steps,
      remarks: differs === undefined ? [] : [`The clocks differ: what the node dates is ${differs}.`]
    }
  }
}
