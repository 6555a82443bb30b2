import { Effect, Redacted } from "effect"
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { rolldown } from "rolldown"
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import * as DemoNode from "../../src/launch/DemoNode.ts"
import * as Erlang from "../../src/launch/Erlang.ts"
import * as BeamNode from "../support/BeamNode.ts"

const run = promisify(execFile)
const packageFolder = fileURLToPath(new URL("../..", import.meta.url))
const demoFolder = join(packageFolder, "erlang/demo/src")

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const listens = async (port: number): Promise<boolean> => {
  const socket = connect(port, "127.0.0.1")
  try {
    await once(socket, "connect")
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** A program that starts a demo node, prints how to reach it, and then lives as long as its input is open. */
const startElsewhere = async (options: {
  readonly keep: boolean
  readonly module?: string
}): Promise<{
  program: ReturnType<typeof spawn>
  node: { name: string; pid: number; epmdPort: number; cookie: string; stopCommand: string }
}> => {
  const { keep, module = join(packageFolder, "test/support/startDemoNode.ts") } = options
  const program = spawn(process.execPath, [module, ...(keep ? ["keep"] : [])], { stdio: ["pipe", "pipe", "inherit"] })
  const [line] = await once(program.stdout, "data")
  return { program, node: JSON.parse(String(line)) }
}

describe.each(BeamNode.otpReleases())("the demo application on OTP $otp", ({ otp }) => {
  let node: BeamNode.BeamNode
  let sources: ReadonlyArray<string>

  // The sources travel to the node, which may see another file system than we do.
  beforeAll(async () => {
    node = await BeamNode.startNode({ otp })
    sources = (await readdir(demoFolder)).filter((file) => file.endsWith(".erl"))
    const files = await Promise.all(
      [...sources, "shop.app.src"].map(async (file) => {
        const text = await readFile(join(demoFolder, file), "base64")
        return `{"${file}", base64:decode("${text}")}`
      })
    )
    const warnings = await node.evaluate(`
      Folder = "/tmp/shop-" ++ os:getpid(),
      ok = file:make_dir(Folder),
      Files = [{filename:join(Folder, Name), Text} || {Name, Text} <- [${files.join(",")}]],
      [ok = file:write_file(File, Text) || {File, Text} <- Files],
      Warnings = [begin
        {ok, Module, Code, Warnings} = compile:file(File, [binary, return]),
        {module, Module} = code:load_binary(Module, File, Code),
        Warnings
      end || {File, _} <- Files, filename:extension(File) =:= ".erl"],
      {ok, [Application]} = file:consult(filename:join(Folder, "shop.app.src")),
      ok = file:del_dir_r(Folder),
      ok = application:load(Application),
      {ok, [shop]} = application:ensure_all_started(shop),
      lists:append(Warnings)`)
    expect(warnings).toBe("[]")
  })
  afterAll(() => node.stop())

  it("lists its modules", async () => {
    const modules = sources.map((file) => file.replace(".erl", "")).toSorted()
    expect(await node.evaluate("{ok, Modules} = application:get_key(shop, modules), lists:sort(Modules)")).toBe(
      `[${modules.join(",")}]`
    )
  })

  it("is a supervision tree with a pool", async () => {
    const children = (supervisor: string) =>
      node.evaluate(`[{Id, Type} || {Id, Pid, Type, _} <- supervisor:which_children(${supervisor}), is_pid(Pid)]`)
    expect(await children("shop_sup")).toBe(
      "[{visitors,worker},{carts,supervisor},{backoffice,supervisor},{catalogue,worker}]"
    )
    expect(await children("shop_backoffice_sup")).toBe("[{recommender,worker},{orders,worker},{mailer,worker}]")
    expect(await node.evaluate("supervisor:count_children(shop_cart_sup)")).toBe(
      "[{specs,1},{active,12},{supervisors,0},{workers,12}]"
    )
  })

  it("does business", async () => {
    expect(
      await node.evaluate(`
        (fun Wait() -> case sys:get_state(shop_orders) of #{placed := 0} -> timer:sleep(10), Wait(); _ -> ok end end)(),
        #{placed := Placed, revenue_cents := Cents, latest := [#{customer := <<_/binary>>} | _]} = sys:get_state(shop_orders),
        {Placed > 0, Cents > 0, ets:info(shop_products, size)}`)
    ).toBe("{true,true,24}")
  })

  it("has one process that is busier than all its others, in bursts", async () => {
    expect(
      await node.evaluate(`
        #{rounds := Rounds} = sys:get_state(shop_recommender),
        {ok, Names} = application:get_key(shop, registered),
        {_, Busiest} = lists:max([{element(2, process_info(whereis(Name), reductions)), Name} || Name <- Names]),
        {Rounds > 0, Busiest, shop_recommender:together_with(<<"KEN-1kg">>)}`)
    ).toBe('{true,shop_recommender,<<"ETH-1kg">>}')
  })

  it("has one mailbox that grows, and stops growing", async () => {
    const waiting = "element(2, process_info(whereis(shop_mailer), message_queue_len))"
    expect(
      await node.evaluate(`
        (fun Wait() -> case ${waiting} < 3 of true -> timer:sleep(10), Wait(); false -> grown end end)()`)
    ).toBe("grown")
    const [taken, dropped, length] = JSON.parse(
      await node.evaluate(`
        Sent = [shop_mailer:send_receipt(#{number => N, customer => <<"ada">>, items => [], total_cents => 0})
                || N <- lists:seq(1, 60000)],
        [length([ok || ok <- Sent]), length([dropped || dropped <- Sent]), ${waiting}]`)
    )
    expect(taken + dropped).toBe(60_000)
    expect(dropped).toBeGreaterThanOrEqual(10_000)
    // Two may see room for one at the same time.
    expect(length).toBeGreaterThan(49_990)
    expect(length).toBeLessThan(50_010)
  })

  it("outlives its processes, and logs nothing by itself", async () => {
    expect(node.log()).toBe("")
    expect(
      await node.evaluate(`
        Names = [shop_mailer, shop_visitors, shop_orders, shop_recommender, shop_catalogue],
        lists:foreach(fun(Name) ->
          Pid = whereis(Name),
          exit(Pid, kill),
          (fun Wait() ->
            case whereis(Name) of
              New when is_pid(New), New =/= Pid -> ok;
              _ -> timer:sleep(5), Wait()
            end
          end)()
        end, Names),
        sys:get_state(shop_visitors),
        {[Name || Name <- Names, whereis(Name) =:= undefined], length(shop_cart_sup:all())}`)
    ).toBe("{[],12}")
  })
})

describe("the demo node", () => {
  let erlang: Erlang.Erlang
  let folders: string

  beforeAll(async () => {
    erlang = await Effect.runPromise(Erlang.find)
  })
  beforeEach(async () => {
    const temporary = await mkdtemp(join(tmpdir(), "beamscope-test-"))
    folders = temporary
    vi.stubEnv("TMPDIR", temporary)
    return async () => {
      vi.unstubAllEnvs()
      await rm(temporary, { recursive: true })
    }
  })

  /** Nothing of it is left. */
  const expectGone = async ({ pid, epmdPort }: { readonly pid: number; readonly epmdPort: number }) => {
    expect(isAlive(pid)).toBe(false)
    expect(await listens(epmdPort)).toBe(false)
    expect(await readdir(folders)).toEqual([])
  }

  it("can be reached, and is gone when its scope closes", async () => {
    vi.stubEnv("SECRET_OF_OURS", "hush")
    const node = await Effect.gen(function* () {
      const node = yield* DemoNode.start({ erlang })
      const cookie = Redacted.value(node.cookie)
      expect(JSON.stringify(node)).not.toContain(cookie)
      const witness = yield* BeamNode.start({ cookie, epmdPort: node.epmdPort })
      const call = (mfa: string) => Effect.promise(() => witness.evaluate(`rpc:call('${node.name}', ${mfa})`))

      expect(yield* call("os, getpid, []")).toBe(`"${node.pid}"`)
      expect(yield* call("erlang, whereis, [shop_sup]")).toMatch(/^<\d+\.\d+\.0>$/)
      expect(yield* call("init, get_argument, [home]")).toContain(folders)
      const variables = yield* call("os, getenv, []")
      expect(variables).toContain(`"ERL_EPMD_PORT=${node.epmdPort}"`)
      expect(variables).not.toContain("hush")
      // Neither the environment nor the arguments, for all to see, hold the cookie.
      expect(variables).not.toContain(cookie)
      const { stdout } = yield* Effect.promise(() => run("ps", ["-eww", "-o", "args="]))
      const args = stdout.split("\n").filter((line) => line.includes(folders))
      expect(args.length).toBeGreaterThan(0)
      expect(args.join("\n")).not.toContain(cookie)
      const addresses = "[Address || Port <- erlang:ports(), {ok, {Address, _}} <- [inet:sockname(Port)]]"
      expect(yield* call(`erlang, apply, [fun() -> lists:usort(${addresses}) end, []]`)).toBe("[{127,0,0,1}]")
      return node
    }).pipe(Effect.scoped, Effect.runPromise)
    await expectGone(node)
  })

  it("ends when its starter is killed", async () => {
    const { program, node } = await startElsewhere({ keep: false })
    expect(isAlive(node.pid)).toBe(true)
    program.kill("SIGKILL")
    await vi.waitFor(() => expectGone(node), { timeout: 10_000 })
  })

  it("stays if told so, until the command for it stops it", async () => {
    const { program, node } = await startElsewhere({ keep: true })
    const [status] = await once(program, "exit")
    expect(status).toBe(0)
    const witness = await BeamNode.startNode({ cookie: node.cookie, epmdPort: node.epmdPort })
    expect(await witness.evaluate(`net_adm:ping('${node.name}')`)).toBe("pong")
    await witness.stop()
    await run("sh", ["-c", node.stopCommand])
    await vi.waitFor(() => expectGone(node), { timeout: 10_000 })
  })

  it("is found by a bundle in the package's dist folder", async () => {
    const installed = await mkdtemp(join(tmpdir(), "installed-"))
    await mkdir(join(installed, "dist"))
    await cp(join(packageFolder, "erlang"), join(installed, "erlang"), { recursive: true })
    const bundle = await rolldown({
      input: join(packageFolder, "test/support/startDemoNode.ts"),
      platform: "node",
      logLevel: "silent"
    })
    const module = join(installed, "dist/bin.mjs")
    await bundle.write({ file: module, format: "esm" })
    await bundle.close()
    const { program, node } = await startElsewhere({ keep: false, module })
    program.stdin?.end()
    await once(program, "exit")
    await rm(installed, { recursive: true })
    await expectGone(node)
  })

  it.each([
    { broken: "erl", says: /the node ended \(exit status 1\) before it was ready\. It logged nothing\./ },
    { broken: "erlc", says: /do not compile/ },
    { broken: "epmd", says: /EPMD does not run on port \d+/ }
  ])("says why it does not start, and leaves nothing: $broken", async ({ broken, says }) => {
    const start = DemoNode.start({ erlang: { ...erlang, [broken]: "/bin/false" } })
    const error = await start.pipe(Effect.scoped, Effect.flip, Effect.runPromise)
    expect(error.message).toMatch(says)
    expect(await readdir(folders)).toEqual([])
  })
})
