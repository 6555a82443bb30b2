import { describe, expect, it } from "vitest"
import { fullNames, merge, type SightingOf } from "../../../src/cluster/Merge.ts"

const isLocal = (host: string) => ["box", "127.0.0.1", "10.0.0.1"].includes(host)

/** What an EPMD on this machine tells, asked by one of the names of its host. */
const registered = (node: string, port: number): SightingOf => ({
  node,
  ...(node.includes("@") && { isGuess: true }),
  source: node.includes("@") ? "hosts" : "epmd:localhost",
  part: "epmd",
  port,
  epmdPort: 4369
})

const namesOf = (sightings: ReadonlyArray<SightingOf>, known: ReadonlyArray<string> = []) =>
  merge(sightings, fullNames(sightings, known, isLocal), isLocal).map(({ node, sources }) => [node, sources])

/** The same in a hosts file. */
const inFile = (node: string): SightingOf => ({ ...registered(node, 1), source: "hosts" })

describe("a node of this machine that EPMD tells of under several names of its host", () => {
  const sightings = [registered("app", 1), registered("app@box", 1), registered("app@10.0.0.1", 1)]

  it("is the one that somebody knows in full", () => {
    const release: SightingOf = { node: "app@127.0.0.1", source: "releases", part: "7" }
    expect(namesOf([...sightings, release])).toEqual([["app@127.0.0.1", ["epmd:localhost", "hosts", "releases"]]])
    expect(namesOf(sightings, ["app@box"])).toEqual([["app@box", ["epmd:localhost", "hosts"]]])
  })

  it("is called by the one guess that there is, where nobody does", () => {
    expect(namesOf(sightings.slice(0, 2))).toEqual([["app@box", ["epmd:localhost", "hosts"]]])
  })

  it("is one without its host where that may be this or that, also by its addresses in DNS", () => {
    const resolved = ["app@127.0.0.1", "app@10.0.0.1"].map((node): SightingOf => ({
      node,
      isGuess: true,
      source: "dns:app@box",
      part: "box"
    }))
    expect(namesOf([...sightings, ...resolved])).toEqual([["app", ["epmd:localhost", "hosts", "dns:app@box"]]])
    expect(namesOf([...sightings, ...resolved], ["app@box"])).toEqual([
      ["app@box", ["epmd:localhost", "hosts", "dns:app@box"]]
    ])
    expect(namesOf(resolved).map(([node]) => node)).toEqual(["app@10.0.0.1", "app@127.0.0.1"])
  })

  it("is one without its host where one source has several hosts of this machine, its loopback among them", () => {
    expect(namesOf([inFile("app"), inFile("app@box")])).toEqual([["app", ["hosts"]]])
    expect(namesOf([inFile("app"), inFile("other@box")])).toEqual([
      ["app", ["hosts"]],
      ["other@box", ["hosts"]]
    ])
    expect(namesOf([inFile("app"), inFile("app@box")], ["app@127.0.0.1"])).toEqual([["app@127.0.0.1", ["hosts"]]])
    expect(namesOf([inFile("app"), inFile("app@far")])).toEqual([
      ["app", ["hosts"]],
      ["app@far", ["hosts"]]
    ])
  })

  it("is no node of another machine, which may have the same name", () => {
    const far = registered("app@far", 1)
    expect(namesOf([...sightings.slice(0, 1), far], ["app@box"])).toEqual([
      ["app@box", ["epmd:localhost"]],
      ["app@far", ["hosts"]]
    ])
  })
})
