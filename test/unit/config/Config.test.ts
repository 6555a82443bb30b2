import { Effect, Redacted, Result } from "effect"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { fromSettings, load } from "../../../src/config/Config.ts"
import { ConfigError } from "../../../src/config/ConfigError.ts"
import { shortHostName } from "../../../src/config/HostNames.ts"
import {
  keyOf,
  type SettingName,
  type Settings,
  settings,
  SettingsFile,
  variableOf
} from "../../../src/config/Settings.ts"
import { decodeTexts, type Environment, type SettingTexts, variableTexts } from "../../../src/config/SettingTexts.ts"
import { isWindows } from "../../support/isWindows.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "beamscope-config-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const configFile = (content: unknown, mode = 0o600): string => {
  const path = join(folder, "beamscope.json")
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
  chmodSync(path, mode)
  return path
}

const loaded = (flags: SettingTexts = {}, environment: Environment = {}, file?: string) =>
  Effect.runPromise(load({ flags, environment: { HOME: folder, ...environment }, ...(file && { file }) }))

const refusal = async (flags: SettingTexts = {}, environment: Environment = {}, file?: string) => {
  const result = await Effect.runPromise(
    Effect.result(load({ flags, environment: { HOME: folder, ...environment }, ...(file && { file }) }))
  )
  return Result.isFailure(result) ? result.failure.message : "no error"
}

describe("where settings come from", () => {
  it("has defaults for all", async () => {
    expect(await loaded()).toMatchObject({ nodes: [], agent: "auto", mode: "elixir", epmdPort: 4369 })
  })

  it("takes flags before the environment before the file", async () => {
    const file = configFile({ mode: "erlang", log_level: "debug", agent: "none", read_only: true })
    const environment = { BEAMSCOPE_MODE: "erlang", BEAMSCOPE_LOG_LEVEL: "error", BEAMSCOPE_READ_ONLY: "0" }
    expect(await loaded({ mode: ["elixir"] }, environment, file)).toMatchObject({
      mode: "elixir",
      logLevel: "error",
      agent: "none",
      policy: { readOnly: false }
    })
  })

  it("finds the file through BEAMSCOPE_CONFIG", async () => {
    expect(await loaded({}, { BEAMSCOPE_CONFIG: configFile({ mode: "erlang" }) })).toMatchObject({ mode: "erlang" })
  })

  it("takes an empty variable as not set", async () => {
    expect(await loaded({}, { BEAMSCOPE_MODE: "", BEAMSCOPE_NODE: " ", BEAMSCOPE_CONFIG: "" })).toMatchObject({
      mode: "elixir",
      nodes: []
    })
  })

  it("knows ERL_EPMD_PORT, and takes it last", async () => {
    expect(await loaded({}, { ERL_EPMD_PORT: "5555" })).toMatchObject({ epmdPort: 5555 })
    expect(await loaded({}, { ERL_EPMD_PORT: "5555" }, configFile({ epmd_port: 5556 }))).toMatchObject({
      epmdPort: 5556
    })
  })

  it.each(Object.values(settings).filter(({ form }) => form._tag === "Switch"))(
    "takes true, false, 1 and 0 in the variable of --$flag",
    async ({ flag }) => {
      const name = Object.entries(settings).find(([, setting]) => setting.flag === flag)![0]
      for (const [text, meaning] of [
        ["true", true],
        ["1", true],
        ["FALSE", false],
        ["0", false]
      ] as const) {
        const texts = variableTexts({ [variableOf(flag)]: text })
        expect(await Effect.runPromise(Effect.fromResult(decodeTexts(texts, (it) => it)))).toEqual({ [name]: meaning })
      }
    }
  )

  it("has one flag and one variable for each setting", () => {
    const flags = Object.values(settings).map(({ flag }) => flag)
    expect(new Set(flags).size).toBe(flags.length)
    expect(variableOf("allow-nodes")).toBe("BEAMSCOPE_ALLOW_NODES")
  })
})

describe("nodes", () => {
  it("come from repeated flags and from lists with commas", async () => {
    expect((await loaded({ nodes: ["a@x, b@x", "c@y"] })).nodes).toEqual([
      { name: "a@x" },
      { name: "b@x" },
      { name: "c@y" }
    ])
    expect((await loaded({}, { BEAMSCOPE_NODE: "a@x,b@x" })).nodes).toEqual([{ name: "a@x" }, { name: "b@x" }])
  })

  it("that a flag names keep what the file knows of them, and can be called by alias", async () => {
    const file = configFile({
      nodes: [{ name: "shop@db1", alias: "shop", agent: "none", epmd_port: 4400 }, "cart@db1"]
    })
    const shop = { name: "shop@db1", alias: "shop", agent: "none", epmdPort: 4400 }
    expect((await loaded({}, {}, file)).nodes).toEqual([shop, { name: "cart@db1" }])
    expect((await loaded({ nodes: ["shop@db1"] }, {}, file)).nodes).toEqual([shop])
    expect((await loaded({ nodes: ["shop"] }, {}, file)).nodes).toEqual([shop])
  })

  it("that a flag leaves out have the file's entries all the same, checked like the others", async () => {
    const entries = [{ name: "shop@db1", group: "g1" }, { name: "cart", alias: "c", access: "inspect" }, "plain@db1"]
    const file = configFile({ nodes: entries })
    const cart = { name: `cart@${shortHostName()}`, alias: "c", access: "inspect" }
    expect(await loaded({}, {}, file)).toMatchObject({ nodes: [{ name: "shop@db1" }, cart, {}], leftOut: [] })
    for (const given of [{ nodes: ["g1"] }, { nodes: ["shop@db1"] }])
      expect(await loaded(given, {}, file)).toMatchObject({ nodes: [{ name: "shop@db1" }], leftOut: [cart] })
    const shop = [{ name: "shop@db1", group: "g1" }]
    expect(await loaded({}, { BEAMSCOPE_NODE: "c" }, file)).toMatchObject({ nodes: [cart], leftOut: shop })
    const both = configFile({ nodes: [{ name: "a@x", cookie: "c", cookie_file: "f" }] })
    expect(await refusal({ nodes: ["b@x"] }, {}, both)).toContain(": nodes: a@x: it has a cookie and a file with one")
    const taken = configFile({ nodes: [{ name: "a@x", alias: "b" }] })
    expect(await refusal({ nodes: ["b@x"] }, {}, taken)).toContain(": nodes: more than one node is called 'b': a@x")
    const overTls = configFile({ nodes: [{ name: "a@x", tls: true }], tls_ca: "ca.pem" })
    expect((await loaded({ nodes: ["shop@db1"] }, {}, overTls)).nodes).toEqual([{ name: "shop@db1" }])
  })

  it("without a host are this machine's, wherever they are named", async () => {
    const here = `shop@${shortHostName()}`
    expect((await loaded({ nodes: ["shop,cart@y"] })).nodes).toEqual([{ name: here }, { name: "cart@y" }])
    expect((await loaded({}, { BEAMSCOPE_NODE: "shop" })).nodes).toEqual([{ name: here }])
    const file = configFile({ nodes: [{ name: "shop", agent: "none" }] })
    expect((await loaded({}, {}, file)).nodes).toEqual([{ name: here, agent: "none" }])
    expect((await loaded({ nodes: ["shop"] }, {}, file)).nodes).toEqual([{ name: here, agent: "none" }])
    expect((await loaded({ nodes: [here] }, {}, file)).nodes).toEqual([{ name: here, agent: "none" }])
    const config = await Effect.runPromise(fromSettings({ nodes: ["shop"] }, { HOME: folder }))
    expect(config.nodes).toEqual([{ name: here }])
  })

  it("have one entry each, whose ceiling no other can take away", async () => {
    const file = configFile({
      nodes: [
        { name: "a@x", access: "inspect", alias: "one" },
        { name: "a@x", alias: "two" }
      ]
    })
    const problem = "the configuration has more than one entry of a@x; make one of them"
    expect(await refusal({}, {}, file)).toContain(problem)
    expect(await refusal({ nodes: ["two"] }, {}, file)).toBe(`configuration file ${file}: nodes: ${problem}`)
    const here = configFile({ nodes: [{ name: "a" }, { name: `a@${shortHostName()}` }] })
    expect(await refusal({}, {}, here)).toContain(`more than one entry of a@${shortHostName()}`)
    const named = configFile({ nodes: ["a@x", { name: "a@x", access: "inspect" }, "a@x"] })
    expect((await loaded({}, {}, named)).nodes).toEqual([{ name: "a@x", access: "inspect" }])
  })

  it("need a name that a node can have, and aliases of their own", async () => {
    expect(await refusal({ nodes: ["a@b@c"] })).toMatch(/^--node: 'a@b@c' is no node name: it has more than one @; /u)
    expect(await refusal({}, { BEAMSCOPE_NODE: "a@" })).toMatch(/^BEAMSCOPE_NODE: 'a@' is no node name: /u)
    const file = configFile({ nodes: ["@x"] })
    expect(await refusal({}, {}, file)).toContain(`configuration file ${file}: nodes: '@x' is no node name: `)
    const twice = configFile({
      nodes: [
        { name: "a@x", alias: "one" },
        { name: "b@x", alias: "one" }
      ]
    })
    const told = `configuration file ${twice}: line 1, column 54: nodes[1].alias: Expected a name that no other node is called by (a@x is), got "one"`
    expect(await refusal({}, {}, twice)).toBe(told)
    expect(await refusal({ nodes: ["a@x", "b@x"] }, {}, twice)).toBe(told)
    // By an alias, a call for one node would silently go to another.
    for (const [alias, name] of [
      ["b", "b@x"],
      ["b", "b"]
    ]) {
      for (const other of [{ name }, name!.includes("@") ? name : { name }]) {
        const shadow = configFile({ nodes: [{ name: "a@x", alias }, other] })
        expect(await refusal({}, {}, shadow)).toContain(
          `line 1, column 25: nodes[0].alias: Expected a name that no other node is called by (${name} is), got "b"`
        )
      }
    }
    const own = configFile({
      nodes: [
        { name: "a@x", alias: "a" },
        { name: "a@y", alias: "a-2" }
      ]
    })
    expect((await loaded({}, {}, own)).nodes).toHaveLength(2)
    // A word alone means the entry.
    const meant = configFile({ nodes: ["one", { name: "a@x", alias: "one" }] })
    expect((await loaded({}, {}, meant)).nodes).toEqual([{ name: "a@x", alias: "one" }])
  })

  it("have an alias or a group that no node has for a name", async () => {
    for (const key of ["alias", "group"]) {
      const problem = `nodes[0].${key}: Expected a name without white space, commas or @, and not empty, got "b@x"`
      const file = configFile({ nodes: [{ name: "a@x", [key]: "b@x" }] })
      expect(await refusal({}, {}, file)).toBe(`configuration file ${file}: line 1, column 25: ${problem}`)
      const given = fromSettings({ nodes: [{ name: "a@x", [key]: "b@x" }] }, { HOME: folder })
      expect((await Effect.runPromise(Effect.flip(given))).message).toBe(problem)
    }
    for (const other of [{ name: "b@x", alias: "db" }, { name: "db" }]) {
      const file = configFile({ nodes: [{ name: "a@x", group: "db" }, other] })
      expect(await refusal({}, {}, file)).toBe(
        `configuration file ${file}: line 1, column 25: nodes[0].group: Expected a name that no other node is called by (${other.name} is), got "db"`
      )
    }
    // What stands before the @ of nodes of several hosts is a good name for all of them.
    const shops = ["x", "y"].map((host) => ({ name: `shop@${host}`, group: "shop" }))
    expect((await loaded({ nodes: ["shop"] }, {}, configFile({ nodes: shops }))).nodes).toEqual(shops)
  })
})

describe("a configuration file", () => {
  it("may begin with the mark of its encoding", async () => {
    const file = configFile(`\ufeff${JSON.stringify({ mode: "gleam" })}`)
    expect(await loaded({}, {}, file)).toMatchObject({ mode: "gleam" })
  })

  it("that has no end is given up", async () => {
    expect(await refusal({}, {}, "/dev/zero")).toContain("/dev/zero: is longer than")
  })

  it("says of no node two things that cannot both be", async () => {
    const file = configFile({ nodes: [{ name: "a@x", cookie: "c", cookie_file: "f" }] })
    expect(await refusal({}, {}, file)).toContain("leave one of them out")
  })
})

describe("the name of a setting", () => {
  it("is the one under which the operator gave it", async () => {
    const file = configFile({ tools: ["a"], toolsets: ["b"], exclude_tools: ["c"] })
    const { nameOf } = await loaded({ tools: ["x"] }, { BEAMSCOPE_TOOLSETS: "y" }, file)
    expect([nameOf("tools"), nameOf("toolsets"), nameOf("excludeTools"), nameOf("mode")]).toEqual([
      "--tools",
      "BEAMSCOPE_TOOLSETS",
      `configuration file ${file}: exclude_tools`,
      "--mode"
    ])
  })

  it("in the file is one that the file can have", () => {
    const names = Object.keys(settings) as ReadonlyArray<SettingName>
    expect(names.map(keyOf)).toEqual(Object.keys(SettingsFile.from.fields))
  })
})

describe("how nodes are reached", () => {
  it("is said by a node's entry, with paths that begin at the file", async () => {
    const file = configFile({
      nodes: [
        {
          name: "a@x",
          alias: "staging-1",
          group: "staging",
          tags: ["eu", "canary"],
          access: "inspect",
          address: "[::1]:4370",
          epmd_host: "gate.example",
          tls: { ca: "ca.pem", cert: "~/me.pem", key: "/etc/me.key", server_name: "x.example", insecure: false }
        },
        { name: "b@x", address: "unix:b.sock", tls: true },
        { name: "c@x", tunnel: ["ssh", "-L", "{port}:localhost:9100", "./x"] },
        { name: "d@x", tunnel: ["bin/way", "{port}"], tls: false }
      ]
    })
    expect((await loaded({}, {}, file)).nodes).toEqual([
      {
        name: "a@x",
        alias: "staging-1",
        group: "staging",
        tags: ["eu", "canary"],
        access: "inspect",
        address: "[::1]:4370",
        epmdHost: "gate.example",
        tls: {
          ca: join(folder, "ca.pem"),
          cert: join(folder, "me.pem"),
          key: "/etc/me.key",
          serverName: "x.example",
          insecure: false
        }
      },
      { name: "b@x", address: `unix:${join(folder, "b.sock")}`, tls: true },
      { name: "c@x", tunnel: ["ssh", "-L", "{port}:localhost:9100", "./x"] },
      { name: "d@x", tunnel: [join(folder, "bin/way"), "{port}"], tls: false }
    ])
  })

  it("is said for all nodes by flags, variables and the file, each file under the name of what said it", async () => {
    const file = configFile({ tls: true, tls_ca: "ca.pem", epmd_host: "other.example" })
    const flags = { tlsCert: ["me.pem"], tlsKey: ["me.key"], epmdHost: ["gate.example"] }
    const config = await loaded(flags, { BEAMSCOPE_TLS_SERVER_NAME: "x.example", BEAMSCOPE_TLS_INSECURE: "1" }, file)
    expect(config).toMatchObject({ epmdHost: "gate.example", overTls: true })
    expect(config.tls).toEqual({
      ca: { said: `configuration file ${file}: tls_ca`, path: join(folder, "ca.pem") },
      cert: { said: "--tls-cert", path: "me.pem" },
      key: { said: "--tls-key", path: "me.key" },
      serverName: "x.example",
      insecure: true
    })
  })

  it("is not over TLS by itself, and without a word for it certificates are a mistake", async () => {
    expect(await loaded()).toMatchObject({ overTls: false, tls: {} })
    expect(await refusal({ tlsCa: ["ca.pem"] })).toBe(
      '--tls-ca: no node is reached over TLS; add --tls for all of them, or "tls": true to the entries of some'
    )
    expect(await loaded({ tlsCa: ["ca.pem"], tls: ["false"] })).toMatchObject({ overTls: false })
    const file = configFile({ nodes: [{ name: "a@x", tls: true }], tls_ca: "ca.pem" })
    expect(await loaded({}, {}, file)).toMatchObject({ overTls: false })
    expect(await refusal({ tls: ["true"], tlsKey: ["me.key"] })).toBe(
      "--tls-key: the certificate that the key belongs to is missing (--tls-cert)"
    )
  })

  it("is said once", async () => {
    const both = configFile({ nodes: [{ name: "a@x", address: "b:1", tunnel: ["way", "{port}"] }] })
    expect(await refusal({}, {}, both)).toContain(": nodes: a@x: it has an address and a tunnel; ")
    expect(await refusal({ nodes: ["a@x"] }, {}, both)).toMatch(
      /^configuration file .*: nodes: a@x: it has an address /u
    )
    const half = configFile({ nodes: [{ name: "a@x", tls: { key: "me.key" } }] })
    expect(await refusal({}, {}, half)).toContain(": nodes: a@x: its tls has a key, but not the certificate ")
  })

  it.skipIf(isWindows)("asks for a file that nobody else can replace, where it has a command", async () => {
    const file = configFile({ nodes: [{ name: "a@x", tunnel: ["way", "{port}"] }] })
    chmodSync(folder, 0o777)
    expect(await refusal({}, {}, file)).toContain(
      "has a command in it (tunnel), so it must be in a folder that is writable by owner only (chmod go-w)"
    )
    chmodSync(folder, 0o1777)
    expect((await loaded({}, {}, file)).nodes).toHaveLength(1)
    const safe = join(folder, "safe")
    mkdirSync(safe)
    const link = join(safe, "beamscope.json")
    symlinkSync(file, link)
    expect((await loaded({}, {}, link)).nodes).toHaveLength(1)
    chmodSync(folder, 0o777)
    expect(await refusal({}, {}, link)).toContain("must be in a folder that is writable by owner only")
  })

  it("asks for a file that others cannot write to, where it has a command", async () => {
    const content = { nodes: [{ name: "a@x", tunnel: ["way", "{port}"] }] }
    expect(await refusal({}, {}, configFile(content, 0o664))).toContain(
      "has a command in it (tunnel), so it must be writable by owner only (chmod go-w)"
    )
    expect((await loaded({}, {}, configFile(content, 0o644))).nodes).toHaveLength(1)
  })

  it("finds nodes beside those that are configured where the operator says", async () => {
    const file = configFile({ discover: ["hosts:my.hosts", "dns:app@db.example"] })
    expect((await loaded({}, {}, file)).discover).toEqual([`hosts:${join(folder, "my.hosts")}`, "dns:app@db.example"])
    expect((await loaded({ discover: ["epmd:a,follow", "releases"] }, {}, file)).discover).toEqual([
      "epmd:a",
      "follow",
      "releases"
    ])
    expect((await loaded()).discover).toEqual([])
    expect(await refusal({ discover: ["follow", "epdm:a"] })).toMatch(/^--discover: 'epdm:a': it is no source; write /u)
    expect(await refusal({}, {}, configFile({ discover: ["dns:app"] }))).toMatch(
      /: discover: 'dns:app': .*dns:NAME@HOST/u
    )
  })
})

/** The nodes that `--node` means, where the file has groups. */
const namedNodes = async (node: string) => {
  const file = configFile({
    nodes: [
      { name: "a@x", group: "staging" },
      { name: "b@x", group: "staging", alias: "first" },
      { name: "c@x", group: "prod" }
    ]
  })
  return (await loaded({ nodes: [node] }, {}, file)).nodes.map(({ name }) => name)
}

describe("a group of nodes", () => {
  it("is called by its name where a node can be", async () => {
    expect(await namedNodes("staging")).toEqual(["a@x", "b@x"])
    expect(await namedNodes("prod,first")).toEqual(["c@x", "b@x"])
    expect(await namedNodes("c@x,staging")).toEqual(["c@x", "a@x", "b@x"])
  })
})

describe("a word that no entry has", () => {
  it("is a node's name, kept with what may have been meant", async () => {
    const file = configFile({ nodes: [{ name: "shop@far", group: "staging", alias: "prod-1" }] })
    const said = { nodes: ["stagin,prod-2,shp@far,other"] }
    const host = shortHostName()
    expect((await loaded(said, {}, file)).nodes).toEqual([
      { name: `stagin@${host}`, near: ["staging"] },
      { name: `prod-2@${host}`, near: ["prod-1"] },
      { name: "shp@far", near: ["shop@far"] },
      { name: `other@${host}` }
    ])
  })
})

describe("our own name", () => {
  it("comes from the flag, the environment, the file and a node's entry there", async () => {
    const file = configFile({ our_name: "c@here", nodes: [{ name: "a@x", our_name: "d@here" }] })
    expect(await loaded({ ourName: ["a@here"] }, { BEAMSCOPE_OUR_NAME: "b@here" }, file)).toMatchObject({
      ourName: "a@here",
      nodes: [{ name: "a@x", ourName: "d@here" }]
    })
    expect((await loaded({}, { BEAMSCOPE_OUR_NAME: "b@here" }, file)).ourName).toBe("b@here")
    expect((await loaded({}, {}, file)).ourName).toBe("c@here")
    expect(await loaded()).not.toHaveProperty("ourName")
  })

  it("is a full one", async () => {
    expect(await refusal({ ourName: ["beamscope"] })).toBe("--our-name: expected NAME@HOST, got 'beamscope'")
    const file = configFile({ nodes: [{ name: "a@x", our_name: "a@b@c" }] })
    expect(await refusal({}, {}, file)).toContain("nodes[0].our_name: Expected a full node name, name@host")
  })
})

describe("a mistake", () => {
  it("is told under the name that it was made under", async () => {
    expect(await refusal({ mode: ["perl"] })).toBe("--mode: expected one of elixir, erlang, gleam, lfe, got 'perl'")
    expect(await refusal({}, { BEAMSCOPE_READ_ONLY: "maybe" })).toBe(
      "BEAMSCOPE_READ_ONLY: expected true, false, 1 or 0, got 'maybe'"
    )
    expect(await refusal({ epmdPort: ["70000"] })).toBe("--epmd-port: expected a port, 1 to 65535, got '70000'")
    expect(await refusal({ maxChars: ["10"] })).toBe(
      "--max-chars: expected a number of characters, 1000 to 1000000, got '10'"
    )
    expect(await refusal({}, { ERL_EPMD_PORT: "x" })).toBe("ERL_EPMD_PORT: expected a port, 1 to 65535, got 'x'")
  })

  it("is none in a variable that something else comes before", async () => {
    const environment = { BEAMSCOPE_READ_ONLY: "maybe", BEAMSCOPE_ALLOW_NODES: "shop", ERL_EPMD_PORT: "x" }
    const flags = { readOnly: ["true"], allowNodes: ["shop@*"] }
    expect(await loaded({ ...flags, epmdPort: ["1"] }, environment)).toMatchObject({
      epmdPort: 1,
      policy: { readOnly: true, allowNodes: ["shop@*"] }
    })
    expect(await loaded(flags, environment, configFile({ epmd_port: 2 }))).toMatchObject({ epmdPort: 2 })
    expect(await loaded(flags, { ...environment, BEAMSCOPE_EPMD_PORT: "3" })).toMatchObject({ epmdPort: 3 })
    expect(await refusal(flags, environment)).toContain("ERL_EPMD_PORT: ")
    expect(await refusal({}, environment, configFile({ read_only: true, epmd_port: 2 }))).toContain(
      "BEAMSCOPE_READ_ONLY: "
    )
  })

  it("is none where a list or a text is given without anything in it", async () => {
    expect(await refusal({ allowNodes: [""] })).toBe("--allow-nodes: expected PATTERN, got ''")
    expect(await refusal({ tools: [" , "] })).toBe("--tools: expected TOOL, got ' , '")
    expect(await refusal({}, { BEAMSCOPE_TOOLSETS: "," })).toBe("BEAMSCOPE_TOOLSETS: expected TOOLSET, got ','")
    expect(await refusal({ cookieFile: [""] })).toBe("--cookie-file: expected FILE, got ''")
    expect(await refusal({}, {}, " ")).toBe("--config: expected FILE, got ''")
  })

  it("in a pattern is told, wherever the pattern stands", async () => {
    expect(await refusal({ allowNodes: ["a@x", "["] })).toMatch(/^--allow-nodes: '\[' is no pattern: /u)
    expect(await refusal({}, { BEAMSCOPE_ALLOW_NODES: "shop" })).toMatch(
      /^BEAMSCOPE_ALLOW_NODES: 'shop' is no pattern: /u
    )
    expect(await refusal({}, {}, configFile({ allow_nodes: [""] }))).toContain(": allow_nodes: '' is no pattern: ")
    const failure = await Effect.runPromise(Effect.flip(fromSettings({ allowNodes: ["["] }, { HOME: folder })))
    expect(failure.message).toMatch(/^allowNodes: '\[' is no pattern: /u)
  })

  it("in the file is told with its place there, in one line", async () => {
    const file = configFile({
      nodes: [
        { name: "a@x", agent: "maybe" },
        { name: "b@x", epmd: 1 }
      ],
      moed: "erlang"
    })
    const message = await refusal({}, {}, file)
    expect(message).toContain(`configuration file ${file}: `)
    expect(message).toContain('nodes[0].agent: Expected "auto"')
    expect(message).toContain(
      "nodes[1].epmd: unknown key; did you mean epmd_host or epmd_port? There are name, alias, group, "
    )
    expect(message).toContain("moed: unknown key; did you mean mode? There are nodes, cookie_file, ")
    expect(message).not.toContain("\n")
  })

  it("in the file is told ten times, and counted from then on", async () => {
    const file = configFile({ nodes: Array.from({ length: 4_000 }, (_, at) => ({ name: `n${at}@x`, agent: "maybe" })) })
    const message = await refusal({}, {}, file)
    expect(message).toContain("nodes[9].agent: Expected")
    expect(message).toMatch(/; \.\.\. 3990 more$/u)
    expect(message).not.toContain("nodes[10]")
  })

  it.each([
    ["as a string", "ssh -o Password=PRECIOUS {port}"],
    ["with a word that is none", ["ssh", { PRECIOUS: 1 }]],
    ["as a number", 47110815]
  ])("in a tunnel, %s, is told without the command", async (_how, tunnel) => {
    const message = await refusal({}, {}, configFile({ nodes: [{ name: "a@x", tunnel }] }))
    expect(message).toContain("nodes[0].tunnel")
    expect(message).not.toMatch(/PRECIOUS|47110815/u)
  })

  it("in the file is told with what was found, but for what may be a cookie", async () => {
    const file = configFile({
      nodes: [{ name: "a@x", cookie: ["PRECIOUS"] }, { name: "b@x", cookie: 47110815 }, ["PRECIOUS"], 5],
      cookie_file: 4711,
      reveal: "yes",
      tools: { a: 1 },
      agent: "x".repeat(100),
      mode: null
    })
    const message = await refusal({}, {}, file)
    for (const told of [
      "nodes[0].cookie: Expected string, got an array",
      "nodes[1].cookie: Expected string, got a number",
      "nodes[2]: Expected string | object, got an array",
      "nodes[3]: Expected string | object, got 5",
      "cookie_file: Expected string, got a number",
      'reveal: Expected boolean, got "yes"',
      "tools: Expected array, got an object",
      `agent: Expected "auto" | "eval" | "load" | "none", got "${"x".repeat(40)}…"`,
      'mode: Expected "elixir" | "erlang" | "gleam" | "lfe", got null'
    ]) {
      expect(message).toContain(told)
    }
    expect(message).not.toMatch(/PRECIOUS|4711/u)
  })

  it("in the file is told with line and column, whether a value, a key or something that is missing", async () => {
    const file = configFile(`{
  "nodes": [
    "a@x",
    {
      "name": "b@x",
      "tls": { "ca": "ca.pem",
               "server": "x" },
      "address": "b@x:4370",
      "tunnel": ["ssh", "b"],
      "access": "all"
    }, { }
  ],
  "epmd_port": 70000
}`)
    const message = await refusal({}, {}, file)
    for (const told of [
      "line 7, column 16: nodes[1].tls.server: unknown key; did you mean server_name? There are ca, cert, key, ",
      'line 8, column 7: nodes[1].address: Expected host, host:port, [IPv6 address]:port or unix:/path, got "b@x:4370"',
      "line 9, column 7: nodes[1].tunnel: Expected a command and its arguments, with {port} in one of these, got an array",
      'line 10, column 7: nodes[1].access: Expected "inspect" | "observe" | "control" | "eval", got "all"',
      "line 11, column 8: nodes[2].name: missing key",
      "line 13, column 3: epmd_port: Expected a value between 1 and 65535, got 70000"
    ]) {
      expect(message).toContain(told)
    }
  })

  it("of who writes a key where its file belongs is told, and the key is not", async () => {
    const key = "-----BEGIN PRIVATE KEY-----\nPRECIOUS\n-----END PRIVATE KEY-----"
    const file = configFile({ nodes: [{ name: "a@x", tls: { cert: "a.pem", key } }], tls_key: key })
    const inFile = await refusal({}, {}, file)
    expect(inFile).toContain("nodes[0].tls.key: Expected the path of a file, got a string")
    expect(inFile).toContain("tls_key: Expected the path of a file, got a string")
    const inFlag = await refusal({ tlsKey: [key] })
    expect(inFlag).toBe("--tls-key: expected FILE, got several lines")
    expect(inFile + inFlag).not.toContain("PRECIOUS")
  })

  it("in an alias is told: one by which no node could be called", async () => {
    for (const alias of ["", " ", "a b", "a,b", "a@b"]) {
      expect(await refusal({}, {}, configFile({ nodes: [{ name: "a@x", alias }] }))).toContain(
        `: nodes[0].alias: Expected a name without white space, commas or @, and not empty, got ${JSON.stringify(alias)}`
      )
    }
  })

  it("of a key that stands twice in the file is told with its place", async () => {
    expect(await refusal({}, {}, configFile('{\n  "mode": "erlang",\n  "mode": "elixir"\n}'))).toMatch(
      /: has a key twice: line 3, column 3: expected a key that its object does not have yet$/u
    )
  })

  it("in the file's syntax is told with line and column, and without what stands there", async () => {
    const message = await refusal({}, {}, configFile('{\n  "nodes": [{ "name": "a@x", "cookie": PRECIOUS }]\n}'))
    expect(message).toMatch(/: is not JSON: line 2, column 40: expected a value$/u)
    expect(message).not.toContain("PRECIOUS")
  })

  it.each([
    ["{", "is not JSON"],
    ['"text"', "Expected object"],
    ["[]", "Expected object"],
    ["null", "Expected object"]
  ])("of %s is no configuration", async (content, problem) => {
    expect(await refusal({}, {}, configFile(content))).toContain(problem)
  })

  it("of a path is told", async () => {
    expect(await refusal({}, {}, join(folder, "none.json"))).toContain("cannot be read (ENOENT)")
  })
})

describe("cookies", () => {
  it("are looked for in the order of the manual", async () => {
    const file = configFile({ cookie_file: "secrets/cookie" })
    const { cookies } = await loaded(
      { cookieFile: ["/run/flag"] },
      {
        BEAMSCOPE_COOKIE_FILE: "/run/variable",
        BEAMSCOPE_COOKIE: "one",
        RELEASE_COOKIE: "two",
        XDG_CONFIG_HOME: "/xdg"
      },
      file
    )
    expect(cookies.map((source) => (source._tag === "File" ? source.path : source.said))).toEqual([
      "/run/flag",
      "/run/variable",
      "BEAMSCOPE_COOKIE",
      join(folder, "secrets/cookie"),
      "RELEASE_COOKIE",
      join(folder, ".erlang.cookie"),
      ...(process.platform === "darwin" ? [] : ["/xdg/erlang/.erlang.cookie"])
    ])
  })

  it("in the file ask for a file that only its owner can access", async () => {
    const content = { nodes: [{ name: "a@x", cookie: "PRECIOUS" }] }
    expect(await refusal({}, {}, configFile(content, 0o644))).toContain("must be accessible by owner only")
    const { nodes } = await loaded({}, {}, configFile(content, 0o600))
    expect(Redacted.value(nodes[0]!.cookie!)).toBe("PRECIOUS")
  })

  it("are in no text that a configuration turns into", async () => {
    const file = configFile({ nodes: [{ name: "a@x", cookie: "PRECIOUS" }] })
    const config = await loaded({}, { BEAMSCOPE_COOKIE: "PRECIOUS", RELEASE_COOKIE: "PRECIOUS" }, file)
    expect(JSON.stringify(config) + String(config.cookies) + config.nodes.map(String).join()).not.toContain("PRECIOUS")
    expect(await refusal({}, {}, configFile({ nodes: [{ name: "a@x", cookie: ["PRECIOUS"] }] }))).not.toContain(
      "PRECIOUS"
    )
  })
})

describe("settings of a program", () => {
  it("are completed like those of the command line", async () => {
    const config = await Effect.runPromise(fromSettings({ nodes: ["a@x"], allowControl: true }, { HOME: folder }))
    expect(config).toMatchObject({ nodes: [{ name: "a@x" }], mode: "elixir", policy: { allowControl: true } })
  })

  it("do not hear the command line's variables", async () => {
    const config = await Effect.runPromise(fromSettings({}, { HOME: folder, BEAMSCOPE_MODE: "erlang" }))
    expect(config.mode).toBe("elixir")
  })

  it.each<[unknown, string]>([
    [{ maxChars: -1 }, "maxChars: Expected a value between 1000 and 1000000, got -1"],
    [{ epmdPort: 99_999 }, "epmdPort: Expected a value between 1 and 65535, got 99999"],
    [{ mode: "xx" }, 'mode: Expected "elixir" | "erlang" | "gleam" | "lfe", got "xx"'],
    [{ nodes: "x" }, 'nodes: Expected array, got "x"'],
    [{ nodes: ["a b"] }, "nodes: 'a b' is no node name: "],
    [{ nodes: [{ name: "a", alias: "" }] }, "nodes[0].alias: Expected a name without white space"],
    [{ nodes: [{ name: "a", cookie_file: "x" }] }, "nodes[0].cookie_file: unknown key; did you mean cookieFile?"],
    [{ cookie_file: "x" }, "cookie_file: unknown key; did you mean cookieFile?"],
    [{ foo: 1 }, "foo: unknown key. There are nodes, cookieFile, epmdHost, epmdPort, "],
    [null, "Expected object, got null"]
  ])("%j are refused like those of a file", async (said, problem) => {
    const failure = await Effect.runPromise(Effect.flip(fromSettings(said as Settings, { HOME: folder })))
    expect(failure).toBeInstanceOf(ConfigError)
    expect(failure.message).toContain(problem)
  })

  it("do not show a cookie that is no Redacted", async () => {
    const said = { nodes: [{ name: "a", cookie: "PRECIOUS" }] } as unknown as Settings
    const { message } = await Effect.runPromise(Effect.flip(fromSettings(said, { HOME: folder })))
    expect(message).toBe("nodes[0].cookie: Expected Redacted, got a string")
  })

  it("that are undefined are not set", async () => {
    const said = { epmdPort: undefined, mode: undefined } as unknown as Settings
    const config = await Effect.runPromise(fromSettings(said, { HOME: folder }))
    expect(config).toMatchObject({ epmdPort: 4369, mode: "elixir" })
  })

  it("hear ERL_EPMD_PORT, as OTP does, where they say nothing of it", async () => {
    const environment = { HOME: folder, ERL_EPMD_PORT: "5555" }
    expect((await Effect.runPromise(fromSettings({}, environment))).epmdPort).toBe(5555)
    expect((await Effect.runPromise(fromSettings({ epmdPort: 5556 }, environment))).epmdPort).toBe(5556)
  })
})
