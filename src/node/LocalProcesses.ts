import { Op } from "../dist/Control.ts"
import type { DistError } from "../dist/DistError.ts"
import type { Link } from "../dist/Link.ts"
import type { DropReason, MessageHandler } from "../dist/Messages.ts"
import { type Cursor, decodeNext } from "../etf/Decode.ts"
import { EtfError } from "../etf/EtfError.ts"
import { Atom, atom, isAtom, isTuple, List, Pid, Reference, type Term, type Tuple } from "../etf/Term.ts"
import { NumberedTable } from "./NumberedTable.ts"

/**
 * A process of ours, as far as the node can tell: something with a pid that signals reach. What is not handled is
 * dropped, as a process that ignores a message would.
 */
export interface LocalProcess {
  /** Bytes that a message or an exit reason for this process may have. */
  readonly limitBytes: number
  /** A process that the node was asked for has started, or `result` is the atom that says why not. */
  readonly spawnReply?: (result: Pid | Atom) => void
  /** A linked process has ended; the bytes are its exit reason, a bare term. */
  readonly exit?: (from: Pid, reason: Uint8Array) => void
  /** A message; the bytes are a bare term. */
  readonly message?: (payload: Uint8Array) => void
  /** A linked process has ended, and its exit reason was dropped. */
  readonly oversizedExit?: (from: Pid, why: DropReason) => void
  /** A message was dropped; `head` is how it began. */
  readonly oversizedMessage?: (head: Uint8Array, why: DropReason) => void
  /** Nothing will come any more. */
  readonly linkLost?: (cause: DistError) => void
}

/** Our processes are numbered, and a pid holds the number as 15 bits of id and 13 bits of serial. */
const idRange = 2 ** 15
const numberOf = (pid: Pid): number => pid.serial * idRange + pid.id

/** Of a process of the node, whose numbers may have more bits. */
const keyOf = (pid: Pid): string => `${pid.id}.${pid.serial}`

/** Monitors on one process of ours, and links to it; who comes after that is told that it is not there. */
const maxWatchers = 10_000

const noproc = atom("noproc")
const normal = atom("normal")
const kill = atom("kill")
const notsup = atom("notsup")
const unused = atom("")

/** Largest message for a process that is not ours, and for names: nothing that is asked of us is larger. */
const strayLimitBytes = 64 * 1024

/**
 * Our side of a link as a set of processes. A node that links to us, monitors us or pings us gets the answers that a
 * node would give; without them it would wait for as long as the link lives.
 * Source: erts "Distribution Protocol", `kernel/src/net_kernel.erl` (is_auth), `erts/emulator/beam/dist.c`.
 */
export class LocalProcesses {
  /** The atom of our node's name, in every identifier that we make. */
  readonly node: Atom
  readonly #link: Link
  readonly #processes = new NumberedTable<LocalProcess>()
  /** Monitors that the node's processes hold on ours, by our process's number. */
  readonly #monitors = new Map<number, Map<string, { readonly from: Pid; readonly reference: Reference }>>()
  /** Processes of the node that linked themselves to ours, by our process's number. */
  readonly #links = new Map<number, Map<string, Pid>>()

  constructor(link: Link) {
    this.#link = link
    this.node = atom(link.local.name)
  }

  /** Handles the messages of the link. */
  readonly handler: MessageHandler = {
    payloadLimit: (control) => this.#receiver(control)?.limitBytes ?? strayLimitBytes,
    message: (control, payload) => {
      try {
        this.#dispatch(control, payload)
      } catch (error) {
        ignoreUnreadable(error)
      }
    },
    oversized: (control, head, why) => {
      try {
        if (isSpawnRequest(control)) return this.#refuseSpawn(control)
        const [operation, from] = control
        const receiver = this.#receiver(control)
        if (operation !== Op.PAYLOAD_EXIT && operation !== Op.PAYLOAD_EXIT_TT) receiver?.oversizedMessage?.(head, why)
        else if (from instanceof Pid) receiver?.oversizedExit?.(from, why)
      } catch (error) {
        ignoreUnreadable(error)
      }
    }
  }

  /** Starts a process: gives it a pid under which signals reach it. */
  add(process: LocalProcess): Pid {
    return this.pid(this.#processes.add(process))
  }

  /** How many processes there are. */
  get size(): number {
    return this.#processes.size
  }

  /** Tells every process that the link is lost. */
  linkLost(cause: DistError): void {
    this.#processes.forEach((process) => process.linkLost?.(cause))
  }

  /** Ends a process, normally; whoever monitors it or is linked to it is told. */
  remove(pid: Pid): void {
    const number = numberOf(pid)
    this.#processes.delete(number)
    const links = this.#links.get(number)
    if (links !== undefined) {
      this.#links.delete(number)
      for (const from of links.values()) this.#exited(pid, from, normal)
    }
    const monitors = this.#monitors.get(number)
    if (monitors !== undefined) {
      this.#monitors.delete(number)
      for (const { from, reference } of monitors.values()) this.#down(pid, from, reference, normal)
    }
  }

  #isOurs(pid: Term | undefined): pid is Pid {
    return pid instanceof Pid && pid.creation === this.#link.local.creation
  }

  /** Ours, alive, and of this incarnation. */
  #find(pid: Term | undefined): LocalProcess | undefined {
    return this.#isOurs(pid) ? this.#processes.get(numberOf(pid)) : undefined
  }

  /** The process that a message is for, where it is for one. */
  #receiver(control: Tuple): LocalProcess | undefined {
    return this.#find(control[0] === Op.REG_SEND ? undefined : control[2])
  }

  #dispatch(control: Tuple, payload: Uint8Array | undefined): void {
    switch (control[0]) {
      case Op.PAYLOAD_EXIT:
      case Op.PAYLOAD_EXIT_TT:
        if (!(control[1] instanceof Pid) || payload === undefined) return
        this.#unlinked(control[1], control[2])
        this.#find(control[2])?.exit?.(control[1], payload)
        return
      case Op.SPAWN_REPLY:
      case Op.SPAWN_REPLY_TT: {
        const result = control[4]
        if (!(result instanceof Pid || result instanceof Atom)) return
        const asker = this.#find(control[2])
        if (asker !== undefined) asker.spawnReply?.(result)
        // Who asked is gone, and nobody else will ever stop what was started for it.
        else if (result instanceof Pid && this.#isOurs(control[2])) this.kill(control[2], result)
        return
      }
      case Op.SEND:
      case Op.SEND_SENDER:
      case Op.SEND_TT:
      case Op.SEND_SENDER_TT:
        if (payload !== undefined) this.#find(control[2])?.message?.(payload)
        return
      case Op.MONITOR_P:
        return this.#monitored(control[1], control[2], control[3])
      case Op.DEMONITOR_P:
        return this.#demonitored(control[2], control[3])
      case Op.LINK:
        return this.#linked(control[1], control[2])
      case Op.UNLINK:
        return this.#unlinked(control[1], control[2])
      case Op.UNLINK_ID:
        // {35, Id, From, To}: acknowledged to the one who asks, from the one who was linked.
        this.#unlinked(control[2], control[3])
        if (control[1] !== undefined && control[2] instanceof Pid && control[3] instanceof Pid)
          this.#link.send([Op.UNLINK_ID_ACK, control[1], control[3], control[2]])
        return
      case Op.SPAWN_REQUEST:
      case Op.SPAWN_REQUEST_TT:
        return this.#refuseSpawn(control)
      case Op.REG_SEND:
        if (isAtom(control[3], "net_kernel") && payload !== undefined) this.#askedNetKernel(payload)
        return
    }
  }

  /**
   * Nothing can be started here. Whoever tries, `erpc:multicall/4` on all connected nodes with its infinite patience,
   * must hear so: that we know of spawn requests is part of what we offered.
   */
  #refuseSpawn([, request, from]: Tuple): void {
    if (request instanceof Reference && from instanceof Pid) this.#link.send([Op.SPAWN_REPLY, request, from, 0, notsup])
  }

  #linked(from: Term | undefined, to: Term | undefined): void {
    if (!(from instanceof Pid) || !(to instanceof Pid)) return
    if (this.#find(to) === undefined) return this.#exited(to, from, noproc)
    const links = this.#links.get(numberOf(to)) ?? new Map()
    if (links.size >= maxWatchers) return this.#exited(to, from, noproc)
    this.#links.set(numberOf(to), links.set(keyOf(from), from))
  }

  #unlinked(from: Term | undefined, to: Term | undefined): void {
    // Nearly always there are none.
    if (this.#links.size === 0 || !(from instanceof Pid) || !this.#isOurs(to)) return
    const links = this.#links.get(numberOf(to))
    if (links?.delete(keyOf(from)) === true && links.size === 0) this.#links.delete(numberOf(to))
  }

  #monitored(from: Term | undefined, of: Term | undefined, reference: Term | undefined): void {
    if (!(from instanceof Pid) || of === undefined || !(reference instanceof Reference)) return
    if (isAtom(of, "net_kernel")) return
    if (!(of instanceof Pid) || this.#find(of) === undefined) return this.#down(of, from, reference, noproc)
    const monitors = this.#monitors.get(numberOf(of)) ?? new Map()
    // Our processes are monitored while they answer a request, a few at a time.
    if (monitors.size >= maxWatchers) return this.#down(of, from, reference, noproc)
    this.#monitors.set(numberOf(of), monitors.set(reference.words.join(), { from, reference }))
  }

  #demonitored(of: Term | undefined, reference: Term | undefined): void {
    if (!(of instanceof Pid) || !(reference instanceof Reference)) return
    const monitors = this.#monitors.get(numberOf(of))
    if (monitors?.delete(reference.words.join()) === true && monitors.size === 0) this.#monitors.delete(numberOf(of))
  }

  #down(of: Term, from: Pid, reference: Reference, reason: Atom): void {
    this.#link.send([Op.PAYLOAD_MONITOR_P_EXIT, of, from, reference], reason)
  }

  #exited(of: Pid, from: Pid, reason: Atom): void {
    this.#link.send([Op.PAYLOAD_EXIT, of, from], reason)
  }

  /**
   * A `{'$gen_call', {From, Tag}, Question}` to our net_kernel. `net_adm:ping/1` asks `{is_auth, Node}`; whatever else
   * is asked is not supported, and told so at once.
   */
  #askedNetKernel(payload: Uint8Array): void {
    const cursor: Cursor = { offset: 0 }
    const request = decodeNext(payload, cursor)
    if (!isTuple(request, "$gen_call")) return
    const [, from, question] = request
    if (!isTuple(from)) return
    const [caller, tag] = from
    if (!(caller instanceof Pid) || tag === undefined) return
    const answer = [tag, isTuple(question, "is_auth") ? atom("yes") : [atom("error"), notsup]]
    const alias = aliasOf(tag)
    if (alias !== undefined) this.#link.send([Op.ALIAS_SEND, this.pid(0), alias], answer)
    else this.#link.send([Op.SEND, unused, caller], answer)
  }

  /** A pid of ours by number, of a process that may not exist. */
  pid(number: number): Pid {
    return new Pid(this.node, number % idRange, Math.floor(number / idRange), this.#link.local.creation)
  }

  /** Kills a process of the node, in the name of one of ours. */
  kill(self: Pid, victim: Pid): void {
    this.#link.send([Op.PAYLOAD_EXIT2, self, victim], kill)
  }

  /** Sends a message from one of ours to a process of the node. */
  sendMessage(to: Pid, message: Term): void {
    this.#link.send([Op.SEND, unused, to], message)
  }
}

const isSpawnRequest = ([operation]: Tuple): boolean =>
  operation === Op.SPAWN_REQUEST || operation === Op.SPAWN_REQUEST_TT

/** A process ignores what it does not understand: a term that we cannot read is no reason to give up the link. */
const ignoreUnreadable = (error: unknown): void => {
  if (!(error instanceof EtfError)) throw error
}

/** `[alias | Reference]`, the improper list by which gen says that a reply may go to an alias. */
const aliasOf = (tag: Term): Reference | undefined =>
  tag instanceof List && isAtom(tag.items[0], "alias") && tag.tail instanceof Reference ? tag.tail : undefined
