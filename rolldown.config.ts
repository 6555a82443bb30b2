import { chmodSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { defineConfig, type Plugin } from "rolldown"

/** Imported by the SDK's server and client, and never built by them, as both get a validator of our own. */
const withoutAjv: Plugin = {
  name: "without-ajv",
  load: {
    filter: { id: /sdk[\\/]dist[\\/]esm[\\/]validation[\\/]ajv-provider\.js$/u },
    handler: () => "export class AjvJsonSchemaValidator {}"
  }
}

/** Whose code is in the bundle, and under which licence: those licences ask to go along with it. */
const licences: Plugin = {
  name: "licences",
  generateBundle(_options, bundle) {
    const modules = Object.values(bundle).flatMap((file) => (file.type === "chunk" ? file.moduleIds : []))
    const folders = modules.flatMap((id) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/u.exec(id)?.[0] ?? [])
    const notices = [...new Set(folders)].toSorted().flatMap((folder) => {
      const { license, name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
      const texts = readdirSync(folder).filter((file) => /^(?:licen[cs]e|copying|notice)/iu.test(file))
      return [`${name} ${version} (${license})`].concat(texts.map((file) => readFileSync(join(folder, file), "utf8")))
    })
    this.emitFile({ type: "asset", fileName: "bundle/LICENCES.txt", source: notices.join("\n\n") })
  }
}

const executable: Plugin = {
  name: "executable",
  writeBundle: ({ dir = "dist" }) => chmodSync(join(dir, "bin.mjs"), 0o755)
}

/**
 * The command as one bundle: a host waits for it at every start, and reading a thousand files takes longer than
 * everything else. What the server does not need at its start is in chunks of its own.
 */
export default defineConfig({
  input: { bin: "src/bin.ts" },
  platform: "node",
  output: {
    dir: "dist",
    // What was built before, the library beside the bundle too, must not be packed along.
    cleanDir: true,
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "bundle/[name].mjs",
    // Names stay, so that a stack trace in a log can be read.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } }
  },
  plugins: [withoutAjv, licences, executable]
})
