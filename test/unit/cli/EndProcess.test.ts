import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
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

  it.skipIf(isWindows)("is that of another Node, so that nothing is needed but what runs already", () => {
    const before = `${lookingUp}
      process.env.NODE_OPTIONS = "--import nowhere"
      process.execve = (file, args, { NODE_OPTIONS, PATH }) =>
        process.stdout.write(JSON.stringify({ file, args, NODE_OPTIONS, PATH }) + "\\n")`
    const [become, byNode] = end(7, before).stdout.split("\n")
    expect(JSON.parse(become!)).toEqual({
      file: process.execPath,
      args: [process.execPath, "--eval", "process.exit(7)"],
      NODE_OPTIONS: "",
      PATH: process.env["PATH"]
    })
    expect(byNode).toBe("by Node")
  })

  it.each([`${fileURLToPath(module)}.gone`, fileURLToPath(module)])(
    "is Node's again where its file may not be executed: %s",
    (file) => {
      const { status, stdout } = end(3, `${lookingUp}; process.execPath = ${JSON.stringify(file)}`)
      expect({ status, stdout }).toEqual({ status: 3, stdout: "by Node" })
    }
  )

  it("is Node's again where a process cannot become another", () => {
    const { status, stdout } = end(3, `${lookingUp}; process.execve = () => { throw new Error("not here") }`)
    expect({ status, stdout }).toEqual({ status: 3, stdout: "by Node" })
  })
})
