import { type ChildProcess, spawn as spawnChild, type StdioOptions } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"

/**
 * A command with an Erlang world of its own: an EPMD on a loopback port that nobody else uses, and a folder as HOME, so
 * that the user's EPMD, cookie and `.erlang` are neither used nor touched. EPMD and the folder go when the command
 * ends, whoever of us is still there to see it.
 */
export interface Enclave {
  /** A folder that may be deleted: HOME and working folder of the command. */
  readonly folder: string
  /** EPMD's executable. */
  readonly epmd: string
  /** See {@link freePort}. */
  readonly epmdPort: number
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** As in `node:child_process`. Whatever is listed is handed to the command, not to EPMD. */
  readonly stdio: StdioOptions
}

// EPMD does not tell when it listens, but it can be asked: `-names` fails until then.
const script = `
folder=$1 epmd=$2 port=$3
shift 3
"$epmd" -address 127.0.0.1 -port "$port" </dev/null 3>&- &
epmd_pid=$!
until "$epmd" -port "$port" -names >/dev/null 2>&1; do
  kill -0 "$epmd_pid" 2>/dev/null || break
  sleep 0.02
done
if kill -0 "$epmd_pid" 2>/dev/null; then
  "$@"
  status=$?
  kill "$epmd_pid"
else
  echo "EPMD does not run on port $port." >&2
  status=1
fi
rm -rf "$folder"
exit "$status"
`

/**
 * The environment of a node that we start. Of ours it gets no more than programs need to run: neither flags, EPMD,
 * cookie and start-up file of the user's Erlang, nor the secrets that an environment may hold.
 */
export const environment = (home: string, epmdPort: number): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(PATH|LANG|LC_\w+|TZ)$/.test(name))),
  HOME: home,
  ERL_EPMD_PORT: String(epmdPort),
  // No erl_crash.dump.
  ERL_CRASH_DUMP_SECONDS: "0"
})

/** Starts the command, as the leader of a process group of its own: an interrupt at the terminal is ours to handle. */
export const spawn = ({ folder, epmd, epmdPort, command, args, stdio }: Enclave): ChildProcess =>
  spawnChild("/bin/sh", ["-c", script, "enclave", folder, epmd, String(epmdPort), command, ...args], {
    cwd: folder,
    env: environment(folder, epmdPort),
    detached: true,
    stdio
  })

/** A TCP port on loopback that was free a moment ago. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port")
  return address.port
}
