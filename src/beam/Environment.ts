import { Effect } from "effect"
import { Atom, Binary, binary, isTuple, list, listItems, map, nil, type Term } from "../etf/Term.ts"
import type { CallError } from "../node/CallError.ts"
import type { ErlangNode } from "../node/ErlangNode.ts"
import { atomNames } from "./Applications.ts"
import { asWritten } from "./Emulator.ts"
import { askAgent, askList, type Listed, type ListQuery } from "./Listing.ts"
import { readCount } from "./ProcessRow.ts"

/** A variable of the operating system. */
export interface Variable {
  readonly name: Binary
  /** Bytes of the value. */
  readonly bytes: number
  /** Only where it was asked for by name. */
  readonly value: Binary | undefined
}

/** By what variables can be ranked: names ascend, bytes of the value descend. */
export type VariableKey = "name" | "bytes"

export interface VariableQuery extends Pick<ListQuery, "limit" | "after" | "deadlineMillis"> {
  readonly sort: VariableKey
  /** Only these, with their values. */
  readonly names?: ReadonlyArray<string>
  /** Part of the name, in any case. */
  readonly contains?: string
}

/** A page of the environment variables of a node. */
export const variables = (
  node: ErlangNode,
  { contains, names, sort, ...query }: VariableQuery
): Effect.Effect<Listed<Variable>, CallError> =>
  askList(
    node,
    "beamscope_environment:variables",
    {
      ...query,
      sort,
      order: sort === "name" ? "ascending" : "descending",
      filters: { contains, names: names && list(names.map(binary)) }
    },
    (row) => {
      const [name, bytes, value] = [row.atomKey("name"), readCount(row.atomKey("bytes")), row.atomKey("value")]
      if (!(name instanceof Binary) || bytes === undefined) return undefined
      return { name, bytes, value: value instanceof Binary ? value : undefined }
    }
  )

/** How a node was started, and where it runs. Texts as the node has them. */
export interface Started {
  readonly osPid: string
  readonly host: string
  /** `undefined` where it is gone. */
  readonly directory: string | undefined
  /** Places that modules are loaded from; `undefined` where the code server did not tell. */
  readonly codePaths: number | undefined
  /** Flags of the emulator as on a command line, such as `+P 200000`. */
  readonly emulatorFlags: ReadonlyArray<string>
  /** Arguments of `init`, in their order; `setcookie` without values, which stay on the node. None where it did not tell. */
  readonly arguments: ReadonlyArray<{ readonly flag: Atom; readonly values: ReadonlyArray<Binary> }>
  /** How many there are besides (`init:get_plain_arguments/0`). */
  readonly plainArguments: number | undefined
  /** `code_server` and `init` where they did not tell, and `left` where one still has the request. */
  readonly incomplete: ReadonlyArray<string>
}

export const started = (node: ErlangNode): Effect.Effect<Started, CallError> =>
  askAgent(node, "beamscope_environment:started", map([]), (answer) => {
    const [osPid, host, directory] = ["os_pid", "host", "directory"].map((key) => answer.atomKey(key))
    const codePaths = readCount(answer.atomKey("code_paths"))
    const plainArguments = readCount(answer.atomKey("plain_arguments"))
    const flags = texts(answer.atomKey("emulator_flags"))
    const given = listItems(answer.atomKey("arguments") ?? nil)?.map((pair) => {
      const values = isTuple(pair) ? texts(pair[1]) : undefined
      return isTuple(pair) && pair[0] instanceof Atom && values !== undefined ? { flag: pair[0], values } : undefined
    })
    if (!(osPid instanceof Binary) || !(host instanceof Binary) || flags === undefined) return undefined
    if (!given?.every((it) => it !== undefined)) return undefined
    return {
      osPid: osPid.text(),
      host: host.text(),
      directory: directory instanceof Binary ? directory.text() : undefined,
      codePaths,
      emulatorFlags: flags.map((flag) => asWritten(flag.text())),
      arguments: given,
      plainArguments,
      incomplete: atomNames(answer.atomKey("incomplete"))
    }
  })

const texts = (term: Term | undefined): ReadonlyArray<Binary> | undefined => {
  const items = listItems(term)
  return items?.every((item) => item instanceof Binary) ? items : undefined
}
