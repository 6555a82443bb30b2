import { describe, expect, it } from "@effect/vitest"
import { atom, Binary, binary, charlist, list, map, nil, type Term } from "../../../src/etf/Term.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { isSecretName, masked, withoutShapes } from "../../../src/tools/Secrets.ts"

describe("a key", () => {
  it.each([
    ["password"],
    ["db_password"],
    ["dbPassword"],
    ["DB-PASSWORD"],
    ["PGPASSWORD"],
    ["passphrase"],
    ["pass"],
    ["secret"],
    ["secret_key_base"],
    ["client-secret"],
    ["token"],
    ["access_tokens"],
    ["apiKey"],
    ["APIKEY"],
    ["x-api-key"],
    ["private_key"],
    ["AWS_SECRET_ACCESS_KEY"],
    ["Authorization"],
    ["set-cookie"],
    ["signing_salt"],
    ["credentials"]
  ])("%s says that its value is a secret", (name) => expect(isSecretName(name)).toBe(true))

  it.each([
    ["user"],
    ["key"],
    ["keys"],
    ["public_key"],
    ["monkey"],
    ["compass"],
    ["bypass"],
    ["passenger"],
    ["tokenizer"],
    ["cookie_path"],
    ["password_file"],
    ["token_count"],
    ["token_type"],
    ["primary_key"],
    ["path"],
    ["PWD_LENGTH"]
  ])("%s does not", (name) => expect(isSecretName(name)).toBe(false))
})

const erlang = (term: Term, maxCharacters = 1_000) => syntaxes.erlang.print(term, { mask: masked, maxCharacters }).text
const elixir = (term: Term) => syntaxes.elixir.print(term, { mask: masked }).text

describe("a term", () => {
  const secret = binary("hunter2")

  it.each<readonly [string, Term]>([
    ["a map with an atom key", map([[atom("password"), secret]])],
    ["a map with a binary key", map([[binary("Password"), secret]])],
    ["a map with a charlist key", map([[charlist("password"), secret]])],
    ["a pair", [atom("password"), charlist("hunter2")]],
    ["a property list", list<Term>([atom("ssl"), [atom("user"), binary("x")], [atom("password"), secret]])],
    ["headers", list<Term>([[binary("authorization"), secret]])],
    ["something inside", [atom("state"), map([[atom("db"), list<Term>([[atom("api_key"), [secret]]])]])]],
    [
      "a struct",
      map([
        [atom("__struct__"), atom("Elixir.Conf")],
        [atom("secret"), secret]
      ])
    ],
    ["a key of several parts", map([[[atom("conn"), atom("password")], secret]])],
    ["a text with a line end", binary("x\npostgres://u:hunter2@h/db")],
    ["a charlist with a line end", charlist("x\npassword=hunter2\nuser=x")],
    ["a charlist beyond ASCII", charlist("\u00fcmlaut postgres://u:hunter2@h/db")],
    [
      "bytes that are no text",
      new Binary(Buffer.concat([Buffer.from([0, 1, 255]), Buffer.from("postgres://u:hunter2@h/db")]))
    ],
    [
      "numbers in front of a text",
      list<Term>([0, ...Array.from("postgres://u:hunter2@h/db", (it) => it.codePointAt(0)!)])
    ],
    ["a term as the value", map([[atom("credentials"), map([[atom("user"), secret]])]])]
  ])("shows no secret of %s", (_, term) => {
    for (const text of [erlang(term), elixir(term)]) {
      expect(text).not.toContain("hunter2")
      expect(text).toContain("[redacted]")
    }
  })

  it("shows what gives nothing away", () => {
    const pairs: ReadonlyArray<readonly [Term, Term]> = [
      [atom("password"), atom("undefined")],
      [atom("token"), 12],
      [atom("secret"), nil]
    ]
    expect(erlang(map(pairs))).toBe("#{password => undefined,token => 12,secret => []}")
  })

  it("reads back where something was left out", () =>
    expect(erlang(map([[atom("password"), secret]]))).toBe('#{password => <<"[redacted]">>}'))

  it("looks no further into a long list than can be shown", () => {
    const long = list<Term>([...Array.from({ length: 1_000 }, (_, at) => at), [atom("password"), secret]])
    expect(erlang(long, 60)).not.toContain("hunter2")
    expect(masked(long, 10)).toBe(long)
    expect(masked(long, 2_000)).not.toBe(long)
  })

  it("stays the one it is where there is no secret", () => {
    const term = list<Term>([map([[atom("a"), 1]]), [atom("b"), new Binary(new Uint8Array(3))]])
    expect(masked(term, 100)).toBe(term)
  })
})

describe("a text", () => {
  it.each([
    ["-----BEGIN RSA PRIVATE KEY-----\\nMIIEowIBAAKCAQEA\\nabc=\\n-----END RSA PRIVATE KEY-----", "MIIE"],
    ["-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA...", "MIIE"],
    ["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9", "dozj"],
    ["key AKIAIOSFODNN7EXAMPLE here", "IOSFODNN"],
    ["ghp_abcdefghijklmnopqrstuvwxyz0123456789", "abcdef"],
    ["xoxb-123456789012-abcdefghijkl", "abcdef"],
    ["sk_live_abcdefghijklmnop1234", "abcdef"],
    ["Authorization: Bearer abc.def.123456", "abc.def"],
    ["Authorization: Basic aHVudGVyMjpodW50ZXIy", "aHVu"],
    ["postgres://shop:hunter2@db.internal:5432/shop", "hunter2"],
    ["amqps://u:p%40ss@mq/", "p%40ss"],
    ["Server=db;User=x;Password=hunter2;", "hunter2"],
    ["DB_PASS=hunter2 x", "hunter2"],
    ["SECRET_KEY_BASE=hunter2", "hunter2"],
    [String.raw`"x\nghp_abcdefghijklmnopqrstuvwxyz0123456789"`, "abcdef"],
    [String.raw`"k\nAKIAIOSFODNN7EXAMPLE"`, "IOSFODNN"],
    [String.raw`"a\nsk-live-1234567890abcdefghijklmn"`, "1234567890"],
    [String.raw`"x\neyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"`, "hbGci"],
    ["Cookie: a=hunter2; b", "hunter2"],
    ["GET / HTTP/1.1\r\nX-Api-Key: hunter2\r\n", "hunter2"],
    [String.raw`"a\nsecret: hunter2"`, "hunter2"],
    ['@secret_key_base "hunter2"', "hunter2"],
    ['password() -> "hunter2".', "hunter2"],
    [`{"password":"it's hunter2"}`, "hunter2"],
    [String.raw`{"password":"ab\"hunter2"}`, "hunter2"],
    [String.raw`"{\"password\":\"ab\\\"hunter2\"}"`, "hunter2"],
    ["/login?access_token=hunter2&x=1", "hunter2"],
    ['{"user":"x","password":"hunter2"}', "hunter2"],
    ['#{password => <<"hunter2">>,a => 1}', "hunter2"],
    ['{db_password,"hunter2"}', "hunter2"],
    ['%{"client_secret" => "hunter2"}', "hunter2"],
    ['[api_key: "hunter2", a: 1]', "hunter2"],
    ['[password: "hunter2 and more...', "hunter2"],
    [String.raw`"{\"db\": {\"apiKey\" : \"hunter2\"}}"`, "hunter2"]
  ])("shows no secret: %s", (text, secret) => {
    const shown = withoutShapes(text)
    expect(shown).not.toContain(secret)
    expect(shown).toContain("[redacted]")
  })

  it.each([
    ["https://example.org/a:b@c"],
    ["Basic authentication is used"],
    ["the bearer of bad news"],
    ["token: :undefined, password: nil"],
    ['%{password: "[redacted]"}'],
    ["http://localhost:4000/path"],
    ["lists:map/2"],
    ["<0.123.0>"]
  ])("that holds none stays as it is: %s", (text) => expect(withoutShapes(text)).toBe(text))
})
