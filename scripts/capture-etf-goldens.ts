/**
 * Captures terms as real nodes encode them, one file a release:
 *
 *     node scripts/capture-etf-goldens.ts erl /opt/otp-27/bin/erl
 *
 * Each argument is an executable that behaves like `erl`. Writes `test/fixtures/etf/otp-<release>.json`: for every term
 * its name, what the node prints it as (`~w`), and its bytes in hexadecimal.
 */
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { argv, stderr, stdout } from "node:process"

/** Name, an Erlang expression, and the options of `term_to_binary/2` where there are any. */
const terms: ReadonlyArray<readonly [name: string, expression: string, options?: string]> = [
  ["zero", "0"],
  ["byte", "255"],
  ["two bytes", "256"],
  ["minus one", "-1"],
  ["largest of 32 bits", "(1 bsl 31) - 1"],
  ["smallest of 32 bits", "-(1 bsl 31)"],
  ["beyond 32 bits", "1 bsl 31"],
  ["beyond 32 bits, negative", "-(1 bsl 31) - 1"],
  ["largest safe", "(1 bsl 53) - 1"],
  ["beyond safe", "1 bsl 53"],
  ["smallest safe", "-(1 bsl 53) + 1"],
  ["beyond safe, negative", "-(1 bsl 53)"],
  ["seven bytes", "(1 bsl 56) - 1"],
  ["eight bytes", "(1 bsl 64) - 1"],
  ["nine bytes, negative", "-(1 bsl 64)"],
  ["255 bytes", "(1 bsl 2040) - 1"],
  ["256 bytes", "1 bsl 2040"],
  ["one", "1.0"],
  ["minus nothing", "-1.0 * 0.0"],
  ["one and a half", "1.5"],
  ["tenth", "0.1"],
  ["huge", "1.0e308"],
  ["least", "5.0e-324"],
  ["float as text", "-1.5", "[{minor_version, 0}]"],
  ["integral float as text", "3.0", "[{minor_version, 0}]"],
  ["atom", "ok"],
  ["empty atom", "''"],
  ["atom of words", "'hello world'"],
  ["name of a prototype", "'__proto__'"],
  ["Latin-1 atom", "list_to_atom([16#FC, $n, $i])"],
  ["Latin-1 atom in UTF-8", "list_to_atom([16#FC, $n, $i])", "[{minor_version, 2}]"],
  ["Japanese atom", "list_to_atom([16#65E5, 16#672C])"],
  ["longest atom", "list_to_atom(lists:duplicate(255, $x))"],
  ["longest atom in bytes", "list_to_atom(lists:duplicate(255, 16#1F600))"],
  ["empty binary", "<<>>"],
  ["text", '<<"text">>'],
  ["three bits", "<<5:3>>"],
  ["bits behind bytes", "<<1, 2, 3, 0:5>>"],
  ["nil", "[]"],
  ["string", '"abc"'],
  ["list of larger integers", "[256, 257]"],
  ["improper list", "[a | b]"],
  ["longer improper list", "[1, 2 | 3]"],
  ["lists in a list", "[[], [1], [[a]]]"],
  ["compressed", "lists:duplicate(400, a)", "[compressed]"],
  ["empty tuple", "{}"],
  ["tuple", "{ok, 1}"],
  ["tuple of 300", "list_to_tuple(lists:seq(1, 300))"],
  ["empty map", "#{}"],
  ["map", '#{a => #{}, 1 => 1.0, <<"k">> => [], {t} => "v"}'],
  ["map of 40", "maps:from_list([{I, -I} || I <- lists:seq(1, 40)])"],
  ["external fun", "fun lists:map/2"],
  ["fun", "(fun(X) -> fun(Y) -> {X, Y} end end)(1)"],
  ["pid", "self()"],
  ["reference", "make_ref()"],
  ["port", "hd(erlang:ports())"],
  ["identifiers in UTF-8", "{self(), make_ref(), hd(erlang:ports())}", "[{minor_version, 2}]"],
  ["process information", "process_info(whereis(kernel_sup), [registered_name, links, status, dictionary])"],
  ["the format of one node", "{local, 1}", "[local]"]
]

// Options that a release does not know make the term fail there, and it is left out.
const program = (folder: ReadonlyArray<readonly [string, string, string?]>): string => `
Show = fun(Name, Make, Options) ->
  try
    Term = Make(),
    Hex = [io_lib:format("~2.16.0b", [B]) || <<B>> <= term_to_binary(Term, Options)],
    io:put_chars([Name, $\\t, io_lib:format("~w", [Term]), $\\t, Hex, $\\n])
  catch error:badarg -> ok
  end
end,
io:put_chars([erlang:system_info(otp_release), $\\n]),
${folder.map(([name, expression, options = "[]"]) => `Show(${JSON.stringify(name)}, fun() -> ${expression} end, ${options})`).join(",\n")},
halt().`

const capture = (erl: string): void => {
  const output = execFileSync(erl, ["-noinput", "-eval", program(terms)], { encoding: "utf8" })
  const [otp, ...lines] = output.trimEnd().split("\n")
  const goldens = lines.map((line) => {
    const [name, text, hex] = line.split("\t")
    return { name, text, hex }
  })
  const path = new URL(`../test/fixtures/etf/otp-${otp}.json`, import.meta.url)
  writeFileSync(
    path,
    `{\n  "otp": "${otp}",\n  "goldens": [\n${goldens.map((golden) => `    ${JSON.stringify(golden)}`).join(",\n")}\n  ]\n}\n`
  )
  stdout.write(`OTP ${otp}: ${goldens.length} of ${terms.length} terms\n`)
}

if (argv.length < 3) stderr.write("Name the erl of each release to capture from.\n")
for (const erl of argv.slice(2)) capture(erl)
