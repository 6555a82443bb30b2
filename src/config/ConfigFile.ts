import { Effect, type Scope } from "effect"
import { type BigIntStats, constants } from "node:fs"
import { type FileHandle, open, realpath, stat } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { setTimeout } from "node:timers/promises"
import { ConfigError } from "./ConfigError.ts"
import { decodeFile } from "./DecodeSettings.ts"
import { parseJson } from "./JsonMistake.ts"
import type { NodeEntry, Settings } from "./Settings.ts"
import { tampering } from "./Tampering.ts"

/** What tells one state of a file from another. */
export type Stamp = string

const stampOf = ({ ctimeNs, dev, ino, mtimeNs, size }: BigIntStats): Stamp =>
  [dev, ino, size, mtimeNs, ctimeNs].join(":")

/** Characters that a configuration may have. */
const maxCharacters = 4 * 1024 * 1024

/** Milliseconds in which somebody has to open a pipe for writing, and between two looks at it. */
const pipePatience = 5_000
const pipePause = 20

/** What a file holds, without the mark that some editors write before it; `undefined` if there is no end to it. */
const textOf = async (file: FileHandle, isPipe: boolean): Promise<string | undefined> => {
  const decoder = new TextDecoder()
  const piece = Buffer.alloc(65_536)
  let text = ""
  for (;;) {
    const bytesRead = await (isPipe
      ? readPipe(file, piece, text !== "")
      : file.read(piece, 0, piece.length, null).then((read) => read.bytesRead))
    if (bytesRead === 0) return text + decoder.decode()
    text += decoder.decode(piece.subarray(0, bytesRead), { stream: true })
    if (text.length > maxCharacters) return undefined
  }
}

/**
 * Reads a pipe that was opened without waiting for who writes to it: until there is somebody, it seems to be at its end.
 * Whoever has it open may take his time.
 */
const readPipe = async (file: FileHandle, piece: Buffer, hasBegun: boolean): Promise<number> => {
  let end = performance.now() + pipePatience
  for (;;) {
    const bytesRead = await file.read(piece, 0, piece.length, null).then(
      (read) => read.bytesRead,
      (error: unknown) => {
        if (codeOf(error) === "EAGAIN") return undefined
        throw error
      }
    )
    if (bytesRead !== undefined && (bytesRead > 0 || hasBegun)) return bytesRead
    if (bytesRead === undefined) end = performance.now() + pipePatience
    else if (performance.now() > end) throw Object.assign(new Error("nobody writes"), { code: nobodyWrites })
    await setTimeout(pipePause)
  }
}

const nobodyWrites = `it is a pipe, and for ${pipePatience / 1_000} s nobody has written to it`

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

/** The stamp of a file as it is now; of one that cannot be looked at, why not. */
export const stampNow = (file: string): Effect.Effect<Stamp> =>
  Effect.tryPromise({ try: () => stat(file, { bigint: true }), catch: codeOf }).pipe(
    Effect.match({ onSuccess: stampOf, onFailure: (code) => code })
  )

const fromHome = (path: string, home: string): string => (path.startsWith("~/") ? join(home, path.slice(2)) : path)

/** Paths in settings, made absolute. */
const withPaths = (said: Settings, absolute: (path: string) => string): Settings => {
  const behind = (start: string, text: string): string =>
    text.startsWith(start) && text !== start ? `${start}${absolute(text.slice(start.length))}` : text
  const files = <A extends object>(of: A, ...names: ReadonlyArray<keyof A>): A => {
    const given = names.filter((name) => of[name] !== undefined)
    return { ...of, ...Object.fromEntries(given.map((name) => [name, absolute(of[name] as string)])) }
  }
  const entry = ({ address, tls, tunnel, ...node }: NodeEntry): NodeEntry => ({
    ...files(node, "cookieFile"),
    ...(address !== undefined && { address: behind("unix:", address) }),
    ...(tls !== undefined && { tls: typeof tls === "object" ? files(tls, "ca", "cert", "key") : tls }),
    // A program without a slash is looked for on the PATH, one with a slash is a file.
    ...(tunnel !== undefined && {
      tunnel: tunnel.map((word, at) => (at === 0 && word.includes("/") ? absolute(word) : word))
    })
  })
  const { discover, nodes } = said
  return {
    ...files(said, "cookieFile", "tlsCa", "tlsCert", "tlsKey"),
    ...(discover !== undefined && { discover: discover.map((source) => behind("hosts:", source)) }),
    ...(nodes !== undefined && { nodes: nodes.map((node) => (typeof node === "string" ? node : entry(node))) })
  }
}

/** What is read from a file. */
export interface ReadSettings {
  readonly said: Settings
  /** Of a file that can be read again. */
  readonly stamp: Stamp | undefined
}

/**
 * The settings in a JSON configuration file. Paths in it are relative to its folder; `~/` is `home`. At the start it may
 * be a pipe, which is waited for; `isAgain` says that it was a regular file before, and what is none by now is refused.
 */
export const readSettings = Effect.fnUntraced(function* (
  file: string,
  home: string,
  isAgain: boolean
): Effect.fn.Return<ReadSettings, ConfigError, Scope.Scope> {
  const fail = (problem: string) => new ConfigError({ message: `configuration file ${file}: ${problem}` })
  const reading = <A>(read: () => Promise<A>) =>
    Effect.tryPromise({ try: read, catch: (error) => fail(`cannot be read (${codeOf(error)})`) })
  // Opened once: what is checked is what is read. A pipe that nobody writes to must not hold up anybody for ever.
  const handle = yield* Effect.acquireRelease(
    reading(() => open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))),
    (handle) => Effect.promise(() => handle.close())
  )
  // Before the text: should the file change in between, its stamp is another one the next time.
  const info = yield* reading(() => handle.stat({ bigint: true }))
  if (isAgain && !info.isFile()) return yield* fail("is not a regular file any more")
  const text = yield* reading(() => textOf(handle, info.isFIFO()))
  if (text === undefined) return yield* fail(`is longer than ${maxCharacters} characters: it cannot be meant`)
  const json = yield* Effect.mapError(Effect.fromResult(parseJson(text)), fail)
  const said = yield* Effect.mapError(Effect.fromResult(decodeFile(json, text)), fail)
  const has = (key: "cookie" | "tunnel") =>
    said.nodes?.some((node) => typeof node !== "string" && node[key] !== undefined) === true
  if (has("cookie") && process.platform !== "win32" && (info.mode & 0o077n) !== 0n)
    return yield* fail("has a cookie in it, so it must be accessible by owner only (chmod 600)")
  if (has("tunnel")) {
    // Both where it is looked for and where a link leads to.
    const paths = [resolve(file), ...(info.isFile() ? [yield* reading(() => realpath(file))] : [])]
    for (const path of new Set(paths.map((path) => dirname(path)))) {
      const problem = tampering(info, yield* reading(() => stat(path, { bigint: true })))
      if (problem !== undefined) return yield* fail(`has a command in it (tunnel), so it ${problem}`)
    }
  }
  return {
    said: withPaths(said, (path) => resolve(dirname(file), fromHome(path, home))),
    // What a pipe had can be read once.
    stamp: info.isFile() ? stampOf(info) : undefined
  }
}, Effect.scoped)
