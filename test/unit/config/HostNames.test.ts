import { describe, expect, it } from "vitest"
import { hostNames, namesOfHost } from "../../../src/config/HostNames.ts"
import { isOnThisMachine } from "../../../src/policy/ThisMachine.ts"

describe("the names of a machine", () => {
  it.each<readonly [string, string, string, string, ReadonlyArray<string>]>([
    ["as Debian writes its hosts file", "box", "127.0.1.1\tbox.example.org\tbox\n", "", ["box", "box.example.org"]],
    ["beside other names", "box", "127.0.0.1 localhost box.lan box # box.no", "", ["box", "box.lan"]],
    ["from the resolver's domain", "box", "", "domain example.org\n", ["box", "box.example.org"]],
    ["from the first of its search list", "box", "", "nameserver ::1\nsearch a.org. b.org", ["box", "box.a.org"]],
    ["from its domain before that", "box", "", "search a.org b.org\ndomain c.org", ["box", "box.c.org"]],
    ["where the name is long already", "box.example.org", "", "", ["box.example.org", "box"]],
    ["not of other machines", "box", "10.0.0.2 boxer.org boxer\n#10.0.0.3 box.org box", "search .", ["box"]]
  ])("%s", (_how, host, hosts, resolver, names) => expect(namesOfHost(host, hosts, resolver)).toEqual(names))

  it("hold for a node of this machine under its long name", () => {
    const names = namesOfHost("box", "127.0.1.1 box.example.org box", "")
    expect(isOnThisMachine("app@box.example.org", names)).toBe(true)
    expect(isOnThisMachine("app@box.example.com", names)).toBe(false)
  })

  it("are those of this one", () => expect(hostNames()).toContain("127.0.0.1"))
})
