/**
 * One link to one Erlang node: EPMD, the handshake, messages and ticks. Bytes in, messages out.
 */
export { Op } from "./Control.ts"
export { DistError, type DistReason, type HandshakeStage, type Phase } from "./DistError.ts"
export { names, type Registration } from "./Epmd.ts"
export { connect, type Link, type LinkOptions, type Reach, type Traffic } from "./Link.ts"
export type { DropReason, MessageHandler } from "./Messages.ts"
export { type NodeName, parseNodeName } from "./NodeName.ts"
export type { CertificateProblem, Securing, TlsOptions } from "./Tls.ts"
export { type Address, type Dialer, type DialError, type Endpoint, type SocketPath, Transport } from "./Transport.ts"
