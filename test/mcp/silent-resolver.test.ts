import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Effect } from "effect"
import { closedPort } from "../support/FakePeer.ts"
import { startServer } from "../support/ServerProcess.ts"
import { silentResolver, type SilentResolver } from "../support/SilentResolver.ts"

// Whoever looks up a name is in the system's resolver for minutes here, longer than any test: what ends has not waited.

const place = silentResolver()

const host = "silent.example"
const env = { BEAMSCOPE_COOKIE: "COOKIE" }

const connect = (node: string) => ({ name: "connect_node", arguments: { node, timeout_ms: 30_000 } })

describe.skipIf("problem" in place)(
  `with name servers that are silent${"problem" in place ? ` (not to be had: ${place.problem})` : ""}`,
  () => {
    let resolver: SilentResolver
    beforeEach(async () => {
      if ("start" in place) resolver = await place.start()
    })
    afterEach(() => resolver.stop())

    const start = (args: ReadonlyArray<string>) => startServer(args, env, resolver.begin)
    const isAsked = () => expect.poll(resolver.asked).toContain(host)

    it.each(
      (["end of input", "SIGTERM", "SIGINT"] as const).flatMap((how) =>
        [
          { name: "connect_node", arguments: { node: `a@${host}` } },
          { name: "discover_nodes", arguments: {} }
        ].map((params) => [how, params.name, params] as const)
      )
    )("the server ends by %s during %s", async (how, _name, params) => {
      const server = start(["--allow-nodes", `*@${host}`, "--discover", `epmd:${host}`])
      await server.initialize()
      server.send("tools/call", params)
      await isAsked()
      const told = Date.now()
      if (how === "end of input") server.child.stdin.end()
      else server.child.kill(how)
      expect(await server.ended).toEqual({ code: 0, signal: null })
      expect(Date.now() - told).toBeLessThan(2_000)
      expect(server.messages().map(({ id }) => id)).toEqual([1])
      expect(server.output().err).not.toMatch(/warning/iu)
    })

    it("a host that is known here is found, though as many as may wait for name servers do", async () => {
      const port = await Effect.runPromise(closedPort)
      const server = start(["--allow-nodes", "*@*", "--epmd-port", String(port)])
      await server.initialize()
      const hosts = Array.from({ length: 12 }, (_, index) => `h${index}.${host}`)
      for (const name of hosts) server.send("tools/call", connect(`a@${name}`))
      const first = hosts.slice(0, 7)
      await expect.poll(() => hosts.filter((name) => resolver.asked().has(name))).toEqual(first)
      const { result } = await server.request("tools/call", connect("a@localhost"))
      expect(JSON.stringify(result)).toContain(`No EPMD answers on localhost:${port}`)
      // One more is not left to wait for what others wait for in vain, nor taken for one that was looked up.
      const { result: held } = await server.request("tools/call", connect(`a@last.${host}`))
      expect(JSON.stringify(held)).toContain(
        `The host 'last.${host}', through which the way to a@last.${host} leads, was`
      )
      expect(JSON.stringify(held)).toContain(first[0])
      expect(hosts.filter((name) => resolver.asked().has(name))).toEqual(first)
    })

    it("the server ends when its reader goes away", async () => {
      const server = start(["--allow-nodes", `*@${host}`])
      await server.initialize()
      server.send("tools/call", { name: "connect_node", arguments: { node: `a@${host}` } })
      await isAsked()
      server.child.stdout.destroy()
      server.send("tools/list")
      expect(await server.ended).toEqual({ code: 0, signal: null })
    })

    it("the server's last answers are all written, to a host that reads them late", async () => {
      const server = start(["--discover", `epmd:${host}`])
      await server.initialize()
      server.send("tools/call", { name: "discover_nodes", arguments: {} })
      await isAsked()
      server.child.stdout.pause()
      // More than a pipe holds; asked in one go, so that nothing is asked after it is full.
      const ids = Array.from({ length: 30 }, (_, index) => index + 10)
      server.write(ids.map((id) => `${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list" })}\n`).join(""))
      server.child.stdin.end()
      await expect.poll(() => server.output().err).toContain("stdin ended")
      server.child.stdout.resume()
      expect(await server.ended).toEqual({ code: 0, signal: null })
      expect(server.messages().map(({ id }) => id)).toEqual([1, ...ids])
      expect(server.output().out).toMatch(/\n$/u)
    })

    const ends = async (args: ReadonlyArray<string>, exitCode: number, says: RegExp) => {
      const command = start([...args, "--allow-nodes", `*@${host}`])
      expect(await command.ended).toEqual({ code: exitCode, signal: null })
      const { err, out } = command.output()
      expect(`${out}${err}`).toMatch(says)
      expect(resolver.asked()).toContain(host)
    }

    it("a call that failed ends with its exit code", () =>
      ends(["call", "connect_node", `{"node": "a@${host}", "timeout_ms": 500}`], 1, /code: connect_failed/u))

    // It has twenty seconds, of which resolving takes all.
    it("the doctor ends with its exit code", { timeout: 60_000 }, () =>
      ends(["doctor", `a@${host}`], 1, /FAILED .*did not answer .* in time/u)
    )

    it("a command that is told to end does", async () => {
      const command = start(["call", "connect_node", `{"node": "a@${host}"}`, "--allow-nodes", `*@${host}`])
      await isAsked()
      command.child.kill("SIGTERM")
      expect(await command.ended).toEqual({ code: 143, signal: null })
    })
  }
)
