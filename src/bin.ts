#!/usr/bin/env node
// Nothing may stand here that an old Node cannot read, so that it can say what it lacks.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)

if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`beamscope needs Node.js 22.19 or later, and this is ${process.version} (${process.execPath})\n`)
  process.exitCode = 1
} else {
  // Half of the threads may look up names at a time, two of the four that Node has by itself: a few hosts whose name
  // servers are silent must not keep us from the rest. Node reads it when the first thread is needed.
  if (process.env["UV_THREADPOOL_SIZE"] === undefined) process.env["UV_THREADPOOL_SIZE"] = "16"
  const { main } = await import("./cli/main.ts")
  main(process.argv.slice(2))
}
