import { Data } from "effect"
import { Buffer } from "node:buffer"
import { excerpt, listed } from "../syntax/Excerpt.ts"
import { endpointText } from "./Endpoint.ts"
import { heldUpText } from "./Resolver.ts"
import type { CertificateProblem } from "./Tls.ts"

/** The step of connecting in which something went wrong. */
export type Phase = "epmd" | "connect" | "tls" | "handshake"

/** What the connecting side of a handshake waits for. */
export type HandshakeStage = "status" | "challenge" | "acknowledgement"

/** The same as a person would say it. */
export const awaited: Record<HandshakeStage, string> = {
  status: "its status",
  challenge: "its challenge",
  acknowledgement: "its answer to our challenge"
}

/**
 * Why a link could not be made, or was lost. Each has its own text and next step in {@link DistError.message}.
 * Protocol facts: erts "Distribution Protocol" (erl_dist_protocol), `dist_util.erl`.
 */
export type DistReason =
  | { readonly _tag: "InvalidNodeName"; readonly name: string; readonly problem: string }
  /** An option of `connect` that cannot be. */
  | { readonly _tag: "InvalidOption"; readonly option: string; readonly problem: string }
  /**
   * `isPassing`: the name service gave no answer, so that another time it may. `heldUpBy`: it was not asked, since that
   * is so of as many other hosts as are asked for at a time.
   */
  | {
      readonly _tag: "HostUnresolved"
      readonly host: string
      readonly isPassing?: true
      readonly heldUpBy?: ReadonlyArray<string>
    }
  /** This machine has no more of what a connection takes: file descriptors, ports, memory for sockets. */
  | { readonly _tag: "NoResources"; readonly code: string }
  | { readonly _tag: "EpmdRefused"; readonly host: string; readonly port: number }
  | {
      readonly _tag: "EpmdSilent"
      readonly host: string
      readonly port: number
      readonly millis: number
      /** What came all the same: the beginning of an answer, or something else. */
      readonly seen?: string
    }
  | {
      readonly _tag: "EpmdGarbage"
      readonly host: string
      readonly port: number
      readonly seen: string
      /** The connection broke off, or was closed without a word: nothing is wrong with what was seen, it is cut. */
      readonly isCut?: true
      /** It is an answer of EPMD's, and cannot be right: what it says of the node. */
      readonly detail?: string
    }
  | {
      readonly _tag: "NameNotRegistered"
      readonly name: string
      readonly host: string
      readonly port: number
      /** Names that EPMD does have, sorted; `undefined` where it did not say. */
      readonly registered: ReadonlyArray<string> | undefined
    }
  /**
   * `at`: the port that EPMD named, or the address that was given for the node, as `endpointText` writes it. `isAbsent`:
   * it is a Unix socket that is not there.
   */
  | { readonly _tag: "PortRefused"; readonly at: string; readonly from: "epmd" | "address"; readonly isAbsent?: true }
  | { readonly _tag: "Unreachable"; readonly at: string; readonly code: string }
  /** `stage`: of a handshake, what was awaited. `seen`: what had come of the first of it, and was not whole. */
  | {
      readonly _tag: "Timeout"
      readonly phase: Phase
      readonly millis: number
      readonly waitingFor: string
      readonly stage?: HandshakeStage
      readonly seen?: string
    }
  /**
   * It closed the connection when it was shown the cookie, and said nothing: a connection that is cut at that very
   * moment looks the same. `source`: where the cookie was taken from, never what it is.
   */
  | {
      readonly _tag: "CookieRejected"
      readonly source?: string
      /** It did so time and again: nobody doubts it any more. */
      readonly isCertain?: true
      /** When that was, in milliseconds since the Unix epoch, where the node was not asked again since. */
      readonly at?: number
    }
  | { readonly _tag: "PeerCookieWrong" }
  | { readonly _tag: "NotAllowed" }
  /** `endedAt`: when a link of our own under this name ended, if one did lately; milliseconds since the Unix epoch. */
  | { readonly _tag: "NameInUse"; readonly name: string; readonly endedAt?: number }
  /** With a name that we were told to use: the node takes it for no name, or for its own. */
  | { readonly _tag: "NameRefused"; readonly name: string }
  | { readonly _tag: "Refused"; readonly status: string }
  /**
   * We do not speak TLS, and what listens there does: the node, or another server. `holder`: whom the certificate is for
   * that it showed when it was asked with TLS, where that was needed to find out.
   */
  | { readonly _tag: "WantsTls"; readonly holder?: string }
  /** We speak TLS, and the node does not. */
  | { readonly _tag: "WantsPlain" }
  /** The certificate that the node shows is not good enough for us; `detail` says for whom it is, until when, … */
  | { readonly _tag: "TlsCertificate"; readonly problem: CertificateProblem; readonly detail: string }
  /** The node takes only peers that show a certificate, and we have none for it. */
  | { readonly _tag: "TlsClientCertificateWanted" }
  /** Our certificate is not good enough for the node; `detail` is what it says of it. */
  | { readonly _tag: "TlsClientCertificateRefused"; readonly detail: string }
  /** There is no version of TLS that both sides speak. */
  | { readonly _tag: "TlsVersion" }
  /** A certificate or key of ours that cannot be used. */
  | { readonly _tag: "TlsMaterial"; readonly part: "ca" | "cert" | "key"; readonly detail: string }
  /**
   * `alert`: the number of the alert with which the node ended it; nothing but TLS sends one. `isNotTls`: what listens
   * there speaks something else; `seen` is what it says when it is asked without.
   */
  | {
      readonly _tag: "TlsFailed"
      readonly detail: string
      readonly alert?: number
      readonly isNotTls?: true
      readonly seen?: string
      /** The connection was ended in the middle, without a word of TLS. */
      readonly isCut?: true
      /** Who told the port, where that was EPMD. */
      readonly from?: "epmd"
    }
  | { readonly _tag: "NotErlangNode"; readonly seen: string }
  | { readonly _tag: "NameNotGiven" }
  /** `from`: who told the port, where that was EPMD. */
  | { readonly _tag: "ClosedInHandshake"; readonly stage: HandshakeStage; readonly from?: "epmd" }
  /** `at`: where it is, as `endpointText` writes it, where it was EPMD that told its port. */
  | { readonly _tag: "WrongNode"; readonly actual: string; readonly at?: string }
  | { readonly _tag: "MissingFlags"; readonly missing: ReadonlyArray<string> }
  | { readonly _tag: "LinkClosed"; readonly detail: string }
  | { readonly _tag: "TickTimeout"; readonly silentMillis: number }
  | { readonly _tag: "ProtocolViolation"; readonly detail: string }
  /** Whoever handles messages here threw something. */
  | { readonly _tag: "Fault"; readonly cause: unknown }
  | { readonly _tag: "Disconnected" }

/**
 * Whether EPMD had no such name, and does not list it either. That nobody listens where the node is says less: what refuses
 * may be the end of a tunnel, or a firewall on the way.
 */
export const isNameGone = (reason: DistReason): boolean =>
  reason._tag === "NameNotRegistered" && reason.registered?.includes(reason.name) !== true

const certificateProblems: Record<CertificateProblem, string> = {
  expired: "has expired",
  not_yet_valid: "is not valid yet",
  unknown_authority: "is signed by an authority that is not trusted here",
  incomplete_chain: "comes without all of the way to its authority",
  self_signed: "is signed by itself, and not trusted here",
  name_mismatch: "is for another name",
  common_name_only: "has the host as its common name alone, which newer nodes do not take",
  authority_not_valid_now: "cannot be checked: an authority given with --tls-ca has expired, or is not valid yet",
  authority_replaced: "is signed by an authority that is only called like one given with --tls-ca",
  no_authority:
    "is signed with a certificate that is no authority's: its basicConstraints do not say CA:TRUE, or its keyUsage not keyCertSign",
  not_for_servers: "was not made for a node that others connect to: serverAuth is no use of it",
  invalid: "is not valid"
}

const checkClocks = "Renew it on the node, or compare the clocks of both machines."

const mendChain =
  "mend it there, its certfile has to hold the chain, its own certificate first (or its cacertfile those of the authorities). Until then, the file of --tls-ca has to hold both: the certificate that is left out, and that of the authority at the end of the way, which is signed by itself."

const certificateAdvice: Record<CertificateProblem, string> = {
  expired: checkClocks,
  not_yet_valid: checkClocks,
  unknown_authority: `Give the certificate of the authority that is named last (--tls-ca); one on the way to it is not enough. If another has signed that one in turn, the node leaves it out: ${mendChain}`,
  incomplete_chain: `The node leaves that out: ${mendChain}`,
  self_signed: "If it is the right one, give it as its own authority (--tls-ca).",
  name_mismatch:
    "What stands behind the @ of the node's name has to be one of its DNS names, or, if it is an IP address, one of its addresses; a pattern is none. Say which of them it has (--tls-server-name), or have one made that fits.",
  common_name_only:
    "Have one made that has it as a DNS name, too (subjectAltName), or say that this one will do (--tls-server-name).",
  authority_not_valid_now: "Give the one that holds now (--tls-ca), or compare the clocks of both machines.",
  authority_replaced:
    "The authority was made anew under its old name: give its certificate of now (--tls-ca), in place of the old one or before it in the file, or have the node's signed by the one that was given.",
  no_authority: "Have an authority made that is one, and the node's certificate signed by it.",
  not_for_servers:
    "Have one made whose extendedKeyUsage has serverAuth, and clientAuth, too, for links that the node makes itself; or that has no extendedKeyUsage.",
  invalid: "Have a new one made for the node."
}

const tlsParts = { ca: "certificate of the authority", cert: "certificate", key: "key" }

const unreachable = "The host may be down, overloaded, or behind a firewall that drops packets."
const unresponsive =
  "Something takes connections there and says nothing: the node is frozen or overloaded, or it is another program."

/** What keeps a step of connecting from its end. */
const whySlow: Readonly<Record<Phase, string>> = {
  epmd: unreachable,
  connect: unreachable,
  tls: unresponsive,
  handshake: unresponsive
}

/** The same of a handshake in which something was heard before. */
const whyStalled: Readonly<Record<HandshakeStage, string>> = {
  status:
    "It has begun to answer: the network to it is slow or was cut, it is overloaded or was frozen just then, or it is another program.",
  challenge:
    "It has begun a handshake as nodes do: it is overloaded or was frozen just then, or the network to it is slow or was cut.",
  acknowledgement:
    "It is that node, by the name that it gives itself. Either our answer to its challenge did not arrive, or what it said to that: the network is slow, carries one way only by now, or drops larger packets (MTU), or the node is overloaded or was frozen just then."
}

/** Nothing was heard of a node whose status is awaited, unless a part of that was seen. */
const whyLate = ({ phase, seen, stage }: Extract<DistReason, { readonly _tag: "Timeout" }>): string =>
  stage === undefined || (stage === "status" && seen === undefined) ? whySlow[phase] : whyStalled[stage]

/** What comes of a name of ours that a node has a connection from. */
const untilFree = "The node drops a link that was cut once its tick time is over (within 75 s, by default)"

/** What comes of a cookie that was refused. */
const afterwards = ({ at, isCertain }: Extract<DistReason, { readonly _tag: "CookieRejected" }>): string => {
  if (isCertain !== true) return "If they are the same, the connection was cut at that very moment: try again."
  return at === undefined
    ? "It is not tried again by itself."
    : `That was at ${new Date(at).toISOString()}, and the node has not been asked since.`
}

/** What closes a connection at once, and where to look: at the node itself first, where EPMD has just told its port. */
const whoCloses = (from: "epmd" | undefined, example = ""): string =>
  from === "epmd"
    ? `EPMD has just told this port for the node, so that it is most likely the node itself, and its log says why${example}. If it says nothing, something in between took the connection, and could not pass it on.`
    : "A forwarded port with nothing behind it does so, and EPMD's own port, where that was given: check where it leads. If it is the node, its log may say why."

const badTlsFiles = ": a certificate or key that its ssl_dist_optfile names is not there, say, or cannot be read"

/** What to do where the name service gave no answer. */
export const nameServers = "Try again; if it stays so, look at the name servers of this machine."

/** Why a node is not found that is thought to run. */
const whereItMayBe =
  "Check that it runs, and that the part before the @ is right; one that takes no connections (-dist_listen false), or does without EPMD, is never registered, and one of OTP 23 whose EPMD was restarted no more."

const notRegistered = ({
  host,
  name,
  port,
  registered
}: Extract<DistReason, { readonly _tag: "NameNotRegistered" }>): string => {
  // Two questions, one after the other.
  if (registered?.includes(name) === true)
    return `EPMD on ${endpointText({ host, port })} contradicts itself: it was asked for the port of '${name}' and had none, and lists '${name}' among its names. Try again, since a node may have registered just then; if it stays so, what answers there is no EPMD alone, but something in between that changes what it says (a proxy, a relay): give the node's own address and port (address of its entry).`
  const sentence = `no node named '${name}' is registered with EPMD on ${endpointText({ host, port })}.`
  if (registered === undefined)
    return `${sentence} It did not tell which names are: try again, or ask it there with epmd -names. ${whereItMayBe}`
  if (registered.length === 0)
    return `${sentence} No name is registered there at all: the node is down, or registered with an EPMD on another port or host (--epmd-port, epmd_port and epmd_host of its entry).`
  return `${sentence} Registered there: ${listed(registered)}. ${whereItMayBe}`
}

const text = (node: string, reason: DistReason): string => {
  const host = node.slice(node.indexOf("@") + 1)
  switch (reason._tag) {
    case "InvalidNodeName":
      return `'${excerpt(reason.name)}' is no node name: ${reason.problem}. Write it as name@host, the way node() prints it on the node.`
    case "InvalidOption":
      return `${reason.option} cannot be used to reach ${node}: ${reason.problem}.`
    case "NoResources":
      if (reason.code === "EADDRNOTAVAIL")
        return `this machine has no port left for another connection, or no address that ${node} can be reached from (EADDRNOTAVAIL), so it was not asked. Close what is open here, or look at the addresses of this machine.`
      return `this machine cannot open another connection (${reason.code}), so ${node} was not asked. Close what is open here, or raise the limit (ulimit -n).`
    case "HostUnresolved":
      if (reason.heldUpBy !== undefined)
        return `the host '${reason.host}', through which the way to ${node} leads, was not looked up: ${heldUpText(reason.heldUpBy)} ${nameServers}`
      if (reason.isPassing === true)
        return `the name service gave no answer for the host '${reason.host}', through which the way to ${node} leads. ${nameServers}`
      // What is asked for all nodes of a host has no name of a node.
      if (!node.includes("@"))
        return `the host '${reason.host}' does not resolve to an address, so ${node} cannot be found. Check its name, or add it to DNS or the hosts file.`
      return reason.host === host
        ? `the host '${reason.host}' of ${node} does not resolve to an address. Check the part behind the @, or add it to DNS or the hosts file.`
        : `the host '${reason.host}' does not resolve to an address, and the way to ${node} leads through it. Check the address, or the host of EPMD, that was given.`
    case "EpmdRefused":
      return `no EPMD answers on ${endpointText(reason)}, so ${node} cannot be found. Check that a node runs there and is started with a name (-name or -sname), and that EPMD's port is right (--epmd-port, ERL_EPMD_PORT).`
    case "EpmdSilent":
      return `EPMD on ${endpointText(reason)} accepted the connection but gave no ${reason.seen === undefined ? "answer" : `whole answer (only ${reason.seen})`} within ${reason.millis} ms. Something else may listen there, or a firewall swallows the traffic.`
    case "EpmdGarbage":
      if (reason.isCut === true)
        return `what listens on ${endpointText(reason)} closed the connection without a whole answer of EPMD's (it sent ${reason.seen}). A tunnel to something that is down does so: check where that port leads, and that EPMD runs there, and try again.`
      if (reason.detail !== undefined)
        return `EPMD on ${endpointText(reason)} answers for ${node} with ${reason.detail}. A node that is registered so listens nowhere, or what listens there is no EPMD of Erlang's: check both, or give the node's address, for which no EPMD is asked.`
      return `what listens on ${endpointText(reason)} does not speak the EPMD protocol (it sent ${reason.seen}). Check EPMD's port (--epmd-port, ERL_EPMD_PORT).`
    case "NameNotRegistered":
      return notRegistered(reason)
    case "PortRefused":
      if (reason.isAbsent === true)
        return `there is no ${reason.at}, the address that ${node} was said to have. Check the path, and that what makes the socket, a tunnel, say, runs.`
      if (reason.at.startsWith("unix:"))
        return `nobody listens at ${reason.at}, the address that ${node} was said to have: the socket is left over from something that has ended, a tunnel, say. Start that again; ssh, say, takes a path anew only where the old socket is removed.`
      return reason.from === "epmd"
        ? `EPMD knows ${node}, but its port at ${reason.at} refuses connections. The node may be going down, or it listens on another interface.`
        : `nothing takes connections at ${reason.at}, the address that ${node} was said to have. Check the address, and that the node, or the tunnel to it, is up.`
    case "Unreachable":
      if (reason.code === "EADDRNOTAVAIL")
        return `this machine has no address that ${reason.at} can be reached from (EADDRNOTAVAIL), so ${node} was not asked. See whether IPv6 is on here, which it often is not in a container; of a link-local address, the interface belongs to it (%eth0).`
      if (reason.code === "ENOTSOCK")
        return `${reason.at}, the address that ${node} was said to have, is no socket, but a file or a folder. Check the path.`
      if (reason.code === "ENAMETOOLONG")
        return `${reason.at}, the address that ${node} was said to have, is longer than the path of a socket may be (107 bytes on Linux). Use a shorter one.`
      return reason.at.startsWith("unix:")
        ? `${reason.at} cannot be used (${reason.code}). Check that it is a socket, and that this user may open it.`
        : `${reason.at} cannot be reached (${reason.code}). Check the route and the firewall between here and ${node}.`
    case "Timeout":
      return `connecting to ${node} took longer than ${reason.millis} ms while ${reason.waitingFor}${reason.seen === undefined ? "" : `, of which only a part had come (${reason.seen})`}. ${whyLate(reason)}`
    case "CookieRejected":
      return `${node} closed the connection when it saw our answer to its challenge: the cookie is not the node's${reason.source === undefined ? "" : ` (used: ${reason.source})`}. Compare it with erlang:get_cookie() on the node. ${afterwards(reason)}`
    case "PeerCookieWrong":
      return `what answers as ${node} does not know the cookie (its digest is wrong). It may be another program on that port, and it has seen a digest of the cookie, from which a weak cookie can be guessed: find out what listens there, and change the cookie if it is not yours.`
    case "NotAllowed":
      return `${node} does not allow us in: net_kernel:allow/1 was called there with a list that leaves us out, or it demands a protocol feature that we lack. Set --our-name (our_name of the node's entry) to a name that is on that list.`
    case "NameInUse":
      return (
        `${node} already has a connection from a node with our name '${reason.name}', and we do not throw another one out. ` +
        (reason.endedAt === undefined
          ? `${untilFree}, if it is one of our own; if it is another's, choose another name (--our-name).`
          : `It is probably our own, which ended here at ${new Date(reason.endedAt).toISOString()} and may go on there for a while. ${untilFree}, and then takes us again.`)
      )
    case "NameRefused":
      return `${node} refuses the name '${excerpt(reason.name)}' that we were told to join it under (--our-name, our_name): a node takes only names of ASCII characters, and not its own. Choose another; each try is an error report in its log.`
    case "Refused":
      return `${node} refused the connection with the status '${excerpt(reason.status)}'. That happens when both sides connect at the same moment: try again.`
    case "WantsTls":
      return `what listens at the address of ${node} speaks TLS${reason.holder === undefined ? "" : ` (its certificate is that of ${reason.holder})`}, so that a plain connection cannot be used. If it is the node, configure TLS for it (--tls); another server with TLS looks the same: check the host and the port.`
    case "WantsPlain":
      return `${node} runs distribution without TLS: it answers a plain connection, and not one with TLS. Start the node with TLS (-proto_dist inet_tls). Something in between that holds TLS up can answer so too, and could read and change everything: do without TLS only where the whole way to the node is trusted.`
    case "TlsCertificate":
      return `the certificate that ${node} shows ${certificateProblems[reason.problem]} (${reason.detail}). ${certificateAdvice[reason.problem]}`
    case "TlsClientCertificateWanted":
      return `${node} takes only peers that show a certificate, and none was given for it. Give the certificate and key of a node that its authority has signed (--tls-cert, --tls-key).`
    case "TlsClientCertificateRefused":
      return `${node} does not accept our certificate: ${reason.detail}. Give one that the authority of its ssl_dist_optfile (cacertfile) has signed and that is valid now (--tls-cert, --tls-key).`
    case "TlsVersion":
      return `${node} and we have no version of TLS in common. TLS 1.2 and 1.3 are spoken here: look at 'versions' in its ssl_dist_optfile.`
    case "TlsMaterial":
      return `the ${tlsParts[reason.part]} that was given for ${node} cannot be used: ${reason.detail}. It must be a PEM file${reason.part === "key" ? " without a passphrase, and belong to the certificate" : ""}.`
    case "TlsFailed":
      if (reason.isNotTls === true)
        return `what listens at the address of ${node} is no Erlang node with TLS: ${reason.detail}${reason.seen === undefined ? "" : ` (asked without, it sent ${reason.seen})`}. Check the host and the port.`
      return `the TLS handshake with ${node} failed: ${reason.detail}. ${reason.isCut === true ? whoCloses(reason.from, badTlsFiles) : "The node's log may say more."}`
    case "NotErlangNode":
      return `what listens at the address of ${node} is no Erlang node (it sent ${reason.seen}). Check the host and the port.`
    case "NameNotGiven":
      return `${node} does not give names to nodes that connect, and knows none of ours.`
    case "ClosedInHandshake":
      if (reason.stage === "status")
        return `what listens at the address of ${node} closed the connection without a word, while we were waiting for its status. ${whoCloses(reason.from)}`
      return `${node} closed the connection while we were waiting for ${awaited[reason.stage]}. Its log may say why.`
    case "WrongNode":
      return `the node at that address calls itself '${listed([reason.actual])}', not '${node}'. ${reason.at === undefined ? "If it is the one that is meant, connect to it under its own name, with the same address or tunnel; if not, the address is out of date, or leads elsewhere" : `Connect to it under its own name; where that does not lead there, by an entry of that name in the configuration with "address": "${reason.at}"`}.`
    case "MissingFlags":
      return `${node} lacks protocol features that we need: ${listed(reason.missing)}. Erlang/OTP 23 is the oldest release that works.`
    case "LinkClosed":
      return `the connection to ${node} was lost: ${reason.detail}.`
    case "TickTimeout":
      return `${node} has been silent for ${Math.round(reason.silentMillis)} ms, longer than its tick time allows: the node is stuck, or the network to ${host} is gone.`
    case "ProtocolViolation":
      return `${node} sent something that the distribution protocol does not allow (${reason.detail}); the connection was closed.`
    case "Fault":
      return `the connection to ${node} was closed by a fault on our side; the log has its cause.`
    case "Disconnected":
      return `the connection to ${node} was closed on our side.`
  }
}

/** A link that could not be made, or that was lost. Catch the class, look at `reason`. */
export class DistError extends Data.TaggedError("DistError")<{
  readonly node: string
  readonly reason: DistReason
  /** What is to be said of the way there beside the reason: sentences. */
  readonly through?: string
}> {
  override get message(): string {
    const why = text(this.node, this.reason)
    return this.through === undefined ? why : `${why} ${this.through}`
  }
}

/** Bytes that are looked at of what a stranger sent, and those shown where they are no text. */
const maxLine = 60
const maxBytes = 24

/** What a stranger sent, for a person: the first line of a text, or else the first bytes; `…` where that is not all. */
export const describeBytes = (bytes: Uint8Array): string => {
  if (bytes.length === 0) return "nothing"
  const head = Buffer.from(bytes.subarray(0, maxLine))
  if (head.every((byte) => (byte >= 32 && byte < 127) || byte === 10 || byte === 13)) {
    const [line = ""] = /^[^\r\n]*/u.exec(head.toString("latin1")) ?? []
    const isWhole = /^[\r\n]*$/u.test(Buffer.from(bytes.subarray(line.length)).toString("latin1"))
    // A text may begin with empty lines.
    if (line !== "") return `the text ${JSON.stringify(`${line}${isWhole ? "" : "…"}`)}`
  }
  return `the bytes ${head.toString("hex", 0, maxBytes)}${bytes.length > maxBytes ? "…" : ""}`
}
