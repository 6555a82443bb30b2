import type { DistError } from "../dist/DistError.ts"
import type { Term } from "../etf/Term.ts"
import { type CallError, withoutReason } from "../node/CallError.ts"
import type { StackFrame } from "../node/StackFrame.ts"
import { isRefusal, type NodeError } from "../node/NodeError.ts"
import { visible } from "../syntax/Escape.ts"
import type { Syntax } from "../syntax/Syntax.ts"
import { didYouMean } from "./DidYouMean.ts"
import { whyLate } from "./Deadline.ts"
import { ToolError, type ToolErrorCode } from "./ToolError.ts"

/** Whatever can keep a tool from an answer. */
export type Failure = ToolError | CallError | NodeError

/** What was called when it failed: advice is in terms of that. */
export interface CalledTool {
  readonly name: string
  /** What is left to try where it took more heap than it may have, if the tool knows anything. */
  readonly ifLarge?: string
  /** What to do where it took too long: a sentence. */
  readonly ifLate: string
}

/** What to do with a node that has refused us, until somebody has mended something. */
export const onceMended = "Once that is mended, connect_node tries."

/** What to do with a node that is left alone for its own sake. */
export const onceItHasRoom = 'Once you have seen there that it has room, connect_node with "reset" tries at once.'

/**
 * The one place that turns a failure of the storeys below into what a caller of a tool is told: in terms of that tool,
 * if one was called, and not of what it calls on the node.
 */
export const toToolError = (failure: Failure, syntax: Syntax, tool?: CalledTool): ToolError => {
  switch (failure._tag) {
    case "ToolError":
      return failure
    case "TargetError":
      return new ToolError({
        code: "connect_failed",
        message: sentence(failure.message),
        retryable: failure.isPassing === true,
        // It walks the way as far as it goes: what else is wrong is found at once.
        next: `diagnose_connection ${JSON.stringify({ node: visible(failure.node) })}`
      })
    case "BreakerOpen":
      return new ToolError({
        code: "breaker_open",
        // One at a time: who asks while one is under way is told no more.
        message: `${sentence(failure.message)}${failure.isProbing ? "" : " To try at once, once: connect_node."}`,
        retryable: true,
        next: "list_nodes"
      })
    case "LeftAlone":
      return new ToolError({
        code: failure.lack._tag === "Processes" ? "process_table_full" : "atom_table_full",
        // A walk would go no further, and tell no more.
        message: `${sentence(failure.message)} ${onceItHasRoom}`,
        retryable: false
      })
    case "DistError":
      return fromDistError(failure)
    case "CallError":
      return fromCallError(failure, syntax, tool)
  }
}

/** Messages of the storeys below begin in the middle of a sentence, and may quote a node. */
const sentence = (message: string): string =>
  visible(message.replace(/^[a-z]+ /u, (word) => word[0]!.toUpperCase() + word.slice(1)))

/** Why there is no link, as a caller is told. */
export const fromDistError = (error: DistError): ToolError => {
  const { node, reason } = error
  const withNode = (tool: string) => `${tool} ${JSON.stringify({ node: visible(node) })}`
  const told = (code: ToolErrorCode, retryable: boolean, rest?: Pick<ToolError, "next" | "didYouMean">) =>
    new ToolError({
      code,
      retryable,
      message: `${sentence(error.message)}${reason._tag === "CookieRejected" && reason.isCertain === true ? ` ${onceMended}` : ""}`,
      // Which of the steps to a node works, and which does not, is more than an error says; but what has refused us is
      // to be left alone, and may be no node: nobody is sent there once more.
      ...(code === "connect_failed" && !isRefusal(error) && { next: withNode("diagnose_connection") }),
      ...rest
    })
  switch (reason._tag) {
    case "InvalidNodeName":
    case "InvalidOption":
      return told("invalid_input", false)
    case "NameNotRegistered": {
      const host = node.slice(node.indexOf("@") + 1)
      const { name: asked, registered = [] } = reason
      // EPMD may contradict itself, of which a walk shows more.
      const isListed = registered.includes(asked)
      const others = registered.filter((name) => name !== asked)
      const near = didYouMean(reason.name, others).map((name) => visible(`${name}@${host}`))
      return told("connect_failed", true, { ...(!isListed && { next: "list_nodes" }), didYouMean: near })
    }
    case "WrongNode":
      return told("connect_failed", false, { didYouMean: [visible(reason.actual)] })
    case "HostUnresolved":
      return told("connect_failed", reason.isPassing === true, { next: "list_nodes" })
    case "EpmdRefused":
      // Where the node brings its own EPMD along, every restart looks like this.
      return told("connect_failed", true, { next: "list_nodes" })
    case "EpmdGarbage":
      return reason.isCut === true
        ? told("connect_failed", true)
        : told("connect_failed", false, { next: "list_nodes" })
    case "NoResources":
    case "EpmdSilent":
    case "PortRefused":
    case "Unreachable":
    case "Timeout":
    case "NameInUse":
    case "Refused":
    case "ClosedInHandshake":
    case "NameNotGiven":
      return told("connect_failed", true)
    case "TlsFailed":
      return told("connect_failed", reason.isNotTls !== true)
    case "CookieRejected":
      return told("connect_failed", reason.isCertain !== true, { next: withNode("connect_node") })
    case "PeerCookieWrong":
    case "NotAllowed":
    case "NameRefused":
    case "WantsTls":
    case "WantsPlain":
    case "TlsCertificate":
    case "TlsClientCertificateWanted":
    case "TlsClientCertificateRefused":
    case "TlsVersion":
    case "TlsMaterial":
    case "NotErlangNode":
      return told("connect_failed", false)
    case "MissingFlags":
      return told("unsupported", false)
    case "LinkClosed":
    case "TickTimeout":
    case "ProtocolViolation":
    case "Fault":
    case "Disconnected":
      return told("link_lost", true)
  }
}

/** What of ours makes no atom on a node that is connected. */
const stillAnswering =
  "What needs no new atom still answers: get_system_info, list_processes, top_processes, get_process_info."

/** Characters of the term that a remote function raised. */
const maxReasonCharacters = 500

/** What took a tool more heap than it may have, where nothing of what it was asked for is told to be the cause. */
const whyLarge =
  "Something on that node is larger when copied than we may take (what is shared is copied for each reference to it): to ask again costs it the same again."

const fromCallError = (error: CallError, syntax: Syntax, tool: CalledTool | undefined): ToolError => {
  const { node, reason } = error
  // Where something raised is a matter of the function that did.
  const target = reason._tag === "Raised" ? error.target : (tool?.name ?? error.target)
  const message = withoutReason({ node, reason, target })
  const told = (code: ToolErrorCode, retryable: boolean, more = "", rest?: Pick<ToolError, "next">) =>
    new ToolError({
      code,
      retryable,
      // The name of a tool stands as it is, also where it begins a sentence.
      message: (message.startsWith(`${target} `) ? visible(message) : sentence(message)) + more,
      ...rest
    })
  const printed = (term: Term) =>
    syntax.print(term, { node: error.node, depth: 8, maxCharacters: maxReasonCharacters }).text
  switch (reason._tag) {
    case "Raised":
      return told("remote_error", false, ` Reason: ${printed(reason.reason)}${raisedIn(reason.stack[0], syntax)}`)
    case "DeadlineExceeded":
      return told("timeout", true, ` ${whyLate} ${tool?.ifLate ?? "Allow more (timeout_ms), or ask for less."}`, {
        next: "list_nodes"
      })
    case "ReplyTooLarge":
      return told("too_large", false)
    case "HeapLimit":
      return told("too_large", false, ` ${tool === undefined ? "Ask for less." : (tool.ifLarge ?? whyLarge)}`)
    case "ProcessTableFull":
      // Whatever starts a process there fails the same way; the list tells of the node without.
      return told(
        "process_table_full",
        true,
        " Tools try again by themselves, as long as their time allows (timeout_ms).",
        {
          next: "list_nodes"
        }
      )
    case "AtomsScarce":
      return reason.maker === "joining"
        ? told("atom_table_full", false)
        : told("atom_table_full", false, ` ${stillAnswering}`, { next: "get_system_info" })
    case "RepliesCrowded":
    case "SpawnRefused":
      return told("too_busy", true)
    case "LinkLost":
      return told("link_lost", true)
    case "UnknownAtom":
      return told("not_found", false)
    case "Unsupported":
      return told("unsupported", false)
    case "WorkerDied":
      return told("remote_error", true, ` Exit reason: ${printed(reason.reason)}`)
    case "UndecodableReply":
      return told("remote_error", false)
  }
}

const raisedIn = (frame: StackFrame | undefined, syntax: Syntax): string =>
  frame === undefined ? "" : `, in ${syntax.mfa(frame.module, frame.function, frame.arity)}.`
