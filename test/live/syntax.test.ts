import * as fc from "fast-check"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import type { Duplex } from "node:stream"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { decode } from "../../src/etf/Decode.ts"
import { encode } from "../../src/etf/Encode.ts"
import { equal } from "../../src/etf/Equal.ts"
import {
  atom,
  Binary,
  binary,
  BitString,
  ByteList,
  charlist,
  ExternalFun,
  Float,
  float,
  integer,
  isAtom,
  List,
  list,
  listItems,
  map,
  MapTerm,
  nil,
  Pid,
  type Term,
  utf8Text
} from "../../src/etf/Term.ts"
import { visible } from "../../src/syntax/Escape.ts"
import { parseTerm } from "../../src/syntax/ParseTerm.ts"
import { syntaxes } from "../../src/syntax/Syntaxes.ts"
import type { Syntax, SyntaxName } from "../../src/syntax/Syntax.ts"
import { otpReleases } from "../support/BeamNode.ts"

const { elixir, erlang } = syntaxes

/*
 * A shell is a child that answers requests, each one term, over file descriptor 3: `{print, Terms}` with the text and
 * the term of each, as it holds it and sends it, terms of its own that cannot be made here included;
 * `{read, [{Text, Term}]}` with those that do not read as the term that they were printed from.
 */

const erlangShell = `
Port = open_port({fd, 3, 3}, [{packet, 4}, binary, eof]),
Form = fun(Text) ->
  {ok, Tokens, _} = erl_scan:string(Text),
  {ok, Form} = erl_parse:parse_form(Tokens),
  Form
end,
NativeRecords = case list_to_integer(erlang:system_info(otp_release)) >= 29 of
  false -> [];
  true ->
    Forms = lists:map(Form, ["-module(native).", "-export([records/0]).", "-record #st{a = 1, 'B c' = [x]}.",
      "-record #'no one'{}.", "-export_record([st]).",
      "records() -> [#st{}, #'no one'{}, {#st{a = #{#st{} => #'no one'{}}}}]."]),
    {ok, native, Code} = compile:forms(Forms),
    {module, native} = code:load_binary(native, "native.beam", Code),
    native:records()
end,
Own = [self(), make_ref(), hd(erlang:ports()), fun(X) -> X end, fun erlang:'+'/2, #{self() => [make_ref()]}] ++
  NativeRecords,
Print = fun(Term) -> {unicode:characters_to_binary(io_lib:format("~0tp", [Term])), Term} end,
Read = fun(Text) ->
  {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list([Text, " ."])),
  {ok, Expressions} = erl_parse:parse_exprs(Tokens),
  {value, Value, _} = erl_eval:exprs(Expressions, []),
  Value
end,
Misread = fun({Text, Term}) ->
  try Read(Text) of Value -> Value =/= Term catch _:_ -> true end
end,
Answer = fun
  ({print, Terms}) -> lists:map(Print, Own ++ Terms);
  ({read, Printed}) -> lists:filter(Misread, Printed)
end,
(fun Serve() ->
  receive
    {Port, {data, Request}} -> port_command(Port, term_to_binary(Answer(binary_to_term(Request)))), Serve();
    {Port, eof} -> halt()
  end
end)().`

const elixirShell = `
defmodule Shell do
  @own_offsets [
    %{~U[2020-01-01 00:00:00.120Z] | utc_offset: 3600, std_offset: 3600, time_zone: "Europe/Warsaw", zone_abbr: "CEST"},
    %{~U[1920-01-01 00:00:00Z] | utc_offset: -12652, time_zone: "America/St_Johns", zone_abbr: "NST"},
    %{~U[2020-01-01 00:00:00Z] | time_zone: "Europe/London", zone_abbr: "GMT"}
  ]

  def own do
    [self(), make_ref(), hd(Port.list()), &Enum.map/2, &Kernel.+/2] ++
      [~r/a\\/b[\\d]+\\n#\\t/iu, Regex.compile!("\\#{a}\\t\\n/"), ~r//, %RuntimeError{message: "x"}] ++
      [MapSet.new(), MapSet.new([1, "a", :b, {1.0}, [97]]), MapSet.new([a: 1]), MapSet.new([[a: "b", c: [97]]])] ++
      @own_offsets ++ more()
  end

  defp more do
    [%ArgumentError{message: "x"}, &String.length/1] ++
      [1..3, 1..9//2, ~D[2020-02-29], ~T[00:00:00.000001], ~N[-0001-01-01 00:00:00], [a: 1, b: [c: 2]]] ++
      [:"Elixir.a", Elixir, :"", nil, [nil: 1], %{nil => 1}]
  end

  def print(term) do
    {inspect(term, limit: :infinity, printable_limit: :infinity, width: :infinity), term}
  end

  def misread({text, term}) do
    {value, _} = Code.eval_string(text)
    value !== term
  rescue
    _ -> true
  end

  # One evaluation of all of them is a hundred times faster, and says as much when there is nothing to find.
  def answer({:read, printed}) do
    {texts, terms} = Enum.unzip(printed)
    {values, _} = Code.eval_string("[" <> Enum.join(texts, ",\\n") <> "]")
    if values === terms, do: [], else: Enum.filter(printed, &misread/1)
  rescue
    _ -> Enum.filter(printed, &misread/1)
  end

  def answer({:print, terms}), do: Enum.map(own() ++ terms, &print/1)
  def answer(:version), do: System.version()

  # Fields stand in the order of their definition, which nobody else knows; of a module that is not there, as in a map.
  def answer(:apart) do
    Enum.map([URI.parse("http://u@a:1/b?c#d"), %File.Stat{size: 1}, %{__struct__: No.Such.Module, a: 1}], &print/1)
  end

  def serve(port) do
    receive do
      {^port, {:data, request}} ->
        Port.command(port, :erlang.term_to_binary(answer(:erlang.binary_to_term(request))))
        serve(port)

      {^port, :eof} ->
        :ok
    end
  end
end

Shell.serve(Port.open({:fd, 3, 3}, [{:packet, 4}, :binary, :eof]))`

interface Shell {
  readonly ask: (request: Term) => Promise<Term>
  readonly stop: () => Promise<void>
}

/** Starts a shell; requests go one at a time. */
const start = (command: string, args: ReadonlyArray<string>): Shell => {
  const child: ChildProcess = spawn(command, args, { stdio: ["ignore", "ignore", "pipe", "pipe"] })
  let log = ""
  child.stderr?.setEncoding("utf8").on("data", (text: string) => void (log += text))
  const channel = child.stdio[3] as Duplex
  channel.on("error", () => {})
  const exited = once(child, "exit")
  const died = exited.then(() => Promise.reject(new Error(`${command} ended: ${log}`)))
  died.catch(() => {})

  const answer = async (): Promise<Term> => {
    const chunks: Array<Buffer> = []
    let length = 0
    for (;;) {
      const [chunk] = (await once(channel, "data")) as [Buffer]
      chunks.push(chunk)
      length += chunk.length
      const whole = length >= 4 ? Buffer.concat(chunks) : undefined
      if (whole !== undefined && length === 4 + whole.readUInt32BE(0)) return decode(whole.subarray(4))
    }
  }
  const ask = (request: Term): Promise<Term> => {
    const bytes = encode(request)
    const head = Buffer.alloc(4)
    head.writeUInt32BE(bytes.length, 0)
    channel.write(Buffer.concat([head, bytes]))
    return Promise.race([answer(), died])
  }
  const stop = async (): Promise<void> => {
    channel.end()
    await exited
  }
  return { ask, stop }
}

const isShown = (text: string): boolean => visible(text) === text

/** Characters that mean something between quotes, and of all others those that both sides write as they are. */
const character = fc.oneof(
  fc.constantFrom(...Array.from("aZ09 _@'\"\\#{}<>.:?!-\n\r\t\v\b\f\x1b\x7f\x07éßÿÄ÷×€日😀")),
  fc
    .integer({ min: 0x20, max: 0x10ffff })
    .filter((code) => code < 0xd800 || code > 0xdfff)
    .map((code) => String.fromCodePoint(code))
    .filter((it) => isShown(it) && !elixir.atom(` ${it}`).includes("\\u"))
)
const text = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(""))

const words =
  `ok error nil true false undefined end after maybe else fn do when and not_a_word a@b a1_B valid? save! Upper
  A@b _ _x 1a ärger naïve Ünter Elixir Elixir.My.Mod Elixir.Elixir Elixir.Elixir.A Elixir.lower Elixir.A.b Elixir.
  + - * / ++ -- +++ ** ! != !== & && &&& < <- <<< <<~ <= <> <~ <~> = == === =~ > >= >>> @ \\ ^ | |> || ||| ~> ~>>
  % %{} {} <<>> ... .. . ..// -> :: ^^^ ~~~ <|> => // [] () ; , a.b a-b __struct__`.split(/\s+/u)
/** Bare letters outside Latin are for the tokenizer of each Elixir release to judge; behind a space all are quoted. */
const name = fc.oneof(
  fc.constantFrom(...words, "", " "),
  text.map((it) => ` ${it}`),
  text.filter((it) => Buffer.byteLength(it) === it.length)
)

const number = fc.oneof(
  fc.integer(),
  fc.integer({ min: -300, max: 300 }),
  fc.bigInt().map(integer),
  fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }).map(integer),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(float),
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((it) => float(it / 1000)),
  fc.tuple(fc.integer({ min: 1, max: 999 }), fc.integer({ min: -30, max: 30 })).map(([it, e]) => float(it * 10 ** e))
)

/** Whether bytes are free of hidden characters, should they be taken for text in UTF-8 or in Latin-1. */
const areShown = (bytes: Uint8Array): boolean =>
  [utf8Text(new Binary(bytes)) ?? "", Buffer.from(bytes).toString("latin1")].every((it) =>
    isShown(it.replace(/[\0-\x9f]/gu, ""))
  )
const bytes = fc
  .oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc
      .array(fc.oneof(fc.integer({ min: 32, max: 126 }), fc.integer({ min: 0xa0, max: 0xff })), { maxLength: 12 })
      .map((it) => Uint8Array.from(it))
  )
  .filter(areShown)

const leaf: fc.Arbitrary<Term> = fc.oneof(
  number,
  name.map(atom),
  text.map(binary),
  text.map(charlist),
  bytes.map((it) => new Binary(it)),
  bytes.map((it) => new ByteList(it)),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 7 }))
    .map(([it, bits]) => new BitString(it, 0, it.length, bits)),
  fc.constantFrom(new ExternalFun(atom("lists"), atom("map"), 2), new ExternalFun(atom("my mod"), atom("a-b"), 0))
)

const struct = (module: string, fields: Readonly<Record<string, Term>>): Term =>
  map(Object.entries({ __struct__: atom(module), ...fields }).map(([key, value]) => [atom(key), value]))
const iso = atom("Elixir.Calendar.ISO")
const between = (min: number, max: number) => fc.integer({ min, max })
const date = fc.record({
  year: between(-9999, 9999),
  month: between(1, 12),
  day: between(1, 28),
  calendar: fc.constant(iso)
})
const time = fc.record({
  hour: between(0, 23),
  minute: between(0, 59),
  second: between(0, 59),
  microsecond: fc
    .tuple(between(0, 999_999), between(0, 6))
    .map(([fraction, digits]): Term => [fraction - (fraction % 10 ** (6 - digits)), digits]),
  calendar: fc.constant(iso)
})
const utc = { time_zone: binary("Etc/UTC"), zone_abbr: binary("UTC"), utc_offset: 0, std_offset: 0 }
const mapOf = (key: fc.Arbitrary<Term>, value: fc.Arbitrary<Term>): fc.Arbitrary<Term> =>
  fc
    .uniqueArray(key, { maxLength: 4, comparator: equal })
    .chain((keys) => fc.tuple(...keys.map(() => value)).map((values) => map(keys.map((it, at) => [it, values[at]!]))))

/** Structs that both read and print the same without a module of ours. */
const knownStruct: fc.Arbitrary<Term> = fc.oneof(
  date.map((it) => struct("Elixir.Date", it)),
  time.map((it) => struct("Elixir.Time", it)),
  fc.tuple(date, time).map(([day, hour]) => struct("Elixir.NaiveDateTime", { ...day, ...hour })),
  fc.tuple(date, time).map(([day, hour]) => struct("Elixir.DateTime", { ...day, ...hour, ...utc })),
  fc
    .record({ first: between(-9, 9), last: between(-9, 9), step: fc.constantFrom(-2, -1, 1, 2) })
    .map((it) => struct("Elixir.Range", it))
)

/** Maps stay below 33 keys: a larger one is sent in the reverse of the order in which the node walks it. */
const { term } = fc.letrec<{ term: Term }>((tie) => ({
  term: fc.oneof(
    { depthSize: "small" },
    { weight: 6, arbitrary: leaf },
    fc.array(tie("term"), { maxLength: 4 }),
    fc.array(tie("term"), { maxLength: 4 }).map(list),
    fc.array(tie("term"), { minLength: 1, maxLength: 4 }).map((items) => new List(items, atom("tail"))),
    fc.array(fc.tuple(name.map(atom), tie("term")), { maxLength: 4 }).map(list),
    mapOf(name.map(atom), tie("term")),
    mapOf(tie("term"), tie("term")),
    knownStruct
  )
}))

/** Whether some value inside, or the term itself, passes the test. */
const some = (it: Term, test: (inner: Term) => boolean): boolean =>
  test(it) ||
  (it instanceof MapTerm
    ? it.entries.some((inner) => some(inner, test))
    : (listItems(it) ?? (it instanceof List ? it.items : Array.isArray(it) ? (it as ReadonlyArray<Term>) : [])).some(
        (inner) => some(inner, test)
      ))

/** Reserved from OTP 27 on, and quoted by us whatever the release. */
const isLaterReserved = (it: Term): boolean => isAtom(it, "maybe") || isAtom(it, "else")

const isFloat = (it: Term): boolean => it instanceof Float || (typeof it === "number" && !Number.isInteger(it))

/** Old releases print it as `0.0`: seen on OTP 23. */
const isMinusZero = (it: Term): boolean => it instanceof Float && Object.is(it.value, -0)

/** With the printable range that is the default, nodes print most of them as bytes: text to us, as it is with `unicode`. */
const isBeyondAscii = (it: Term): boolean => it instanceof Binary && it.view().some((byte) => byte > 0x7f)

/** Letters to a node with the range `unicode`: numbers to us, as they are by default. */
const isBeyondLatin1 = (it: Term): boolean =>
  (listItems(it) ?? []).some((item) => typeof item === "number" && item > 0xff)

const isCharlist = (it: Term): boolean => elixir.print(it).text.startsWith("~c")

const samples = 3000

interface Row {
  readonly text: string
  readonly term: Term
}

const rows = (answer: Term): ReadonlyArray<Row> =>
  listItems(answer)!.map((row) => {
    const [shown, it] = row as readonly [Binary, Term]
    return { text: shown.text(), term: it }
  })

const differences = (printed: ReadonlyArray<Row>, { print }: Syntax) =>
  printed
    .map(({ term: it, text: theirs }) => ({ theirs, ours: print(it, { node: "nonode@nohost" }).text }))
    .filter(({ ours, theirs }) => ours !== theirs)
    .slice(0, 10)

/** Printed by us, what of it the shell does not read as the same term. */
const misread = async (shell: Shell, { print }: Syntax, terms: ReadonlyArray<Term>): Promise<ReadonlyArray<string>> => {
  const printed = terms.map((it): Term => [binary(print(it).text), it])
  return rows(await shell.ask([atom("read"), list(printed)])).map((row) => row.text)
}

/** Printed by the shell, what of it we do not read as the same term. */
const misreadByUs = (
  printed: ReadonlyArray<Row>,
  syntax: SyntaxName,
  elixirVersion?: string
): ReadonlyArray<string> => {
  const { creation } = printed.map((row) => row.term).find((it) => it instanceof Pid)!
  return printed
    .filter(({ term: it, text: shown }) => {
      const parsed = parseTerm(shown, syntax, {
        node: "nonode@nohost",
        creation,
        ...(elixirVersion !== undefined && { elixirVersion })
      })
      return parsed._tag === "Mistake" || !equal(parsed.term, it)
    })
    .map((row) => row.text)
}

/** What texts begin with, up to their first brace. */
const starts = (texts: ReadonlyArray<string>) => texts.map((it) => it.slice(0, it.indexOf("{") + 1))

/** What nobody can make from text alone, and what a struct or a native record does not say of itself. */
const isUnreadable = /^#Fun|^#DateTime|^~r|^Regex|Error\{|#native:/u

/** Text that is written differently from the shell, because it would not be seen. */
const hidden = "a\u202eb\u{e0041}\u200b\u00ad\ufeff\u2028\u0085\ue000"
const hiddenTerms: ReadonlyArray<Term> = [
  atom(hidden),
  binary(hidden),
  charlist(hidden),
  atom("日本"),
  atom("a\u0301·")
]

describe.each(otpReleases())("Erlang/OTP $otp", ({ erl, otp }) => {
  const startErlang = (...flags: ReadonlyArray<string>) =>
    start(erl, ["-noinput", "-boot", "no_dot_erlang", ...flags, "-eval", erlangShell])
  let shell: Shell
  let unicodeShell: Shell
  beforeAll(() => {
    shell = startErlang()
    unicodeShell = startErlang("+pc", "unicode")
  })
  afterAll(() => Promise.all([shell.stop(), unicodeShell.stop()]))

  it.each([
    ["", () => shell, isBeyondAscii],
    [", with +pc unicode", () => unicodeShell, isBeyondLatin1]
  ] as const)("prints what we print, character by character%s", async (_, asked, isDifferent) => {
    // Before OTP 25 floats have other digits, and exponents elsewhere.
    const other = Number(otp) < 25 ? isFloat : () => false
    const comparable = term.filter((it) => ![isLaterReserved, isDifferent, other].some((test) => some(it, test)))
    const printed = rows(await asked().ask([atom("print"), list(fc.sample(comparable, samples))]))
    expect(printed.length).toBeGreaterThan(samples)
    expect(differences(printed, erlang)).toEqual([])
  })

  it("is read as what it printed", async () => {
    const said = term.filter((it) => !some(it, isMinusZero))
    const printed = rows(await shell.ask([atom("print"), list(fc.sample(said, samples))]))
    const readable = printed.filter((row) => !isUnreadable.test(row.text))
    expect(readable.length).toBeGreaterThan(samples)
    expect(misreadByUs(readable, "erlang").slice(0, 10)).toEqual([])
  })

  it("reads what we print as the same term", async () => {
    expect(await misread(shell, erlang, [...fc.sample(term, samples), ...hiddenTerms])).toEqual([])
  })
})

const hasElixir = (): boolean => {
  try {
    execFileSync("elixir", ["--short-version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

describe.skipIf(!hasElixir())("Elixir", () => {
  let shell: Shell
  let version: string
  beforeAll(async () => {
    shell = start("elixir", ["-e", elixirShell])
    version = ((await shell.ask(atom("version"))) as Binary).text()
  })
  afterAll(() => shell.stop())

  it("inspects what we print, character by character", async () => {
    // Before 1.15 charlists are 'single-quoted'.
    const sigils = version.localeCompare("1.15", "en", { numeric: true }) >= 0
    const comparable = sigils ? term : term.filter((it) => !some(it, isCharlist))
    const printed = rows(await shell.ask([atom("print"), list(fc.sample(comparable, samples))]))
    expect(printed.length).toBeGreaterThan(samples)
    expect(differences(printed, elixir)).toEqual([])
  })

  it("is read as what it inspected", async () => {
    const printed = rows(await shell.ask([atom("print"), list(fc.sample(term, samples))]))
    const readable = printed.filter((row) => !isUnreadable.test(row.text))
    expect(readable.length).toBeGreaterThan(samples)
    expect(misreadByUs(readable, "elixir", version).slice(0, 10)).toEqual([])
  })

  it("writes apart what depends on a struct's module being at hand", async () => {
    const own = rows(await shell.ask([atom("print"), nil]))
    const printed = rows(await shell.ask(atom("apart")))
    const ours = printed.map((row) => elixir.print(row.term).text)
    expect(starts(printed.map((row) => row.text))).toEqual(["%URI{", "%File.Stat{", "%{"])
    expect(starts(ours)).toEqual(["%URI{", "%File.Stat{", "%No.Such.Module{"])
    expect(misreadByUs([...printed, own[0]!], "elixir", version)).toEqual([])
    expect(
      misreadByUs([...printed.map((row, at) => ({ ...row, text: ours[at]! })), own[0]!], "elixir", version)
    ).toEqual([])
    const there = printed.slice(0, 2).map((row) => row.term)
    expect(await misread(shell, elixir, there)).toEqual([])
  })

  it("reads what we print as the same term", async () => {
    // What sets are made of differs between releases.
    const sets = rows(await shell.ask([atom("print"), nil])).filter(({ text: shown }) => shown.includes("MapSet"))
    expect(sets.length).toBeGreaterThan(0)
    expect(
      misreadByUs([...sets, ...rows(await shell.ask([atom("print"), nil])).slice(0, 1)], "elixir", version)
    ).toEqual([])
    const terms = [...fc.sample(term, samples), ...hiddenTerms, ...sets.map((row) => row.term)]
    expect(await misread(shell, elixir, terms)).toEqual([])
  })
})
