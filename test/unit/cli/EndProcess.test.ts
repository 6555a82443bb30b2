import { spawnSync } from "node:child_process"
import { describe, expect, it } from "vitest"
import { isWindows } from "../../support/isWindows.ts"

const module = new URL("../../../src/cli/EndProcess.ts", import.meta.url)

/** How a program ends that says on stdout when Node itself ends it. */
const end = (exitCode: number, before: string) => {
  const program = `
    import { lookup } from "node:dns"
    import { endProcess } from ${JSON.stringify(module.href)}
    process.on("exit", () => process.stdout.write("by Node"))
    ${before}
    endProcess(${exitCode})`
  const { status, stderr, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8"
  })
  return { status, stderr, stdout }
}

/** Whatever it finds, Node does not hear of it before the program's end. */
const lookingUp = 'lookup("nowhere.invalid", () => {})'

describe("the end of the process", () => {
  it.each([0, 1, 143])("with exit code %d is Node's where no name is looked up", (code) => {
    expect(end(code, "")).toEqual({ status: code, stderr: "", stdout: "by Node" })
  })

  it.skipIf(isWindows).each([0, 1, 143])("with exit code %d does not wait for Node where one is", (code) => {
    expect(end(code, lookingUp)).toEqual({ status: code, stderr: "", stdout: "" })
  })

  it("is Node's again where a process cannot become another", () => {
    const { status, stdout } = end(3, `${lookingUp}; process.execve = () => { throw new Error("not here") }`)
    expect({ status, stdout }).toEqual({ status: 3, stdout: "by Node" })
  })
})
