import { parseNodeName } from "../dist/NodeName.ts"

/** A place where nodes are looked for. `text` is how the operator writes it. */
export type Source = { readonly text: string } & (
  | {
      /** The names that an EPMD has. Without a port: the one that nodes are looked up at by default. */
      readonly kind: "epmd"
      readonly host: string
      readonly port?: number
    }
  | {
      /** A node of this name at each address of a host: the pods behind a headless service, say. */
      readonly kind: "dns"
      readonly name: string
      readonly host: string
    }
  | {
      /** A node of this name on each host that the SRV records of a service name. */
      readonly kind: "srv"
      readonly name: string
      readonly service: string
    }
  | {
      /** The EPMD of each host that a file lists. Without one: OTP's own `.hosts.erlang`. */
      readonly kind: "hosts"
      readonly file?: string
      /**
       * Whether nobody asked for it. Then it is nothing to tell that there is no such file, and the working folder is
       * left out: it may be a project that somebody else wrote, and where we connect is for the operator to say.
       */
      readonly isDefault?: boolean
    }
  /** What runs on this machine under our user, and the release that we were started in. */
  | { readonly kind: "releases" }
  /** What connected nodes are connected to. `isDefault`: nobody asked for it, so that it is nothing to tell that none is. */
  | { readonly kind: "follow"; readonly isDefault?: boolean }
)

/** Why a text names no source; to follow the text in a sentence. */
export interface SourceProblem {
  readonly problem: string
}

/** Where nodes are looked for where nobody says. */
export const defaultSources: ReadonlyArray<Source> = [
  { kind: "epmd", text: "epmd:localhost", host: "localhost" },
  { kind: "releases", text: "releases" },
  { kind: "follow", text: "follow", isDefault: true },
  { kind: "hosts", text: "hosts", isDefault: true }
]

/** The texts of the sources, those of the default where the operator names none. */
export const sourceTexts = (named: ReadonlyArray<string>): ReadonlyArray<string> =>
  named.length === 0 ? defaultSources.map(({ text }) => text) : [...new Set(named)]

const forms = "epmd:HOST[:PORT], dns:NAME@HOST, srv:NAME@SERVICE, hosts, hosts:FILE, releases or follow"

/** The source that the operator means by a text of `--discover`. */
export const discoverySource = (text: string): Source | SourceProblem => {
  const colon = text.indexOf(":")
  const kind = colon < 0 ? text : text.slice(0, colon)
  const rest = colon < 0 ? undefined : text.slice(colon + 1)
  switch (kind) {
    case "epmd":
      return epmdSource(text, rest)
    case "dns":
    case "srv":
      return namedSource(text, kind, rest)
    case "hosts":
      if (rest === "")
        return { problem: "it has no file behind the colon; write hosts:FILE, or hosts for .hosts.erlang" }
      return { kind, text, ...(rest !== undefined && { file: rest }) }
    case "releases":
    case "follow":
      return rest === undefined ? { kind, text } : { problem: `${kind} takes nothing behind it` }
    default:
      return { problem: `it is no source; write ${forms}` }
  }
}

const epmdSource = (text: string, rest = ""): Source | SourceProblem => {
  const form = "write epmd:HOST or epmd:HOST:PORT, an IPv6 address in brackets"
  const [, bracketed, plain, digits] = /^(?:\[([\da-fA-F:.%\w]+)\]|([^:[\]@\s]+))(?::(\d{1,5}))?$/u.exec(rest) ?? []
  const host = bracketed ?? plain
  if (host === undefined) return { problem: `it names no host; ${form}` }
  const problem = hostProblem(host)
  if (problem !== undefined) return { problem: `${problem}; ${form}` }
  if (digits === undefined) return { kind: "epmd", text, host }
  const port = Number(digits)
  if (port < 1 || port > 65_535) return { problem: `${digits} is no port; ${form}` }
  return { kind: "epmd", text, host, port }
}

const namedSource = (text: string, kind: "dns" | "srv", rest = ""): Source | SourceProblem => {
  const form = kind === "dns" ? "dns:NAME@HOST" : "srv:NAME@SERVICE"
  const parsed = parseNodeName(rest)
  if ("problem" in parsed) {
    return { problem: `${parsed.problem}; write ${form}, NAME being what stands before the @ of each node found so` }
  }
  const { host, name } = parsed
  return kind === "dns" ? { kind, text, name, host } : { kind, text, name, service: host }
}

/** Why no node can be on a host of this name. */
export const hostProblem = (host: string): string | undefined => {
  const parsed = parseNodeName(`node@${host}`)
  return "problem" in parsed ? parsed.problem : undefined
}
