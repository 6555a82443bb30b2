import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/globalSetup.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is waited for comes at once, or on a machine that others keep busy a good deal later.
    expect: { poll: { timeout: 20_000 } },
    // Said, or vitest ends its summary with a proposal to change it.
    isolate: true,
    // Two cores, and live tests start BEAM nodes: more workers only make nodes late.
    maxWorkers: 2
  }
})
