import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it, onTestFinished } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

it("tells in one message that the tests need Erlang", async () => {
  const folder = mkdtempSync(join(tmpdir(), "beamscope-path-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [code, output] = await new Promise<readonly [unknown, string]>((resolve) => {
    execFile(
      process.execPath,
      [join(root, "node_modules/vitest/vitest.mjs"), "run", "test/unit/global-setup.test.ts"],
      { cwd: root, env: { PATH: folder, NO_COLOR: "1" } },
      (error, stdout, stderr) => resolve([error?.code, stdout + stderr])
    )
  })
  expect(code).toBe(1)
  expect(output).toContain("Erlang/OTP is needed, but there is no erl on the PATH. Install Erlang/OTP 25 or newer")
  expect(output).not.toMatch(/No test files|Unhandled|src\/launch/u)
})
