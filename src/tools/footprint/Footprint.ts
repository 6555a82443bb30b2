import { Effect, Schema } from "effect"
import { footprint, removeFootprint } from "../../beam/Footprint.ts"
import { visible } from "../../syntax/Escape.ts"
import { remainingMillis, shareOfTime } from "../Deadline.ts"
import { amount } from "../Quantity.ts"
import { termsOf } from "../Terms.ts"
import * as Tool from "../Tool.ts"

const shared = { toolset: "footprint", target: "connected", input: {} } as const

/** Workers that are named. */
const maxWorkers = 50

const Modules = Schema.optionalKey(Schema.Array(Schema.String))

const listFootprint = Tool.make({
  ...shared,
  access: "inspect",
  cost: "moderate",
  name: "list_footprint",
  title: "What Beamscope has on a node",
  description:
    "Everything of Beamscope on the node, of this link and of others: links, processes that mind something, workers of calls under way, loaded modules, switched flags. Next: remove_footprint.",
  output: {
    links: Schema.optionalKey(Schema.Array(Schema.Struct({ link: Schema.String, own: Schema.Boolean }))),
    processes: Schema.optionalKey(
      Schema.Array(Schema.Struct({ pid: Schema.String, name: Schema.String, minds: Schema.String }))
    ),
    worker_count: Schema.Int,
    workers: Schema.optionalKey(Schema.Array(Schema.Struct({ pid: Schema.String, link: Schema.String }))),
    modules: Schema.optionalKey(
      Schema.Array(
        Schema.Struct({
          module: Schema.String,
          minded_by: Schema.optionalKey(Schema.String),
          orphan: Schema.optionalKey(Schema.Boolean)
        })
      )
    ),
    flags: Schema.Array(
      Schema.Struct({ flag: Schema.String, on: Schema.Boolean, held_by: Schema.optionalKey(Schema.String) })
    )
  },
  run: Effect.fnUntraced(function* (_input, node) {
    const terms = yield* termsOf(node)
    const deadlineMillis = (yield* remainingMillis) * shareOfTime
    const found = yield* footprint(node, { limit: maxWorkers, deadlineMillis })
    const { flags, isIncomplete, links, modules, named, workerCount, workers } = found
    const loaded = new Set(modules.map(({ module }) => module))
    const orphans = modules.filter(({ minder }) => minder === undefined)
    const others = links.filter(({ isOurs }) => !isOurs).length
    return {
      summary: `On ${node.name}: ${amount(links.length, "link")} of Beamscope (${others} of others), ${amount(named.length, "process that minds", "processes that mind")} something, ${amount(workerCount, "worker")}, ${amount(modules.length, "module")}${orphans.length === 0 ? "" : `, ${orphans.length} of them with nobody to remove them`}.`,
      complete: !isIncomplete,
      notes: [
        ...(isIncomplete ? ["Time ran out before all processes had been looked at for workers."] : []),
        ...(workerCount > workers.length ? [`Only the first ${workers.length} workers are listed.`] : []),
        "Microstate accounting that is on with nobody holding it was switched on by others. Scheduler wall time goes off with the processes that asked for it, which cannot be told.",
        "Other Beamscopes are known by the names that they have by themselves; one with a name of its operator's choice is not.",
        "Atoms are not removed from a node, by anybody: the names of our modules, and of links, stay."
      ],
      data: {
        links: links.map(({ isOurs, node: link }) => ({ link: visible(link), own: isOurs })),
        processes: named.map(({ name, pid }) => ({
          pid: terms.print(pid),
          name: terms.atom(name),
          minds: loaded.has(name)
            ? "a loaded module"
            : name.includes("microstate")
              ? "microstate accounting"
              : "something"
        })),
        worker_count: workerCount,
        workers: workers.map(({ link, pid }) => ({ pid: terms.print(pid), link: visible(link) })),
        modules: modules.map(({ minder, module }) => ({
          module: terms.atom(module),
          minded_by: minder && terms.print(minder),
          orphan: minder === undefined ? true : undefined
        })),
        flags: flags.map(({ flag, isOn, keeper }) => ({
          flag: terms.atom(flag),
          on: isOn,
          held_by: keeper && terms.print(keeper)
        }))
      },
      hints: orphans.length === 0 ? ["disconnect_node"] : ["remove_footprint"]
    }
  })
})

const removeFootprintTool = Tool.make({
  ...shared,
  access: "observe",
  cost: "moderate",
  name: "remove_footprint",
  title: "Remove what nobody minds",
  description:
    "Removes modules of Beamscope whose users are all gone and that nothing else will remove. What live links have ends with them: disconnect_node for this one. Nothing else of the node is touched.",
  output: { removed: Modules, still_running: Modules },
  run: Effect.fnUntraced(function* (_input, node) {
    const terms = yield* termsOf(node)
    const { removed, running } = yield* removeFootprint(node)
    return {
      summary:
        removed.length === 0 && running.length === 0
          ? `Nothing on ${node.name} was without somebody to remove it.`
          : `Removed ${amount(removed.length, "module")} from ${node.name}${running.length === 0 ? "" : `; ${amount(running.length, "still runs and stays", "still run and stay")}`}.`,
      complete: running.length === 0,
      notes:
        running.length === 0
          ? []
          : ["A module that a process still runs is not removed: that would kill it. Try again later."],
      data: { removed: removed.map(terms.atom), still_running: running.map(terms.atom) },
      hints: ["list_footprint"]
    }
  })
})

/** The footprint toolset. */
export const footprintTools: ReadonlyArray<Tool.Tool> = [listFootprint, removeFootprintTool]
