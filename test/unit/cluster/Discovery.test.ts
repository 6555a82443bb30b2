import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { Buffer } from "node:buffer"
import { mkdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import type { OnceOptions } from "../../../src/cluster/Discoveries.ts"
import { Discovery } from "../../../src/cluster/Discovery.ts"
import { hostsIn } from "../../../src/cluster/HostsFile.ts"
import { Machine } from "../../../src/cluster/Machine.ts"
import { lookAtReleases } from "../../../src/cluster/Releases.ts"
import { DistError } from "../../../src/dist/DistError.ts"
import { atom, type List, list, type Term } from "../../../src/etf/Term.ts"
import type { Verdict } from "../../../src/node/Breaker.ts"
import type { CallError } from "../../../src/node/CallError.ts"
import { Nodes } from "../../../src/node/Nodes.ts"
import { fakeNode, type Reply } from "../../support/FakeNodes.ts"
import { bareMachine, type DiscoveryWorld, discoveryLayer, nowhere } from "../../support/FakeDiscovery.ts"
import { addProcess, beam, folder } from "../../support/FakeProcesses.ts"
import { closedPort, serve, serveEpmd } from "../../support/FakePeer.ts"
import { targetsOf } from "../../support/targetsOf.ts"

const look = (world: DiscoveryWorld, options?: OnceOptions) =>
  Effect.flatMap(Discovery.make, ({ once }) => once(options)).pipe(Effect.provide(discoveryLayer(world)))

const ended = new DistError({ node: "gone@box", reason: { _tag: "Disconnected" } })

const nodesOf = ({ found }: { readonly found: ReadonlyArray<{ readonly node: string }> }) =>
  found.map(({ node }) => node)

describe("an EPMD", () => {
  it.live("tells the names of its host and their ports", () =>
    Effect.gen(function* () {
      const port = yield* serveEpmd({ shop: 9100, app: 9101 })
      const source = `epmd:[127.0.0.1]:${port}`
      expect(yield* look({ discovery: [source] })).toEqual({
        found: [
          { node: "app", sources: [source], host: "127.0.0.1", port: 9101, epmdPort: port },
          { node: "shop", sources: [source], host: "127.0.0.1", port: 9100, epmdPort: port }
        ],
        failures: []
      })
      // Without a port, the one that nodes are looked up at.
      expect(nodesOf(yield* look({ discovery: ["epmd:localhost"], epmdPort: port }))).toEqual(["app", "shop"])
    })
  )

  it.live("of this machine is completed by what else is known of its nodes, unless that is not clear", () =>
    Effect.gen(function* () {
      const epmdPort = yield* serveEpmd({ app: 1, shop: 2, db: 3, far: 4, gone: 5 })
      const { found } = yield* look({
        discovery: ["epmd:localhost", "dns:far@pods"],
        epmdPort,
        zone: { addresses: { pods: ["10.9.9.9"] } },
        up: [fakeNode({ name: "app@box" }), fakeNode({ name: "gone@box" })],
        // It was connected once: another may have its name by now.
        standing: { "gone@box": { state: { _tag: "Down", since: 0, why: ended } } },
        configured: ["shop@10.0.0.1", "db@localhost", "db@box.example"]
      })
      expect(found.map(({ node, port, sources }) => [node, port, sources])).toEqual([
        ["app@box", 1, ["epmd:localhost"]],
        ["db", 3, ["epmd:localhost"]],
        ["far", 4, ["epmd:localhost"]],
        ["far@10.9.9.9", undefined, ["dns:far@pods"]],
        ["gone", 5, ["epmd:localhost"]],
        ["shop@10.0.0.1", 2, ["epmd:localhost"]]
      ])
    })
  )

  it.live("of this machine has a name once, by however many addresses of the machine DNS has its node", () =>
    Effect.gen(function* () {
      const epmdPort = yield* serveEpmd({ app: 1 })
      const world: DiscoveryWorld = {
        discovery: ["epmd:localhost", "dns:app@self"],
        epmdPort,
        zone: { addresses: { self: ["127.0.0.1", "::1", "10.9.9.9"] } }
      }
      expect(nodesOf(yield* look(world))).toEqual(["app", "app@10.9.9.9"])
      expect(nodesOf(yield* look({ ...world, configured: ["app@127.0.0.1"] }))).toEqual([
        "app@10.9.9.9",
        "app@127.0.0.1"
      ])
    })
  )

  it.live("of this machine tells nothing of a machine whose name begins like this one's", () =>
    Effect.gen(function* () {
      const epmdPort = yield* serveEpmd({ app: 1, shop: 2 })
      const world: DiscoveryWorld = {
        discovery: ["epmd:localhost"],
        epmdPort,
        configured: ["app@box.elsewhere", "shop@box.example"]
      }
      expect(nodesOf(yield* look(world))).toEqual(["app", "shop@box.example"])
      // One that does not say its domain may be in any.
      expect(nodesOf(yield* look({ ...world, machine: { hostName: "box" } }))).toEqual([
        "app@box.elsewhere",
        "shop@box.example"
      ])
    })
  )

  it.live("cannot tell of nodes what is no name, nor more than a bound of them", () =>
    Effect.gen(function* () {
      const odd = yield* serveEpmd({ "a@b": 1, "x y": 2, "x\ny": 2, "q'": 3, "\u202egp": 4, good: 5, big: 99_999 })
      const many = yield* serveEpmd(Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`n${at}`, 1])))
      const { failures, found } = yield* look({
        discovery: [`epmd:localhost:${odd}`, `epmd:127.0.0.1:${many}`]
      })
      expect(found.filter(({ sources }) => sources[0] === `epmd:localhost:${odd}`).map(({ node }) => node)).toEqual([
        "good"
      ])
      expect(found).toHaveLength(501)
      expect(failures).toEqual([
        { source: `epmd:localhost:${odd}`, message: expect.stringContaining("6 of the names") },
        { source: `epmd:127.0.0.1:${many}`, message: expect.stringContaining("tells of 600 nodes") }
      ])
    })
  )

  it.live("that does not listen, talks nonsense, says nothing or never ends is told, and the others count", () =>
    Effect.gen(function* () {
      const closed = yield* closedPort
      const web = yield* serve((socket) => void socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n")))
      const silent = yield* serve(() => {})
      const endless = yield* serve((socket) => {
        const pour = () => {
          while (!socket.destroyed && socket.write(Buffer.alloc(65_536, "name a at port 1\n")));
        }
        socket.on("drain", pour).once("data", pour)
      })
      const good = yield* serveEpmd({ app: 1 })
      const ports = [closed, web, silent, endless, good]
      const told = yield* look({ discovery: ports.map((port) => `epmd:127.0.0.1:${port}`) }, { timeoutMillis: 500 })
      expect(nodesOf(told)).toEqual(["app"])
      expect(told.failures.map(({ source }) => source)).toEqual(
        [closed, web, silent, endless].map((port) => `epmd:127.0.0.1:${port}`)
      )
      for (const { message } of told.failures) expect(message.length).toBeLessThan(400)
    })
  )
})

describe("the name service", () => {
  it.effect("has a node at each address of a host, and on each target of a service", () =>
    Effect.gen(function* () {
      const told = yield* look({
        discovery: ["dns:app@pods", "srv:app@_epmd._tcp.shop"],
        zone: {
          addresses: { pods: ["10.1.0.2", "10.1.0.1", "fd00::7", "10.1.0.2"] },
          services: {
            "_epmd._tcp.shop": [
              { host: "a.shop.svc.", port: 4369 },
              { host: "10.1.0.1", port: 4369 }
            ]
          }
        }
      })
      expect(told).toEqual({
        found: [
          { node: "app@10.1.0.1", sources: ["dns:app@pods", "srv:app@_epmd._tcp.shop"], host: "10.1.0.1" },
          { node: "app@10.1.0.2", sources: ["dns:app@pods"], host: "10.1.0.2" },
          { node: "app@a.shop.svc", sources: ["srv:app@_epmd._tcp.shop"], host: "a.shop.svc" },
          { node: "app@fd00::7", sources: ["dns:app@pods"], host: "fd00::7" }
        ],
        failures: []
      })
    })
  )

  it.effect("may fail, answer with what no host is called, or with more than a bound", () =>
    Effect.gen(function* () {
      const hosts = Array.from({ length: 10_000 }, (_, at) => ({ host: `h${at}`, port: 1 }))
      const told = yield* look({
        discovery: ["dns:a@down", "dns:a@gone", "srv:a@odd", "srv:a@many"],
        zone: {
          addresses: { down: "ESERVFAIL" },
          services: {
            odd: [
              { host: "x@y", port: 1 },
              { host: "x@y", port: 2 },
              { host: "", port: 1 },
              { host: "ok", port: 1 }
            ],
            many: hosts
          }
        }
      })
      expect(told.found).toHaveLength(501)
      expect(told.failures).toEqual([
        { source: "dns:a@down", message: expect.stringContaining("ESERVFAIL") },
        { source: "dns:a@gone", message: expect.stringContaining("there is no 'gone'") },
        { source: "srv:a@odd", message: expect.stringContaining("2 of the names") },
        { source: "srv:a@many", message: expect.stringContaining("tells of 10000 nodes") }
      ])
    })
  )
})

describe("a hosts file", () => {
  it.live("is the first of working folder, home and OTP's root that is there, and its hosts' EPMDs are asked", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const epmdPort = yield* serveEpmd({ app: 9100 })
      const places = ["cwd", "home", "otp"].map((name) => join(root, name))
      for (const place of places) mkdirSync(place)
      mkdirSync(join(root, "otp/bin"))
      writeFileSync(join(root, "otp/bin/erl"), "")
      mkdirSync(join(root, "bin"))
      symlinkSync(join(root, "otp/bin/erl"), join(root, "bin/erl"))
      const [cwd, home] = places as [string, string]
      const world: DiscoveryWorld = {
        discovery: ["hosts"],
        epmdPort,
        configured: ["app@127.0.0.1"],
        machine: { workingFolder: () => cwd, homeFolder: home, environment: { PATH: `${nowhere}:${root}/bin` } }
      }
      const none = yield* look(world)
      expect(none.failures.map(({ message }) => message)).toEqual([
        `there is no ${places.map((place) => join(place, ".hosts.erlang")).join(", nor ")}.`
      ])
      const found = { found: [expect.objectContaining({ node: "app@127.0.0.1", port: 9100 })], failures: [] }
      writeFileSync(join(root, "otp/.hosts.erlang"), "'127.0.0.1'.\n")
      expect(yield* look(world)).toEqual(found)
      writeFileSync(join(home, ".hosts.erlang"), "% none.\n")
      expect(yield* look(world)).toEqual({ found: [], failures: [] })
      writeFileSync(join(cwd, ".hosts.erlang"), "% ours.\nlocalhost.\n'127.0.0.1'. 'localhost'.\n")
      expect(yield* look(world)).toEqual(found)
      expect(yield* look({ ...world, discovery: [`hosts:${join(root, "otp/.hosts.erlang")}`] })).toEqual(found)
    })
  )

  it.live("is looked for in each place once, and never beside a program of the working folder", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const project = yield* folder
      writeFileSync(join(project, "erl"), "")
      const before = process.cwd()
      yield* Effect.acquireRelease(
        Effect.sync(() => process.chdir(project)),
        () => Effect.sync(() => process.chdir(before))
      )
      const machine = { workingFolder: () => home, homeFolder: home, environment: { PATH: ":/nowhere:" } }
      const { failures } = yield* look({ discovery: ["hosts"], machine })
      expect(failures.map(({ message }) => message)).toEqual([`there is no ${join(home, ".hosts.erlang")}.`])
    })
  )

  it.live("in the working folder, which may be anybody's project, counts where the operator names the source", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const epmdPort = yield* serveEpmd({ app: 9100 })
      writeFileSync(join(root, ".hosts.erlang"), "'127.0.0.1'.\n")
      const world: DiscoveryWorld = { epmdPort, machine: { workingFolder: () => root } }
      expect(yield* look(world, { from: "hosts" })).toEqual({ found: [], failures: [] })
      expect(nodesOf(yield* look({ ...world, discovery: ["hosts"] }))).toEqual(["app"])
    })
  )

  it.live("that is missing is nothing to tell by default; one that cannot be read or understood is", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const epmdPort = yield* serveEpmd({})
      const world = { epmdPort, machine: { homeFolder: root } }
      expect(yield* look(world, { from: "hosts" })).toEqual({ found: [], failures: [] })
      const file = join(root, ".hosts.erlang")
      const failures = (text: string) => {
        writeFileSync(file, text)
        return Effect.map(look(world, { from: "hosts" }), (told) => told.failures.map(({ message }) => message))
      }
      expect(yield* failures("localhost.\n'open.\n")).toEqual([
        expect.stringMatching(/^\S+ is no list of hosts: line 2/u)
      ])
      expect(yield* failures('localhost.\n{a, b}.\n"c".\n')).toEqual([
        expect.stringContaining("2 terms that are no hosts")
      ])
      expect(yield* failures("a.\n".repeat(30_000))).toEqual([expect.stringContaining("too many for a list of hosts")])
      const many = Array.from({ length: 150 }, (_, at) => `'127.0.0.${at + 1}'.`).join("\n")
      expect((yield* failures(many)).at(-1)).toContain("of 150 places only the first 100 were asked: not 127.0.0.101")
      rmSync(file)
      mkdirSync(file)
      expect((yield* look(world, { from: "hosts" })).failures[0]?.message).toContain("is not a file")
      // Not passed over for the one in the home folder.
      rmdirSync(file)
      symlinkSync(file, file)
      expect((yield* look(world, { from: "hosts" })).failures[0]?.message).toBe(`${file} cannot be read (ELOOP).`)
    })
  )
})

describe("the hosts in a file", () => {
  it("are atoms that can be hosts, each once", () => {
    const { hosts, problem } = hostsIn({ path: "hosts", text: "a. b. 'a'. 'no host'. 'a@b'. \"c\".\n" })
    expect(hosts).toEqual(["a", "b"])
    expect(problem?.failures).toEqual([expect.objectContaining({ message: expect.stringContaining("3 terms") })])
  })
})

/** A machine that shows no processes, with this environment. */
const startedIn = (environment: Readonly<Record<string, string>>): DiscoveryWorld => ({
  discovery: ["releases"],
  machine: { platform: "darwin", environment }
})

describe("this machine", () => {
  it.live("shows the nodes among its processes, where their EPMD is and their cookie lies, and no secret", () =>
    Effect.gen(function* () {
      const processes = yield* folder
      const release = yield* folder
      mkdirSync(join(release, "releases"))
      writeFileSync(join(release, "releases/COOKIE"), "swordfish")
      addProcess(processes, "self", [])
      const secrets = { RELEASE_COOKIE: "swordfish", SECRET_KEY_BASE: "swordfish" }
      const shop = { RELEASE_ROOT: release, RELEASE_NODE: "shop", ERL_EPMD_PORT: "14369", ...secrets }
      addProcess(processes, 10, [beam, "--", "-sname", "shop", "-setcookie", "swordfish", "-hidden"], shop)
      addProcess(processes, 11, [beam, "--", "-name", "app@10.0.0.1", "-extra", "-name", "no@no"], secrets)
      addProcess(processes, 12, [beam, "--", "-name", "lone@h", "-erl_epmd_port", "9100", "-start_epmd", "false"])
      addProcess(processes, 13, [beam, "--", "-name", "pod@h"], { RELEASE_ROOT: release }, { network: "net:[2]" })
      addProcess(processes, 14, [beam, "--", "-name", "bare"])
      addProcess(processes, 15, [beam, "--", "-name", "mute@h", "-dist_listen", "false", "-proto_dist", "inet6_tls"])
      addProcess(processes, 16, [beam, "--", "-name", "open@h", "-dist_listen", "true", "-proto_dist", "inet_tls"])
      const mute = [beam, "--", "-name", "deaf@h", "-dist_listen", "false", "-erl_epmd_port", "9101"]
      addProcess(processes, 17, mute)
      addProcess(processes, 20, [beam, "--", "-noshell", "-setcookie", "swordfish"], shop)
      addProcess(processes, 21, [beam, "--", "-sname", "undefined"])
      addProcess(processes, 22, [beam, "--", "-name", "a@b@c"])
      addProcess(processes, 23, ["/usr/bin/vim", "-name", "vim@h"], shop)
      addProcess(processes, 24, [beam, "--", "-sname"])
      addProcess(processes, 25, [])
      const told = yield* look({ discovery: ["releases"], machine: { processes } })
      const sources = ["releases"]
      expect(told).toEqual({
        found: [
          { node: "app@10.0.0.1", sources, host: "localhost", epmdPort: 4369 },
          { node: "bare", sources, host: "localhost", epmdPort: 4369 },
          { node: "deaf@h", sources, host: "localhost", isListening: false },
          { node: "lone@h", sources, host: "localhost", port: 9100 },
          { node: "mute@h", sources, host: "localhost", isListening: false, isTls: true },
          { node: "open@h", sources, host: "localhost", epmdPort: 4369, isTls: true },
          { node: "pod@h", sources, cookieFile: join(release, "releases/COOKIE") },
          {
            node: "shop@box",
            sources,
            host: "localhost",
            epmdPort: 14_369,
            isHidden: true,
            cookieFile: join(release, "releases/COOKIE")
          }
        ],
        failures: []
      })
      expect(JSON.stringify(told)).not.toContain("swordfish")
    })
  )

  it.live("does not call a node of a container by what it is called itself", () =>
    Effect.gen(function* () {
      const processes = yield* folder
      addProcess(processes, "self", [])
      const elsewhere = { network: "net:[2]", host: "uts:[2]" }
      addProcess(processes, 10, [beam, "--", "-sname", "shop"], {}, elsewhere)
      addProcess(processes, 11, [beam, "--", "-name", "bare"], {}, { network: "net:[2]" })
      addProcess(processes, 12, [beam, "--", "-sname", "host"], {}, { host: "uts:[2]" })
      addProcess(processes, 13, [beam, "--", "-sname", "app@pod", "-erl_epmd_port", "9100"], {}, elsewhere)
      const release = yield* folder
      mkdirSync(join(release, "releases"))
      writeFileSync(join(release, "releases/COOKIE"), "swordfish")
      // From its own working folder, which need not be ours.
      addProcess(processes, 14, [beam, "--", "-sname", "db"], { RELEASE_ROOT: relative(".", release) })
      expect(yield* look({ discovery: ["releases"], machine: { processes } })).toEqual({
        found: [
          { node: "app@pod", sources: ["releases"] },
          { node: "db@box", sources: ["releases"], host: "localhost", epmdPort: 4369 }
        ],
        failures: [{ source: "releases", message: expect.stringMatching(/in a container .*: shop, bare, host\.$/u) }]
      })
    })
  )

  it.live("does not show a file of its own as the cookie's of a node that sees other files than we do", () =>
    Effect.gen(function* () {
      const processes = yield* folder
      const release = yield* folder
      mkdirSync(join(release, "releases"))
      const cookieFile = join(release, "releases/COOKIE")
      writeFileSync(cookieFile, "swordfish")
      const started = { RELEASE_ROOT: release }
      addProcess(processes, "self", [])
      addProcess(processes, 10, [beam, "--", "-name", "ours@h"], started)
      addProcess(processes, 11, [beam, "--", "-name", "mounted@h"], started, { mounts: "mnt:[2]" })
      addProcess(processes, 12, [beam, "--", "-name", "rooted@h"], started, { root: "/srv/root" })
      const { found } = yield* look({ discovery: ["releases"], machine: { processes } })
      expect(found.map((each) => [each.node, each.cookieFile])).toEqual([
        ["mounted@h", undefined],
        ["ours@h", cookieFile],
        ["rooted@h", undefined]
      ])
    })
  )

  it.live("shows no more nodes than a bound, and names few of those that it cannot call", () =>
    Effect.gen(function* () {
      const processes = yield* folder
      addProcess(processes, "self", [])
      for (let pid = 1; pid <= 501; pid++) addProcess(processes, pid, [beam, "--", "-name", `n${pid}@h`])
      for (let pid = 1_001; pid <= 1_006; pid++)
        addProcess(processes, pid, [beam, "--", "-sname", "app"], {}, { host: "uts:[2]" })
      const { failures, found } = yield* look({ discovery: ["releases"], machine: { processes } })
      expect(found).toHaveLength(500)
      expect(failures.map(({ message }) => message)).toEqual([
        "of 507 processes at most 20000 are looked at, and 500 nodes taken.",
        expect.stringMatching(/: app, app, app, app, app, …\.$/u)
      ])
    })
  )

  it.live("shows as many processes as there is time for", () =>
    Effect.gen(function* () {
      const processes = yield* folder
      for (let pid = 1; pid <= 20; pid++) addProcess(processes, pid, [beam, "--", "-name", `n${pid}@h`])
      const told = yield* look({ discovery: ["releases"], machine: { processes } }, { timeoutMillis: 0 })
      expect(told.found).toEqual([])
      expect(told.failures.map(({ message }) => message)).toEqual([
        "time was over before 20 of 20 processes were looked at."
      ])
    })
  )

  it.live("shows no more processes than a bound", () =>
    Effect.gen(function* () {
      const processes = yield* folder
      for (let pid = 1; pid <= 20_001; pid++) writeFileSync(join(processes, String(pid)), "")
      // Those that there is no time for are counted, and cost nothing.
      const { failures } = yield* Effect.provideService(lookAtReleases({ until: -Infinity }), Machine, {
        ...bareMachine,
        processes
      })
      expect(failures.map(({ message }) => message)).toEqual([
        "of 20001 processes at most 20000 are looked at, and 500 nodes taken.",
        "time was over before 20000 of 20001 processes were looked at."
      ])
    })
  )

  it.live("shows nothing of the processes of others", () =>
    Effect.gen(function* () {
      const processes = yield* folder
      addProcess(processes, 10, [beam, "--", "-name", "app@h"])
      const told = yield* look({ discovery: ["releases"], machine: { processes, userId: 4_294_967_294 } })
      expect(told).toEqual({ found: [], failures: [] })
    })
  )

  it.live("has the release that we were started in; that it shows no processes is told", () =>
    Effect.gen(function* () {
      const release = yield* folder
      const named = yield* look(startedIn({ RELEASE_NODE: "shop", RELEASE_ROOT: release, RELEASE_COOKIE: "swordfish" }))
      expect(named).toEqual({
        found: [{ node: "shop@box", sources: ["releases"] }],
        failures: [{ source: "releases", message: expect.stringContaining("on Linux only") }]
      })
      mkdirSync(join(release, "releases"))
      writeFileSync(join(release, "releases/COOKIE"), "swordfish")
      const long = { RELEASE_NODE: "shop@h.example", RELEASE_DISTRIBUTION: "name", RELEASE_ROOT: release }
      expect((yield* look(startedIn(long))).found).toEqual([
        { node: "shop@h.example", sources: ["releases"], cookieFile: join(release, "releases/COOKIE") }
      ])
      expect((yield* look(startedIn({ ...long, RELEASE_DISTRIBUTION: "none" }))).found).toEqual([])
      expect((yield* look(startedIn({ RELEASE_NODE: "a@b@c" }))).failures[0]?.message).toContain("no node's name")
      const hidden = yield* look({ discovery: ["releases"], machine: { processes: nowhere } })
      expect(hidden.failures[0]?.message).toContain("cannot be read")
    })
  )
})

/** `hidden`: nodes at the other end of hidden links. `shows`: to which of them it shows itself. */
const meshNode = (
  name: string,
  visible: ReadonlyArray<string>,
  hidden: ReadonlyArray<string> = [],
  shows: Reply = ([, asked]) => Effect.succeed(asked!)
) =>
  fakeNode({
    name,
    replies: {
      "lists:filter/2": shows,
      "erlang:nodes/1": ([kind]: ReadonlyArray<Term>) =>
        Effect.succeed(
          list(((kind as { readonly text: string }).text === "hidden" ? hidden : visible).map((it) => atom(it)))
        )
    }
  })

describe("following", () => {
  it.effect("tells what connected nodes see, visible or hidden, and not ourselves", () =>
    Effect.gen(function* () {
      const a = meshNode("a@h", ["b@h", "c@h"], ["ops@h", "beamscope@localhost"])
      const told = yield* look({ discovery: ["follow"], up: [a] })
      const sources = ["follow"]
      expect(told).toEqual({
        found: [
          { node: "b@h", sources },
          { node: "c@h", sources },
          { node: "ops@h", sources, isHidden: true }
        ],
        failures: []
      })
      // We are hidden, too, and no matter.
      expect(a.called.map(({ args, target }) => [target, args.at(-1)])).toEqual([
        ["erlang:nodes/1", atom("visible")],
        ["erlang:nodes/1", atom("hidden")],
        ["lists:filter/2", list([atom("ops@h")])]
      ])
    })
  )

  it.effect("takes no node for a hidden one because its neighbour is, or because that does not tell", () =>
    Effect.gen(function* () {
      const ops = meshNode("ops@h", [], ["a@h", "b@h"], { term: list([]) })
      const mute = meshNode("mute@h", [], ["c@h"], {
        fails: { _tag: "Raised", class: "error", reason: atom("undef"), stack: [] }
      })
      const a = meshNode("a@h", ["b@h"], ["ops@h"])
      // Says that b is hidden, since it told b nothing of itself, and is wrong.
      const odd = meshNode("odd@h", [], ["b@h"])
      const { found } = yield* look({ discovery: ["follow"], up: [ops, mute, a, odd] })
      expect(found.filter(({ isHidden }) => isHidden).map(({ node }) => node)).toEqual(["ops@h"])
      expect(found.map(({ node }) => node)).toEqual(["a@h", "b@h", "c@h", "ops@h"])
    })
  )

  it.effect("goes on from nodes that may be connected for it, a few steps, each node once", () =>
    Effect.gen(function* () {
      const chain = ["a", "b", "c", "d", "e", "f"].map((name, at, all) =>
        meshNode(
          `${name}@h`,
          [all[at - 1], all[at + 1]].flatMap((it) => (it === undefined ? [] : [`${it}@h`]))
        )
      )
      const [a, ...others] = chain
      const world: DiscoveryWorld = { discovery: ["follow"], up: [a!], reachable: others }
      expect(nodesOf(yield* look(world))).toEqual(["b@h"])
      const told = yield* look(world, { mayConnect: () => true })
      expect(nodesOf(told)).toEqual(["a@h", "b@h", "c@h", "d@h", "e@h"])
      expect(told.failures[0]?.message).toContain("3 steps away")
      expect(chain.map(({ called }) => called.length)).toEqual([4, 2, 2, 2, 0, 0])
      expect(nodesOf(yield* look(world, { mayConnect: (node) => node !== "c@h" }))).toEqual(["a@h", "b@h", "c@h"])
    })
  )

  it.effect("asks no more hidden nodes than a bound for what they are", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 600 }, (_, at) => `n${at}@h`)
      const asked: Array<number> = []
      const shows: Reply = ([, about]) => {
        asked.push((about as List).items.length)
        return Effect.succeed(about!)
      }
      yield* look({ discovery: ["follow"], up: [meshNode("a@h", [], names, shows)] })
      expect(asked).toEqual([500])
    })
  )

  it.effect("has nothing to tell of the end of a link to a node that it has asked over another", () =>
    Effect.gen(function* () {
      const why = new DistError({ node: "b@h", reason: { _tag: "LinkClosed", detail: "it went down" } })
      const told = yield* look(
        {
          discovery: ["follow"],
          up: [meshNode("a@h", ["b@h"]), meshNode("b@h", ["c@h"])],
          standing: { "b@h": { state: { _tag: "Down", since: 0, why } } }
        },
        { mayConnect: (node) => node === "b@h" }
      )
      expect(nodesOf(told)).toEqual(["b@h", "c@h"])
      expect(told.failures).toEqual([])
    })
  )

  it.effect("tells of nodes that cannot be asked, and takes no more than a bound", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 600 }, (_, at) => `n${at}@h`)
      const lying = meshNode("a@h", [...names, "no name", "x@y@z"])
      const broken = fakeNode({
        name: "b@h",
        replies: { "erlang:nodes/1": { fails: { _tag: "DeadlineExceeded", millis: 2_000 } as never } }
      })
      const told = yield* look(
        {
          discovery: ["follow"],
          up: [lying, broken],
          unreachable: Object.fromEntries(names.map((name) => [name, { _tag: "CookieRejected" } as const]))
        },
        { mayConnect: () => true }
      )
      expect(told.found).toHaveLength(500)
      const messages = told.failures.map(({ message }) => message)
      expect(messages.filter((message) => message.includes("could not be asked"))).toHaveLength(1 + 98)
      expect(messages).toEqual(
        expect.arrayContaining([
          expect.stringContaining("a@h tells of 600 nodes"),
          expect.stringContaining("2 of the names that a@h tells of"),
          expect.stringContaining("b@h could not be asked"),
          expect.stringContaining("at most 100")
        ])
      )
    })
  )

  it.effect("keeps what others tell where a node outlasts the time for it", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const reply = () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      const silent = fakeNode({ name: "b@h", replies: { "erlang:nodes/1": reply } })
      const looking = yield* Effect.forkChild(
        look({ discovery: ["follow"], up: [meshNode("a@h", ["x@h"]), silent] }, { timeoutMillis: 1_000 })
      )
      yield* Deferred.await(asked)
      yield* TestClock.adjust(2_000)
      const told = yield* Fiber.join(looking)
      expect(nodesOf(told)).toEqual(["x@h"])
      expect(told.failures).toEqual([{ source: "follow", message: "b@h had told nothing after 1000 ms." }])
    })
  )

  it.effect("is given up where all of it outlasts the time, and what others tell counts", () =>
    Effect.gen(function* () {
      const nodes = yield* Nodes
      const asked = yield* Deferred.make<void>()
      // Only the source: what was found is put together by the same list.
      const list = Effect.suspend(() =>
        Deferred.doneUnsafe(asked, Effect.void) ? Effect.never : nodes.list
      ) satisfies typeof nodes.list
      const { once } = yield* Effect.provideService(Discovery.make, Nodes, { ...nodes, list })
      const looking = yield* Effect.forkChild(once(), { startImmediately: true })
      yield* Deferred.await(asked)
      yield* TestClock.adjust(5_249)
      expect(looking.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust(1)
      const told = yield* Fiber.join(looking)
      expect(nodesOf(told)).toEqual(["app@10.0.0.2"])
      expect(told.failures).toEqual([{ source: "follow", message: "it had told nothing after 5000 ms." }])
    }).pipe(
      Effect.provide(
        discoveryLayer({ discovery: ["follow", "dns:app@pods"], zone: { addresses: { pods: ["10.0.0.2"] } } })
      )
    )
  )

  it.effect("leaves a node in peace that does not answer", () =>
    Effect.gen(function* () {
      const a = meshNode("a@h", ["b@h"])
      const gate = yield* Deferred.make<number, CallError>()
      let probes = 0
      const world: { hear?: ((verdict: Verdict) => void) | undefined } = {}
      const nodes = Nodes.layerOf((_target, { onVerdict }) =>
        Effect.sync(() => {
          world.hear = onVerdict
          return {
            ...a,
            roundTrip: () =>
              Effect.suspend(() => {
                probes++
                return Deferred.await(gate)
              })
          }
        })
      )
      const targets = targetsOf({
        epmdPort: 1,
        discovery: ["follow"],
        resolve: (name) => Effect.succeed({ name, cookie: Redacted.make("a cookie") })
      })
      yield* Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(Nodes, ({ get }) => get("a@h")))
        const { once } = yield* Discovery.make
        for (let at = 0; at < 5; at++) world.hear?.("failure")
        expect((yield* once()).failures[0]?.message).toContain("left in peace")
        expect(probes).toBe(0)
        // One request goes through after the pause, and whoever comes meanwhile is told so.
        yield* TestClock.adjust("2500 millis")
        const looks = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(once(), { startImmediately: true }))
        yield* TestClock.adjust(0)
        expect(probes).toBe(1)
        expect(a.called).toEqual([])
        world.hear?.("success")
        yield* Deferred.succeed(gate, 1)
        const told = yield* Effect.forEach(looks, Fiber.join)
        expect(told.map(nodesOf)).toEqual([["b@h"], [], []])
        expect(told[1]?.failures[0]?.message).toContain("one request is under way")
      }).pipe(Effect.provide(Layer.provideMerge(nodes, targets)))
    })
  )
})

const hosts = (from: number) => Array.from({ length: 450 }, (_, at) => `10.0.${from}.${at}`)

describe("all sources together", () => {
  it.live("make one entry a node, each with the sources that it came from", () =>
    Effect.gen(function* () {
      const processes = yield* folder
      addProcess(processes, "self", [])
      const epmdPort = yield* serveEpmd({ app: 9100 })
      addProcess(processes, 10, [beam, "--", "-name", "app@10.0.0.1"], { ERL_EPMD_PORT: String(epmdPort) })
      const told = yield* look({
        epmdPort,
        machine: { processes },
        up: [meshNode("db@h", ["app@10.0.0.1"], [])]
      })
      expect(told).toEqual({
        found: [
          {
            node: "app@10.0.0.1",
            sources: ["epmd:localhost", "releases", "follow"],
            host: "localhost",
            port: 9100,
            epmdPort
          }
        ],
        failures: []
      })
    })
  )

  it.live("say where a node is as one of them has it, not the host of one with the port of another", () =>
    Effect.gen(function* () {
      const processes = yield* folder
      addProcess(processes, "self", [])
      addProcess(processes, 10, [beam, "--", "-name", "app@10.0.0.1"], { ERL_EPMD_PORT: "14369" })
      const { found } = yield* look({
        discovery: ["dns:app@pods", "releases"],
        zone: { addresses: { pods: ["10.0.0.1"] } },
        machine: { processes }
      })
      expect(found).toEqual([
        { node: "app@10.0.0.1", sources: ["dns:app@pods", "releases"], host: "localhost", epmdPort: 14_369 }
      ])
    })
  )

  it.effect("are those that were asked for", () =>
    Effect.gen(function* () {
      const zone = { addresses: { x: ["10.0.0.1"], y: ["10.0.0.2"] } }
      const world = { discovery: ["dns:a@x", "dns:b@y", "nonsense"], zone }
      expect(nodesOf(yield* look(world))).toEqual(["a@10.0.0.1", "b@10.0.0.2"])
      expect((yield* look(world)).failures).toEqual([
        { source: "nonsense", message: expect.stringContaining("it is no source") }
      ])
      expect(yield* look(world, { from: "dns:b" })).toEqual({
        found: [{ node: "b@10.0.0.2", sources: ["dns:b@y"], host: "10.0.0.2" }],
        failures: []
      })
      const { sources } = yield* Effect.provide(Discovery.make, discoveryLayer({}))
      expect(sources).toEqual(["epmd:localhost", "releases", "follow", "hosts"])
    })
  )

  it.effect("tell of no more nodes than a bound", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 5 }, (_, at) => `h${at}`)
      const told = yield* look({
        discovery: names.map((name) => `dns:a@${name}`),
        zone: { addresses: Object.fromEntries(names.map((name, at) => [name, hosts(at)])) }
      })
      expect(told.found).toHaveLength(2_000)
      expect(told.failures).toEqual([{ source: "dns:a@h4", message: expect.stringContaining("2250 nodes were found") }])
    })
  )
})
