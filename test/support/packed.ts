import { Buffer } from "node:buffer"
import { deflateSync } from "node:zlib"
import { encode } from "../../src/etf/Encode.ts"
import { Binary, type Term } from "../../src/etf/Term.ts"

/** An answer as our agent hands it out: `term_to_binary(Answer, [compressed])`. */
export const packed = (answer: Term): Binary => {
  const bytes = encode(answer).subarray(1)
  const head = Buffer.from([131, 80, 0, 0, 0, 0])
  head.writeUInt32BE(bytes.length, 2)
  return new Binary(Buffer.concat([head, deflateSync(bytes)]))
}
