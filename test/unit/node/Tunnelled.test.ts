import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { DistError, type DistReason } from "../../../src/dist/DistError.ts"
import { CallError } from "../../../src/node/CallError.ts"
import { callThrough, lostThrough, throughTunnel, type TunnelCommand } from "../../../src/node/Tunnelled.ts"
import { fakeNode } from "../../support/FakeNodes.ts"

const node = "app@localhost"
const tunnel = (said: string, ended?: string): TunnelCommand => ({
  program: "ssh",
  said: Effect.succeed(said),
  ended: Effect.succeed(ended)
})
const lost = (reason: DistReason) => new DistError({ node, reason })
const closed = lost({ _tag: "LinkClosed", detail: "the node closed the connection" })
const because = "The way there was the tunnel of its entry (ssh). It said: Killed by signal 15."

/** When a tunnel's command is asked about a failure: where a link cannot be made, or where one is lost. */
const isAsked: Record<DistReason["_tag"], "unmade" | "lost" | undefined> = {
  InvalidNodeName: undefined,
  InvalidOption: undefined,
  HostUnresolved: undefined,
  NoResources: undefined,
  EpmdRefused: undefined,
  EpmdSilent: undefined,
  EpmdGarbage: undefined,
  NameNotRegistered: undefined,
  PortRefused: "unmade",
  Unreachable: "unmade",
  Timeout: "unmade",
  // Only of a tunnel that has ended: else it is the node that has refused it.
  CookieRejected: undefined,
  PeerCookieWrong: undefined,
  NotAllowed: undefined,
  Refused: undefined,
  NameInUse: undefined,
  NameRefused: undefined,
  WantsTls: undefined,
  WantsPlain: undefined,
  TlsCertificate: undefined,
  TlsClientCertificateWanted: undefined,
  TlsClientCertificateRefused: undefined,
  TlsVersion: undefined,
  TlsMaterial: undefined,
  TlsFailed: "unmade",
  NotErlangNode: "unmade",
  NameNotGiven: undefined,
  ClosedInHandshake: "unmade",
  WrongNode: undefined,
  MissingFlags: undefined,
  LinkClosed: "lost",
  TickTimeout: "lost",
  ProtocolViolation: "lost",
  Fault: undefined,
  Disconnected: undefined
}

describe("what a tunnel's command says", () => {
  it.effect.each(Object.entries(isAsked))("of %s is told of a link that is %s", ([tag, when]) =>
    Effect.gen(function* () {
      const why = lost({ _tag: tag } as DistReason)
      const unmade = yield* Effect.flip(throughTunnel(tunnel("Killed."))(Effect.fail(why)))
      expect(unmade.through !== undefined).toBe(when === "unmade")
      expect((yield* lostThrough(tunnel("Killed."))(why)).through !== undefined).toBe(when === "lost")
      expect(unmade.reason).toEqual(why.reason)
    })
  )
})

describe("a link through a tunnel that is lost", () => {
  it.effect("is lost with what the tunnel's command said last", () =>
    Effect.gen(function* () {
      const why = yield* lostThrough(tunnel("Killed by signal 15."))(closed)
      expect(why.reason).toEqual(closed.reason)
      expect(why.message).toBe(`${closed.message} ${because}`)
      expect((yield* lostThrough(tunnel(""))(closed)).message).toContain("It has said nothing.")
    })
  )

  it.effect("is lost with the tunnel where that has ended, not closed by the node", () =>
    Effect.gen(function* () {
      const ended = "the tunnel's command ssh ended (SIGKILL), and with it the link through it. It said nothing."
      const why = yield* lostThrough(tunnel("", ended))(closed)
      expect(why.message).toBe(
        `the connection to ${node} was lost: the tunnel to it ended. The way there was the tunnel of its entry (ssh): ${ended}`
      )
      // A link that could not be made failed for a reason of its own.
      const refused = lost({ _tag: "PortRefused", at: "127.0.0.1:1", from: "address" })
      const unmade = yield* Effect.flip(throughTunnel(tunnel("", ended))(Effect.fail(refused)))
      expect(unmade.message).toBe(`${refused.message} The way there was the tunnel of its entry (ssh): ${ended}`)
    })
  )

  it.effect("says nothing of the cookie where the tunnel ended as that was shown", () =>
    Effect.gen(function* () {
      const refused = lost({ _tag: "CookieRejected" })
      const byTunnel = yield* Effect.flip(throughTunnel(tunnel("", "the tunnel ended."))(Effect.fail(refused)))
      expect(byTunnel.reason).toEqual({ _tag: "ClosedInHandshake", stage: "acknowledgement" })
      expect(byTunnel.message).toContain("the tunnel of its entry (ssh): the tunnel ended.")
      expect(yield* Effect.flip(throughTunnel(tunnel("anything"))(Effect.fail(refused)))).toBe(refused)
    })
  )

  it.effect("says nothing of the tunnel where we closed it, or there is none", () =>
    Effect.gen(function* () {
      const ours = lost({ _tag: "Disconnected" })
      expect(yield* lostThrough(tunnel("anything"))(ours)).toBe(ours)
      expect(yield* lostThrough(undefined)(closed)).toBe(closed)
    })
  )

  it.effect("ends the calls over it with the same, and no other failure", () =>
    Effect.gen(function* () {
      const fake = fakeNode({
        name: node,
        replies: {
          "erlang:self/0": { fails: { _tag: "LinkLost", cause: closed } },
          "erlang:node/0": { fails: { _tag: "RepliesCrowded" } }
        }
      })
      const call = callThrough(tunnel("Killed by signal 15."), fake.call)
      const error = yield* Effect.flip(call("erlang", "self", []))
      expect(error).toBeInstanceOf(CallError)
      expect(error.message).toBe(`erlang:self/0 on ${node} got no answer: ${closed.message} ${because}`)
      expect((yield* Effect.flip(call("erlang", "node", []))).reason).toEqual({ _tag: "RepliesCrowded" })
    })
  )
})
