import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Redacted } from "effect"
import { DistError } from "../../../src/dist/DistError.ts"
import { Nodes } from "../../../src/node/Nodes.ts"
import { withFormerLink } from "../../../src/node/Refusal.ts"
import { fakeNode } from "../../support/FakeNodes.ts"
import { targetsOf } from "../../support/targetsOf.ts"

const name = "app@host"
const ourName = "us@here"
const inUse = new DistError({ node: name, reason: { _tag: "NameInUse", name: ourName } })

describe("a name of ours that the node has a connection from", () => {
  it.effect("is told with the end of the link that we had under it", () =>
    Effect.gen(function* () {
      const end = yield* Deferred.make<DistError>()
      let isTaken = false
      const layer = Nodes.layerOf(() =>
        Effect.suspend(() => {
          if (isTaken) return Effect.fail(inUse)
          isTaken = true
          return Effect.succeed({ ...fakeNode({ name }), lost: Deferred.await(end) })
        })
      ).pipe(
        Layer.provide(
          targetsOf({
            epmdPort: 1,
            resolve: (node) => Effect.succeed({ name: node, cookie: Redacted.make("c"), ourName })
          })
        )
      )
      const error = yield* Effect.gen(function* () {
        const nodes = yield* Nodes
        const node = yield* Effect.scoped(nodes.get(name))
        yield* Deferred.succeed(end, new DistError({ node: name, reason: { _tag: "LinkClosed", detail: "it went" } }))
        yield* node.lost
        while ((yield* nodes.list)[0]?.state._tag === "Up") yield* Effect.yieldNow
        return yield* Effect.flip(Effect.scoped(nodes.get(name)))
      }).pipe(Effect.provide(layer))
      expect(error).toMatchObject({ reason: { _tag: "NameInUse", name: ourName, endedAt: 0 } })
      expect(error.message).toContain("It is probably our own, which ended here at 1970-01-01T00:00:00.000Z")
      expect(error.message).toContain("once its tick time is over")
      expect(error.message).not.toContain("another name")
    })
  )

  it("may be another's where the link was long ago, had another name, or was none", () => {
    expect(withFormerLink(inUse, { ourName, until: 1_000 }, 60_000)).toMatchObject({ reason: { endedAt: 1_000 } })
    for (const [former, now] of [
      [undefined, 60_000],
      [{ ourName: "other@here", until: 1_000 }, 60_000],
      [{ ourName: undefined, until: 1_000 }, 60_000],
      [{ ourName, until: 1_000 }, 3_600_000]
    ] as const)
      expect(withFormerLink(inUse, former, now)).toBe(inUse)
    expect(inUse.message).toContain("choose another name (--our-name)")
    const other = new DistError({ node: name, reason: { _tag: "NotAllowed" } })
    expect(withFormerLink(other, { ourName, until: 0 }, 1)).toBe(other)
  })
})
