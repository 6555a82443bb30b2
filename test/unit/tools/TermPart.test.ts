import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { SyntaxName } from "../../../src/syntax/Syntax.ts"
import { Session } from "../../../src/tools/Session.ts"
import { nameWithin, termPart } from "../../../src/tools/TermPart.ts"
import { fakeNode } from "../../support/FakeNodes.ts"

describe("termPart", () => {
  it.effect.each<readonly [SyntaxName, string, string]>([
    ["elixir", "{:w, 17}", "{w,17}"],
    ["elixir", ' {:room, "é"}', '{room,<<"é"/utf8>>}'],
    ["elixir", ":room", "room"],
    ["elixir", "#PID<0.5.0>", "<0.5.0>"],
    ["elixir", "{w,17}", "{w,17}"],
    ["elixir", "{:w, 1", "{:w, 1"],
    ["elixir", "Room", "Room"],
    ["elixir", "17", "17"],
    ["erlang", "{w, 17}", "{w,17}"],
    ["erlang", "room", "room"],
    ["gleam", "ChatRoom", "chat_room"],
    ["gleam", "HTTP", "HTTP"],
    ["gleam", 'atom.create("a b")', "'a b'"],
    ["gleam", "Room(17)", "{room,17}"],
    ["gleam", "My.Room", "My.Room"],
    ["lfe", "#(w 17)", "{w,17}"],
    ["lfe", "|a b|", "'a b'"],
    ["lfe", "chat-room", "chat-room"],
    ["elixir", "{:global, {:w, 17}}", "{w,17}"],
    ["elixir", "{:pg, :rooms, {:w, 17}}", "{w,17}"],
    ["elixir", "{:via, Registry, {My.Keys, {:w, 17}}}", "{w,17}"],
    ["elixir", "{:via, :gproc, {:n, :l, :w}}", "{n,l,w}"],
    ["erlang", "{via, syn, {scope, {w, 17}}}", "{w,17}"]
  ])("of a name in %s: %s", ([mode, text, expected]) =>
    Effect.gen(function* () {
      const part = termPart(fakeNode({}), text, nameWithin)
      expect(yield* Effect.provideServiceEffect(part, Session, Session.make({ mode }))).toBe(expected)
    })
  )
})
