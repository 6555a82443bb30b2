/** Where to dial. `host` is a name or an address. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** A Unix socket, as `ssh -L /path:host:port` makes one. */
export interface SocketPath {
  readonly path: string
}

/** Where a stream leads. */
export type Endpoint = Address | SocketPath

/** An endpoint as it is written: `host:port`, `[::1]:port`, `unix:/path`. */
export const endpointText = (to: Endpoint): string =>
  "path" in to ? `unix:${to.path}` : `${to.host.includes(":") ? `[${to.host}]` : to.host}:${to.port}`
