import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { OtpRelease } from "./BeamNode.ts"

// Two network namespaces, one inside the other, and a cable between them: what the kernel itself does to packets, and
// nothing of it to this machine's own network. The outer one is where a program runs that `inNamespace` starts; the
// inner one has the nodes, at `there`.

/** How a program gets a network of its own: with a user namespace no rights are needed for it where the machine lets one. */
const ways: ReadonlyArray<ReadonlyArray<string>> = [["--user", "--map-root-user", "--net"], ["--net"]]

/** Whether the machine lets us, and the tools are there: all that a cable and its faults take. */
const trial =
  "ip link set lo up && ip link add near type veth peer name far && nft add table inet t && tc qdisc add dev near root tbf rate 1mbit burst 16kb latency 200ms && unshare --net true"

const attempt = (command: string, args: ReadonlyArray<string>): string | undefined => {
  try {
    execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"], timeout: 10_000 })
    return undefined
  } catch (error) {
    const { message, stderr } = error as Error & { readonly stderr?: Buffer }
    return stderr?.toString().trim().split("\n", 1)[0] || message.split("\n", 1)[0]!
  }
}

/** How to begin a command so that it runs in a network of its own, or why that cannot be. */
export const inNamespace = ():
  | { readonly begin: readonly [string, ...ReadonlyArray<string>] }
  | { readonly problem: string } => {
  let problem: string | undefined
  for (const way of ways) {
    const failure = attempt("unshare", [...way, "sh", "-c", trial])
    if (failure === undefined) return { begin: ["unshare", ...way] }
    problem ??= failure
  }
  return { problem: problem! }
}

export const here = "10.213.0.1"
export const there = "10.213.0.2"

const run = (command: string): void =>
  void execFileSync("sh", ["-ec", command], { stdio: ["ignore", "ignore", "pipe"] })

/** A cable to another namespace, with an EPMD there; our end is `near`, that of the nodes `far`. */
export interface Cable {
  /** As {@link OtpRelease}: starts nodes at the far end. */
  readonly release: OtpRelease
  /** Drops, or refuses, what nftables' rules take, by the way it goes; what they say is all that there is. */
  readonly filter: (rules: { readonly toNode?: string; readonly fromNode?: string }) => void
  /** `tc qdisc` on both ends: how fast, or how late, packets go. Throws where the kernel does not have it. */
  readonly shape: (discipline: string) => void
  /** A command of ours, in our own namespace. */
  readonly run: (command: string) => void
  /** No rules and no shape. */
  readonly heal: () => void
  readonly stop: () => Promise<void>
}

/** To be called in a namespace of our own. All of it ends with this process, too. */
export const plugIn = async ({ erl, otp }: OtpRelease, epmd: string): Promise<Cable> => {
  const folder = mkdtempSync(join(tmpdir(), "beamscope-test-"))
  // Lives as long as somebody holds its input open, and ends what runs there then.
  const inside = 'ip link set lo up; "$0" & trap "kill $!" EXIT; echo ready; cat >/dev/null'
  const holder = spawn("unshare", ["--net", "sh", "-c", inside, epmd], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ERL_EPMD_PORT: "4369" }
  })
  const ended = once(holder, "exit")
  await Promise.race([
    once(holder.stdout, "data"),
    ended.then(([status]) => Promise.reject(new Error(`the namespace ended with status ${status}`)))
  ])
  const into = `nsenter --target ${holder.pid} --net`
  run(
    `ip link set lo up
     ip link add near type veth peer name far netns ${holder.pid}
     ip addr add ${here}/30 dev near; ip link set near up
     ${into} ip addr add ${there}/30 dev far; ${into} ip link set far up`
  )
  const wrapper = join(folder, "erl")
  writeFileSync(wrapper, `#!/bin/sh\nexec ${into} ${erl} "$@"\n`, { mode: 0o700 })
  const ends = [`tc qdisc`, `${into} tc qdisc`] as const
  const filter: Cable["filter"] = ({ fromNode, toNode }) =>
    run(
      `nft delete table inet fault 2>/dev/null || true
       nft 'table inet fault {
         chain out { type filter hook output priority 0; ${toNode === undefined ? "" : `oifname near ${toNode}`} ; }
         chain in { type filter hook input priority 0; ${fromNode === undefined ? "" : `iifname near ${fromNode}`} ; }
       }'`
    )
  return {
    release: { erl: wrapper, otp },
    filter,
    shape: (discipline) =>
      run(`${ends[0]} replace dev near root ${discipline}; ${ends[1]} replace dev far root ${discipline}`),
    run,
    heal: () =>
      run(
        `nft delete table inet fault 2>/dev/null || true
         ${ends[0]} del dev near root 2>/dev/null || true
         ${ends[1]} del dev far root 2>/dev/null || true
         ip link set near up`
      ),
    stop: async () => {
      holder.stdin.end()
      await ended
      rmSync(folder, { recursive: true })
    }
  }
}
