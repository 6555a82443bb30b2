/** Bytes that the distribution protocol does not allow. The message says which, as an end of "the node sent …". */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError"
}
