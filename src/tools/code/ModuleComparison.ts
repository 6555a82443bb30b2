import { Effect, Schema } from "effect"
import {
  type Digests,
  moduleDigests,
  type ModuleFilter,
  type ModuleVersion,
  moduleVersions,
  unknownDigest
} from "../../beam/Code.ts"
import type { ErlangNode } from "../../node/ErlangNode.ts"
import { visible } from "../../syntax/Escape.ts"
import { NameText } from "../ArgumentText.ts"
import { atomName, namePart } from "../AtomName.ts"
import { keepingDeadline } from "../Deadline.ts"
import { cursor, FilterText, limitUpTo, listOutput, shownOf, sortBy } from "../Listing.ts"
import { connectedNode, resolveNode } from "../NodeArgument.ts"
import { takeSecondPlace } from "../NodeBudget.ts"
import { agree, amount } from "../Quantity.ts"
import { type Terms, termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"
import { ToolError } from "../ToolError.ts"

const differences = ["changed", "same_code", "only_here", "only_there", "unknown"] as const
type Difference = (typeof differences)[number] | "same"

/** Characters of a name, of which an atom has 255, and JavaScript may count each as two. */
const maxName = 510

/**
 * What the page before ended with: the name of a module, and what comes before that in the order; and the creation of the
 * other node then. To that of the first the cursor itself is bound.
 */
const position = Schema.Struct({
  module: Schema.String.check(Schema.isMaxLength(maxName)),
  rank: Schema.String.check(Schema.isMaxLength(maxName + 1)),
  other_creation: Schema.Int
})

/** A module, behind those of a lower rank. */
interface Ranked {
  readonly module: string
  readonly rank: string
}

const inOrder = (a: Ranked, b: Ranked): number => compareTexts(a.rank, b.rank) || compareTexts(a.module, b.module)

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** By application, without one last. */
const applicationRank = (application: string | undefined): string =>
  application === undefined ? "1" : `0${application}`

const name = "compare_modules"
const cost = "moderate"

/** The second node, by the same rules as the first: resolved, allowed, connected, and paced. */
const otherNode = Effect.fnUntraced(function* (given: string, first: ErlangNode) {
  const node = yield* connectedNode(yield* resolveNode(given))
  if (node.name === first.name)
    return yield* new ToolError({
      code: "invalid_input",
      message: `${name}: \`node\` and \`other_node\` are both ${node.name}. To compare a node with its files: list_modules with the state changed_on_disk.`,
      retryable: false,
      next: 'list_modules {"filter": {"state": "changed_on_disk"}}'
    })
  yield* takeSecondPlace(first, node, { name, cost })
  return keepingDeadline(node)
})

const otherRestarted = (other: ErlangNode) =>
  new ToolError({
    code: "invalid_input",
    message: `${name}: \`cursor\` belongs to a call with another node than ${other.name}, or before it was restarted. Leave the cursor out to start over.`,
    retryable: false
  })

/** The `vsn` of a module, where someone wrote one. */
const versionText = (version: ModuleVersion | undefined, terms: Terms): string | undefined =>
  version?.version === undefined ? undefined : terms.print(version.version, 100)

const noDigests: Digests = { digests: new Map(), applications: new Map(), isCut: false }

/** A name that is no atom on a node is the name of no application of it. */
const digestsOf = (node: ErlangNode, filter: ModuleFilter) =>
  moduleDigests(node, filter).pipe(Effect.catchReason("CallError", "UnknownAtom", () => Effect.succeed(noDigests)))

/**
 * The modules of both nodes. Those of an application are the ones that belong to it on either: a node on which it is
 * not loaded may have its modules all the same, and is asked for them by name.
 */
const bothDigests = Effect.fnUntraced(function* (
  here: ErlangNode,
  there: ErlangNode,
  { application, name: part }: ModuleFilter
) {
  const read = (filter: ModuleFilter) =>
    Effect.all([digestsOf(here, filter), digestsOf(there, filter)], { concurrency: "unbounded" })
  const found = yield* read({ application, name: part })
  const names = new Set(found.flatMap(({ digests }) => [...digests.keys()]))
  if (application === undefined || found.every(({ digests }) => digests.size === names.size)) return found
  const [all, others] = yield* read({ name: part })
  const named = ({ digests, ...others }: Digests): Digests => ({
    ...others,
    digests: new Map([...digests].filter(([module]) => names.has(module)))
  })
  return [named(all), named(others)] as const
})

/**
 * Modules whose versions are read to tell whether their code differs, or only what else is digested: each costs the node the
 * atoms of its attributes, once.
 */
const maxLookedInto = 1_000

/**
 * What else than code makes a digest differ: `beam_lib` and the loader digest the chunk `Meta`, too, which OTP 25 brought,
 * and `strip_beams` of Elixir's releases drops.
 */
const digested =
  "The MD5 is that of the code and of the chunk Meta, which a release that is stripped (as Elixir's are) may lack."

const differenceOf = (mine: string | undefined, theirs: string | undefined): Difference => {
  if (theirs === undefined) return "only_here"
  if (mine === undefined) return "only_there"
  if (mine === unknownDigest || theirs === unknownDigest) return "unknown"
  return mine === theirs ? "same" : "changed"
}

const bothVersions = (here: ErlangNode, there: ErlangNode, names: ReadonlyArray<string>) =>
  names.length === 0
    ? Effect.succeed([new Map<string, ModuleVersion>(), new Map<string, ModuleVersion>()] as const)
    : Effect.all([moduleVersions(here, names), moduleVersions(there, names)], { concurrency: "unbounded" })

/** Which of the modules whose MD5 differs have the same code, as the digest says that the compiler left as their `vsn`. */
const lookInto = Effect.fnUntraced(function* (here: ErlangNode, there: ErlangNode, changed: ReadonlyArray<string>) {
  const lookedInto = changed.slice(0, maxLookedInto)
  const [mine, theirs] = yield* bothVersions(here, there, lookedInto)
  const digestsIn = (module: string) => [mine.get(module)?.codeDigest, theirs.get(module)?.codeDigest] as const
  const isSameCode = (module: string): boolean => {
    const [own, foreign] = digestsIn(module)
    return own !== undefined && own === foreign
  }
  return {
    sameCode: new Set(lookedInto.filter(isSameCode)),
    notLookedInto: changed.length - lookedInto.length,
    withoutDigest: lookedInto.filter((module) => digestsIn(module).includes(undefined)).length
  }
})

const compareModules = Tool.make({
  toolset: "code",
  access: "inspect",
  cost,
  target: "connected",
  name,
  title: "Compare the modules of two nodes",
  description:
    "Modules that are loaded on both nodes with different code (MD5, and the compiler's digest in vsn: same_code where only the MD5 differs), and their versions; for those of one node only, or all that differs: show. For what differs from files: list_modules by state changed_on_disk.",
  timeoutMillis: 15_000,
  input: {
    other_node: NameText,
    show: Schema.Literals([...differences, "all"])
      .annotate({ description: "Default changed", default: "changed" })
      .pipe(Schema.withDecodingDefaultKey(Effect.succeed("changed" as const))),
    sort_by: sortBy(["name", "application", "difference"], "name"),
    filter: Schema.optionalKey(
      Schema.Struct({ name: Schema.optionalKey(FilterText), application: Schema.optionalKey(FilterText) })
    ),
    limit: limitUpTo(200, 50),
    cursor
  },
  output: {
    other_node: Schema.String,
    ...listOutput,
    same: Schema.Int,
    changed: Schema.Int,
    same_code: Schema.optionalKey(Schema.Int),
    only_here: Schema.Int,
    only_there: Schema.Int,
    unknown: Schema.optionalKey(Schema.Int),
    modules: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          module: Schema.String,
          difference: Schema.optionalKey(Schema.Literals(differences)),
          application: Schema.optionalKey(Schema.String),
          md5: Schema.optionalKey(Schema.String),
          other_md5: Schema.optionalKey(Schema.String),
          version: Schema.optionalKey(Schema.String),
          other_version: Schema.optionalKey(Schema.String),
          application_version: Schema.optionalKey(Schema.String),
          other_application_version: Schema.optionalKey(Schema.String)
        })
      )
    )
  },
  position,
  run: Effect.fnUntraced(function* ({ filter = {}, limit, other_node, show, sort_by: sort }, node, after) {
    const terms = yield* termsOf(node)
    const other = yield* otherNode(other_node, node)
    if (after !== undefined && after.other_creation !== other.creation) return yield* otherRestarted(other)
    const placeOf = ({ module, rank }: Ranked) => ({ module, rank, other_creation: other.creation })
    const wanted = {
      name: filter.name && namePart(filter.name),
      application: filter.application === undefined ? undefined : atomName(filter.application)
    }
    const [here, there] = yield* bothDigests(node, other, wanted)
    const all = [...new Set([...here.digests.keys(), ...there.digests.keys()])].toSorted()
    const byDigest = Map.groupBy(all, (module) => differenceOf(here.digests.get(module), there.digests.get(module)))
    const differing = byDigest.get("changed") ?? []
    const { notLookedInto, sameCode, withoutDigest } = yield* lookInto(node, other, differing)
    const found = new Map(byDigest)
      .set(
        "changed",
        differing.filter((module) => !sameCode.has(module))
      )
      .set("same_code", [...sameCode])
    const count = (kind: Difference) => found.get(kind)?.length ?? 0
    const unknown = count("unknown")
    const rankIn = (module: string, difference: number): string => {
      switch (sort) {
        case "name":
          return ""
        case "application":
          return applicationRank(here.applications.get(module) ?? there.applications.get(module))
        case "difference":
          return String(difference)
      }
    }
    const matching = differences
      .flatMap((difference, at) =>
        show === "all" || show === difference
          ? (found.get(difference) ?? []).map((module) => ({ module, rank: rankIn(module, at), difference }))
          : []
      )
      .toSorted(inOrder)
    const rest = after === undefined ? matching : matching.filter((row) => inOrder(row, after) > 0)
    const page = rest.slice(0, limit)
    const names = page.map(({ module }) => module)
    const [mine, theirs] = yield* bothVersions(node, other, names)
    const isCut = here.isCut || there.isCut
    return {
      summary: (shown: number) =>
        `${amount(count("changed"), "module")} with other code on ${other.name} than on ${node.name}, ${count("same")} the same${sameCode.size === 0 ? "" : `, ${sameCode.size} the same but for their MD5`}; ${shownOf(shown, matching.length, "row")} of ${show === "all" ? "all that differs" : show} here${sort === "name" ? "" : `, by ${sort}`}.`,
      complete: !isCut && unknown === 0 && notLookedInto === 0,
      notes: [
        ...(isCut ? ["There are more modules than are compared at once: filter by application or name."] : []),
        ...(sameCode.size > 0
          ? [
              `Of ${amount(sameCode.size, "module")} the MD5 differs and the code does not (same_code): its digest, which the compiler left as vsn, is the same. ${digested}`
            ]
          : []),
        ...(withoutDigest > 0
          ? [
              `${amount(withoutDigest, "module")} of changed ${agree(withoutDigest, "has", "have")} no digest of the code alone to compare, since vsn is written by hand or missing: the code may be the same. ${sameCode.size > 0 ? "" : digested}`.trim()
            ]
          : []),
        ...(notLookedInto > 0
          ? [
              `Of the modules whose MD5 differs ${maxLookedInto.toLocaleString("en-US")} were looked into; ${amount(notLookedInto, "more is", "more are")} told as changed, though their code may be the same: filter by application or name.`
            ]
          : []),
        ...(unknown > 0
          ? [
              `Of ${amount(unknown, "module")} a node did not tell the digest, as while it is replaced: see show unknown.`
            ]
          : [])
      ],
      data: {
        other_node: other.name,
        total: all.length,
        matched: matching.length,
        same: count("same"),
        changed: count("changed"),
        same_code: sameCode.size === 0 ? undefined : sameCode.size,
        only_here: count("only_here"),
        only_there: count("only_there"),
        unknown: unknown === 0 ? undefined : unknown,
        modules: page.map(({ difference, module }) => {
          const [own, foreign] = [mine.get(module), theirs.get(module)]
          const application = own?.application ?? foreign?.application
          return {
            module: terms.atom(module),
            difference: show === "all" ? difference : undefined,
            application: application && terms.atom(application),
            md5: here.digests.get(module),
            other_md5: there.digests.get(module),
            version: versionText(own, terms),
            other_version: versionText(foreign, terms),
            application_version: own?.applicationVersion && visible(own.applicationVersion),
            other_application_version: foreign?.applicationVersion && visible(foreign.applicationVersion)
          }
        })
      },
      page: {
        rows: "modules" as const,
        next: rest.length > page.length ? placeOf(page.at(-1)!) : undefined,
        after: (row: number) => placeOf(page[row]!)
      },
      hints: page.slice(0, 1).map(({ difference, module }) => {
        const where = difference === "only_there" ? { node: other.name } : {}
        return `get_module_info ${JSON.stringify({ ...where, module: terms.atom(module) })}`
      })
    }
  }, Effect.scoped)
})

/** The tools of the code toolset that look at two nodes. */
export const moduleComparisonTools: ReadonlyArray<Tool.Tool> = [compareModules]
