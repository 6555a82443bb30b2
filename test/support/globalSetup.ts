import { execFile } from "node:child_process"
import { once } from "node:events"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import { Effect } from "effect"
import * as Enclave from "../../src/launch/Enclave.ts"
import * as Erlang from "../../src/launch/Erlang.ts"
import type { OtpRelease } from "./BeamNode.ts"

const probe = async (erl: string): Promise<OtpRelease> => {
  const expression = "io:put_chars(erlang:system_info(otp_release)), halt()."
  const { stdout } = await promisify(execFile)(erl, ["-noinput", "-boot", "no_dot_erlang", "-eval", expression])
  return { otp: stdout.trim(), erl }
}

const named = (process.env["BEAMSCOPE_TEST_ERLS"] ?? "").split(delimiter).filter((erl) => erl !== "")

/** An EPMD of our own. It goes when `stop` is called, and also when this process is killed. */
const startEpmd = async (epmd: string) => {
  const epmdPort = await Enclave.freePort()
  const enclave = Enclave.spawn({
    folder: await mkdtemp(join(tmpdir(), "beamscope-test-")),
    epmd,
    epmdPort,
    command: "cat",
    args: [],
    stdio: ["pipe", "pipe", "inherit"]
  })
  const { stdin, stdout } = enclave
  if (stdin === null || stdout === null) throw new Error("no pipes to the enclave")
  const ended = once(enclave, "exit")
  // cat runs, and so echoes, from when EPMD listens.
  stdin.write("ready")
  await Promise.race([
    once(stdout, "data"),
    ended.then(([status]) => Promise.reject(new Error(`EPMD ended with status ${status}`)))
  ])
  const stop = async () => {
    stdin.end()
    await ended
  }
  return { epmdPort, stop }
}

/** Ends the run. Thrown, the message would stand below the report of a run without tests, and above a stack. */
const giveUp = (message: string): never => {
  process.stderr.write(`\nThe tests look into Erlang nodes that they start themselves. ${message}\n`)
  process.exit(1)
}

/**
 * Once for a run of tests: finds the OTP releases to test against, and starts an EPMD that only this run uses. Tests
 * learn of both through their environment.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const erlang = await Effect.runPromise(Effect.catch(Erlang.find, ({ message }) => Effect.sync(() => giveUp(message))))
  const [epmd, ...releases] = await Promise.all([startEpmd(erlang.epmd), probe(erlang.erl), ...named.map(probe)])
  process.env["BEAMSCOPE_TEST_OTP_RELEASES"] = JSON.stringify(releases)
  process.env["ERL_EPMD_PORT"] = String(epmd.epmdPort)
  return epmd.stop
}
