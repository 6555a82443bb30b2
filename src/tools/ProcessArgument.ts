import { Effect } from "effect"
import { Atom, charlist, listItems, Pid, Port, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { excerpt } from "../syntax/Excerpt.ts"
import { parsePid } from "../syntax/Identifier.ts"
import { didYouMeanAtom } from "./DidYouMean.ts"
import { parseVia, type Via, viaModules, whereisVia } from "./ProcessVia.ts"
import type { Terms } from "./Terms.ts"
import { ToolError } from "./ToolError.ts"

const invalid = (message: string) => new ToolError({ code: "invalid_input", message, retryable: false })

const noSuchProcess = (message: string, meant: ReadonlyArray<string> = []) =>
  new ToolError({ code: "no_such_process", message, retryable: false, next: "find_process", didYouMean: meant })

/** A process that ended before, or while, it was looked at. */
export const ended = (node: ErlangNode, pid: Pid, terms: Terms): ToolError =>
  noSuchProcess(`There is no process ${terms.print(pid)} on ${node.name} (any more).`)

/**
 * The process that a text names on a node: a pid in any of its spellings, a registered name, `global:name`,
 * `{global, Name}`, or `{via, Module, Name}` of a registry that is known to read tables only. A pid of another node is
 * refused, never taken for one of this node.
 */
export const resolveProcess = Effect.fnUntraced(function* (
  node: ErlangNode,
  text: string,
  terms: Terms
): Effect.fn.Return<Pid, ToolError | CallError> {
  const via = parseVia(text, node)
  if (via !== undefined) {
    // Perhaps a registered name that looks like this, its quotes left out.
    const found = yield* whereis(node, text)
    if (found instanceof Pid) return found
    return via._tag === "Via" ? yield* registeredVia(node, text, via.via, terms) : yield* invalid(via.message)
  }
  const parsed = parsePid(text)
  switch (parsed._tag) {
    case "Invalid": {
      // Perhaps a name that wants quotes.
      const found = yield* whereis(node, text)
      return found instanceof Pid ? found : yield* invalid(parsed.problem)
    }
    case "Foreign":
      return yield* invalid(
        `${excerpt(text)} is how one shell names a process of another node; ${parsed.first} means nothing to anybody else. Ask that node itself for <0.…>.`
      )
    case "Name": {
      const verbatim = text.trim()
      // An alias to Elixir, and to Erlang perhaps a name whose quotes were left out.
      const bare = parsed.name === `Elixir.${verbatim}` ? yield* whereis(node, verbatim) : undefined
      return bare instanceof Pid && !((yield* whereis(node, parsed.name)) instanceof Pid)
        ? bare
        : yield* registered(node, parsed.name, terms)
    }
    case "Pid":
      if (parsed.node !== undefined && parsed.node !== node.name) {
        return yield* invalid(
          `${excerpt(text)} is a process of ${excerpt(parsed.node)}, not of ${node.name}. Ask that node.`
        )
      }
      return yield* localPid(node, parsed.id, parsed.serial)
  }
})

/**
 * A pid of the node by its numbers. The node makes it: a made-up pid with the node's own creation and a number that it
 * can never give out would close the link (seen on OTP 25).
 */
export const localPid = (node: ErlangNode, id: number, serial: number): Effect.Effect<Pid, ToolError | CallError> =>
  node.call("erlang", "list_to_pid", [charlist(`<0.${id}.${serial}>`)]).pipe(
    Effect.catchReason("CallError", "Raised", () =>
      Effect.fail(noSuchProcess(`${node.name} cannot have a process <0.${id}.${serial}>: the numbers are too large.`))
    ),
    Effect.filterOrFail(
      (pid) => pid instanceof Pid,
      () => noSuchProcess(`<0.${id}.${serial}> is no process.`)
    )
  )

const registeredVia = Effect.fnUntraced(function* (
  node: ErlangNode,
  text: string,
  via: Via,
  terms: Terms
): Effect.fn.Return<Pid, ToolError | CallError> {
  if (!viaModules.includes(via.module)) {
    return yield* invalid(
      `${excerpt(text)} is looked up by ${terms.atom(via.module)}, whose code is not run for that: only ${viaModules.map(terms.atom).join(", ")} are asked. Name the process by its pid.`
    )
  }
  const found = yield* whereisVia(node, via, (id, serial) => localPid(node, id, serial))
  if (found === undefined) return yield* noSuchProcess(`No process is registered as ${excerpt(text)} on ${node.name}.`)
  if (found.node.text !== node.name) {
    return yield* invalid(
      `${excerpt(text)} is ${terms.print(found)}, a process of ${excerpt(found.node.text)}, not of ${node.name}. Ask that node.`
    )
  }
  return found
})

/** Some thousand names: a node that has more is not asked to write them all out for a suggestion. */
const namesBounds = { maxReplyBytes: 128 * 1024, maxHeapWords: 64 * 1024 }

/** Registered names of the node, or others, that `name` was perhaps meant to be. */
export const similarNames = (
  node: ErlangNode,
  name: string,
  others: ReadonlyArray<string> = []
): Effect.Effect<ReadonlyArray<string>, CallError> =>
  node.call("erlang", "registered", [], namesBounds).pipe(
    Effect.map((names) => listItems(names) ?? []),
    Effect.map((names) =>
      didYouMeanAtom(name, [...others, ...names.flatMap((it) => (it instanceof Atom ? [it.text] : []))])
    ),
    Effect.catchReasons("CallError", {
      ReplyTooLarge: () => Effect.succeed([]),
      HeapLimit: () => Effect.succeed([])
    })
  )

const whereis = (node: ErlangNode, name: string): Effect.Effect<Term | undefined, CallError> =>
  node.existingAtom(name).pipe(
    Effect.flatMap((known) => node.call("erlang", "whereis", [known])),
    Effect.catchReason("CallError", "UnknownAtom", () => Effect.undefined)
  )

const registered = Effect.fnUntraced(function* (
  node: ErlangNode,
  name: string,
  terms: Terms
): Effect.fn.Return<Pid, ToolError | CallError> {
  const found = yield* whereis(node, name)
  if (found instanceof Pid) return found
  if (found instanceof Port) return yield* invalid(`'${excerpt(name)}' is a port on ${node.name}, not a process.`)
  const near = yield* similarNames(node, name)
  return yield* noSuchProcess(`No process is registered as '${excerpt(name)}' on ${node.name}.`, near.map(terms.atom))
})
