import { Effect } from "effect"
import { Buffer } from "node:buffer"
import { readFileSync } from "node:fs"
import { decode } from "../../src/etf/Decode.ts"
import { equal } from "../../src/etf/Equal.ts"
import { Atom, isTuple, list, listItems, nil, Pid, type Term, type Tuple } from "../../src/etf/Term.ts"
import { fakeNode, type Reply } from "./FakeNodes.ts"

/** The releases whose answers `test/fixtures/beam/record.ts` has recorded. */
export const recordedReleases = [23, 25, 27, 29] as const
export type RecordedRelease = (typeof recordedReleases)[number]

/** What was recorded of a release, by what was asked. */
export const recorded = (release: RecordedRelease): Readonly<Record<string, Term>> => {
  const file = new URL(`../fixtures/beam/otp-${release}.json`, import.meta.url)
  const answers = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>
  return Object.fromEntries(
    Object.entries(answers).map(([key, base64]) => [key, decode(Buffer.from(base64, "base64"))])
  )
}

const under = (key: Term, entries: Term | undefined) =>
  listItems(entries)?.find((pair): pair is Tuple => isTuple(pair) && equal(pair[0]!, key))

/** Of a list of `{Item, Value}`, the pairs of these items; `badarg` where there is none, as on a real node. */
export const pick = (pairs: Term | undefined, items: ReadonlyArray<Term>): Term | undefined => {
  // What of a dictionary was not recorded by its key is in the whole of it, or nowhere.
  const entry = (item: Term): Term | undefined => {
    const whole = isTuple(item, "dictionary") ? under(item[0]!, pairs) : undefined
    return whole && isTuple(item) ? [item, under(item[1]!, whole[1])?.[1] ?? new Atom("undefined")] : undefined
  }
  const found = items.map((item) => under(item, pairs) ?? entry(item))
  return found.every((pair) => pair !== undefined) ? list(found) : undefined
}

const badarg = { _tag: "Raised", class: "error", reason: new Atom("badarg"), stack: [] } as const

const orBadarg = (term: Term | undefined) => (term === undefined ? Effect.fail(badarg) : Effect.succeed(term))

/** A node that answers what a real one of this release has answered; `replies` go first. */
export const recordedNode = (release: RecordedRelease, replies: Readonly<Record<string, Reply>> = {}) => {
  const answers = recorded(release)
  const worker = answers["worker"] as Pid
  return fakeNode({
    name: worker.node.text,
    capabilities: {
      otpRelease: release,
      processInfoItems: new Set([
        ...(release >= 25 ? ["parent"] : []),
        ...(release >= 27 ? ["label", "async_dist"] : [])
      ]),
      dictionaryKey: release >= 27
    },
    atoms: ["recorded_worker", "gone"],
    replies: {
      // As with `--agent none`.
      "beamscope_process:keys": { fails: { _tag: "Unsupported", detail: "there is no agent here" } },
      "beamscope_memory:snapshot": { fails: { _tag: "Unsupported", detail: "there is no agent here" } },
      // Every atom of a key is there.
      "erlang:binary_to_term/2": { term: nil },
      "erlang:memory/0": { term: answers["memory"]! },
      "lists:map/2": ([, items]) => {
        const picked = pick(answers["system_info"], listItems(items) ?? [])
        return orBadarg(picked && list((listItems(picked) ?? []).map((pair) => (isTuple(pair) ? pair[1]! : nil))))
      },
      "erlang:statistics/1": { term: answers["run_queue"]! },
      "erlang:system_time/1": { term: answers["system_time"]! },
      "erlang:monotonic_time/0": { term: answers["monotonic_time"]! },
      "erlang:convert_time_unit/3": { term: answers["native_per_second"]! },
      "erlang:registered/0": { term: answers["registered"]! },
      "erlang:whereis/1": ([name]) =>
        Effect.succeed(name instanceof Atom && name.text === "recorded_worker" ? worker : new Atom("undefined")),
      "erlang:list_to_pid/1": { term: worker },
      "erlang:process_info/2": ([pid, items]) =>
        pid instanceof Pid && equal(pid, worker)
          ? orBadarg(pick(answers["worker_facts"], listItems(items) ?? []))
          : Effect.succeed(new Atom("undefined")),
      "application:get_application/1": { term: new Atom("undefined") },
      "proc_lib:translate_initial_call/1": { term: answers["translated_call"]! },
      ...replies
    }
  })
}
