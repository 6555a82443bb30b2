import { connect, createServer } from "node:net"

// A program of its own that stands in for `ssh -N -L PORT:HOST:HOSTPORT`: takes connections on a port of this machine,
// and leads each to another port.
const [port, to] = process.argv.slice(2).map(Number) as [number, number]
createServer((near) => {
  const far = connect(to, "127.0.0.1")
  near.pipe(far)
  far.pipe(near)
  near.on("error", () => far.destroy())
  far.on("error", () => near.destroy())
}).listen(port, "127.0.0.1")
