import { chmodSync } from "node:fs"
import { join } from "node:path"
import { defineConfig } from "rolldown"

/**
 * The command as one bundle: a host waits for it at every start, and reading a thousand files takes longer than
 * everything else. What the server does not need at its start is in chunks of its own.
 */
export default defineConfig({
  input: { bin: "src/bin.ts" },
  platform: "node",
  output: {
    dir: "dist",
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "bundle/[name].mjs",
    // Names stay, so that a stack trace in a log can be read.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } }
  },
  plugins: [
    {
      // Imported by the SDK's server, and never built by it, as we give it a validator of our own.
      name: "without-ajv",
      load: {
        filter: { id: /sdk[\\/]dist[\\/]esm[\\/]validation[\\/]ajv-provider\.js$/u },
        handler: () => "export class AjvJsonSchemaValidator {}"
      }
    },
    {
      name: "executable",
      writeBundle: ({ dir = "dist" }) => chmodSync(join(dir, "bin.mjs"), 0o755)
    }
  ]
})
