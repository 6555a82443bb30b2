import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { deflateSync } from "node:zlib"
import { encode } from "../../../src/etf/Encode.ts"
import {
  atom,
  Binary,
  binary,
  BitString,
  charlist,
  ExternalFun,
  List,
  list,
  map,
  nil,
  type Term
} from "../../../src/etf/Term.ts"
import { syntaxes } from "../../../src/syntax/Syntaxes.ts"
import { isSecretName } from "../../../src/tools/SecretNames.ts"
import { withoutShapes } from "../../../src/tools/SecretShapes.ts"
import { cookies, secrets } from "../../../src/tools/Secrets.ts"

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
    ["credentials"],
    ["setcookie"],
    ["mycookie"],
    ["authtoken"],
    ["AUTHTOKEN"],
    ["accesstoken"],
    ["sessiontoken"],
    ["token1"],
    ["API_TOKEN2"],
    ["dbpass"],
    ["DBPASS"],
    ["userpass"],
    ["SMTP_PASS1"],
    ["userpwd"],
    ["pwd1"],
    ["session_key"],
    ["hmac_key"],
    ["ssh_key"],
    ["tls_key"],
    ["client_key"],
    ["privkey"],
    ["psk"],
    ["pw"],
    ["db_pw"],
    ["bindPw"],
    ["database_url"],
    ["RSAPrivateKey"],
    ["DSAPrivateKey"],
    ["ECPrivateKey"],
    ["PrivateKeyInfo"],
    ["OneAsymmetricKey"]
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
    ["PWD_LENGTH"],
    ["max_tokens"],
    ["total_tokens"],
    ["invalid_token"],
    ["trespass"],
    ["first_key"],
    ["pwm"],
    ["pw_file"],
    ["url"]
  ])("%s does not", (name) => expect(isSecretName(name)).toBe(false))
})

const { masked } = secrets
const erlang = (term: Term, maxCharacters = 1_000) => syntaxes.erlang.print(term, { mask: masked, maxCharacters }).text
/** As `term_to_binary/1` makes it. */
const made = (term: Term) => new Binary(encode(term))

/** As `term_to_binary/2` makes it with `compressed`. */
const packed = (term: Term) => {
  const plain = encode(term).subarray(1)
  const header = Buffer.from([131, 80, 0, 0, 0, 0])
  header.writeUInt32BE(plain.length, 2)
  return new Binary(Buffer.concat([header, deflateSync(plain)]))
}

const elixir = (term: Term) => syntaxes.elixir.print(term, { mask: masked }).text

const charlistCodes = (text: string): ReadonlyArray<number> => Array.from(text, (char) => char.codePointAt(0)!)

describe("a term", () => {
  const secret = binary("hunter2")

  it.each<readonly [string, Term]>([
    ["a map with an atom key", map([[atom("password"), secret]])],
    ["a map with a binary key", map([[binary("Password"), secret]])],
    ["a map with a charlist key", map([[charlist("password"), secret]])],
    ["a pair", [atom("password"), charlist("hunter2")]],
    ["a property list", list<Term>([atom("ssl"), [atom("user"), binary("x")], [atom("password"), secret]])],
    ["headers", list<Term>([[binary("authorization"), secret]])],
    ["an address that was parsed", map([[atom("userinfo"), binary("u:hunter2")]])],
    ["the host's part of an address", map([[atom("authority"), binary("u:hunter2@h:443")]])],
    ["the same in a pair", [atom("authority"), charlist("u:hunter2@h")]],
    ["the same without a user", list<Term>([[binary(":authority"), binary(":hunter2@h")]])],
    ["something inside", [atom("state"), map([[atom("db"), list<Term>([[atom("api_key"), [secret]]])]])]],
    [
      "a struct",
      map([
        [atom("__struct__"), atom("Elixir.Conf")],
        [atom("secret"), secret]
      ])
    ],
    ["a key of several parts", map([[[atom("conn"), atom("password")], secret]])],
    ["an atom", [atom("erlang_cookie"), atom("hunter2")]],
    ["an atom in a map", map([[atom("password"), atom("hunter2")]])],
    ["a tuple with a name", [atom("credentials"), binary("u"), binary("hunter2")]],
    ["a bit string", [atom("psk"), new BitString(Buffer.from("hunter2x"), 0, 8, 3)]],
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
    ["a term as the value", map([[atom("credentials"), map([[atom("user"), secret]])]])],
    ["an argument of init", list<Term>([atom("setcookie"), list([charlist("hunter2")])])],
    ["an argument of init as an atom", list<Term>([atom("sname"), atom("a"), atom("setcookie"), atom("hunter2")])],
    ["arguments of a process as lists", list(["-name", "a@b", "-setcookie", "hunter2"].map(charlist))],
    ["arguments of a process as binaries", list(["erl", "--cookie", "hunter2"].map(binary))],
    ["a user and a password", list(["curl", "-u", "bob:hunter2"].map(binary))],
    ["a user and a password as lists", list(["curl", "--proxy-user", "bob:hunter2"].map(charlist))],
    ["an option of a program", list([binary("--password"), binary("hunter2")])],
    ["an option as the head of a pair", new List([atom("setcookie")], atom("hunter2"))]
  ])("shows no secret of %s", (_, term) => {
    for (const text of [erlang(term), elixir(term)]) {
      expect(text).not.toContain("hunter2")
      expect(text).toContain("[redacted]")
    }
  })

  it.each<readonly [string, Term]>([
    ["a pair of texts", map([[atom("auth"), [binary("u"), secret]]])],
    ["a text", map([[binary("auth"), binary("u:hunter2")]])],
    ["a pair of texts in a pair", [atom("auth"), [charlist("u"), charlist("hunter2")]]],
    ["texts behind the way", list<Term>([[atom("http_auth"), [atom("basic"), binary("u"), secret]]])],
    ["texts inside, behind the way", map([[atom("proxyAuth"), [atom("basic"), [binary("u"), secret]]]])],
    ["a list of texts", map([[atom("auth"), list([binary("u"), secret])]])],
    ["a list of pairs of texts", map([[atom("auth"), list<Term>([[binary("u"), secret]])]])],
    ["a list of options", map([[atom("auth"), list<Term>([[atom("bob"), secret]])]])],
    ["a map of texts", map([[atom("auth"), map([[binary("bob"), secret]])]])],
    [
      "a map of atoms",
      map([
        [
          atom("auth"),
          map([
            [atom("realm"), binary("r")],
            [atom("bob"), secret]
          ])
        ]
      ])
    ],
    ["a pair under the whole word", map([[atom("authentication"), [binary("u"), secret]]])],
    ["texts in a row", [atom("auth"), binary("u"), secret]],
    ["a text behind the name", [atom("connect"), atom("host"), atom("auth"), binary("u:hunter2")]],
    ["a text that was cut", [atom("auth"), [charlist("u"), list([...charlistCodes("hunter2"), atom("...")])]]],
    [
      "pairs of keys",
      map([
        [
          atom("auth"),
          list<Term>([
            [atom("user"), binary("u")],
            [atom("password"), secret]
          ])
        ]
      ])
    ]
  ])("shows no password in %s under auth", (_, term) => {
    for (const text of [erlang(term), elixir(term)]) {
      expect(text).not.toContain("hunter2")
      expect(text).toContain("[redacted]")
    }
  })

  it.each<readonly [string, Term]>([
    ["#{auth => true}", map([[atom("auth"), atom("true")]])],
    ["{auth,scram}", [atom("auth"), atom("scram")]],
    ["#{auth => [plain,external]}", map([[atom("auth"), list([atom("plain"), atom("external")])]])],
    ["{auth,none,5}", [atom("auth"), atom("none"), 5]],
    ['#{auth => [{realm,"r"}]}', map([[atom("auth"), list<Term>([[atom("realm"), charlist("r")]])]])],
    ['#{auth => #{type => <<"basic">>}}', map([[atom("auth"), map([[atom("type"), binary("basic")]])]])],
    ["#{auth => #{realms => [plain]}}", map([[atom("auth"), map([[atom("realms"), list([atom("plain")])]])]])],
    ['#{author => {"a","b"}}', map([[atom("author"), [charlist("a"), charlist("b")]]])]
  ])("shows how somebody proves to be who he is: %s", (text, term) => expect(erlang(term)).toBe(text))

  it.each<readonly [string, Term]>([
    ["a map", map([[atom("password"), secret]])],
    ["something deep inside", [atom("session"), list<Term>([1, map([[atom("a"), [atom("token"), secret]]])])]],
    ["a text inside", list([binary("postgres://u:hunter2@h/db")])],
    ["what is an improper list's tail", new List([1], [atom("password"), secret])],
    ["another one inside", [atom("cached"), made(map([[atom("password"), secret]]))]]
  ])("shows nothing of a binary that was made of %s", (_, term) => {
    const state = [atom("state"), made(term), 1]
    expect(erlang(state)).toBe('{state,<<"[redacted]">>,1}')
    expect(elixir(state)).toBe('{:state, "[redacted]", 1}')
  })

  it("shows nothing of a compressed binary that was made of a secret", () =>
    expect(erlang(packed(map([[atom("password"), binary("hunter2".repeat(50))]])))).toBe('<<"[redacted]">>'))

  it("shows a binary that was made of anything else", () => {
    const term = made(map([[atom("user"), secret]]))
    expect(masked(term, 100)).toBe(term)
    const bytes = Uint8Array.from(encode(map([[atom("password"), secret]])))
    for (const other of [
      bytes.subarray(0, -1),
      Buffer.concat([bytes, Buffer.of(0)]),
      Uint8Array.of(131),
      bytes.subarray(1)
    ]) {
      const binaryTerm = new Binary(other)
      expect(masked(binaryTerm, 100)).toBe(binaryTerm)
    }
  })

  it("does not look into a binary that is too large", () => {
    const large = made(map([[atom("password"), new Binary(new Uint8Array(100_000))]]))
    expect(masked(large, 100)).toBe(large)
  })

  it("looks no further into what is packed in each other than it may", () => {
    let term = packed(list(Array.from({ length: 3_000 }, () => binary("x"))))
    for (let level = 0; level < 2; level++) {
      const times = Math.floor(20_000 / term.view().length)
      const inner = term
      term = packed(list(Array.from({ length: times }, () => inner)))
    }
    expect(masked(term, 100)).toBe(term)
  })

  it("takes any bytes", () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        masked(new Binary(Buffer.concat([Buffer.of(131), bytes])), 100)
      })
    ))

  it("shows what gives nothing away", () => {
    const pairs: ReadonlyArray<readonly [Term, Term]> = [
      [atom("password"), atom("undefined")],
      [atom("is_secret"), atom("true")],
      [atom("token_count"), 12],
      [atom("secret"), nil],
      [atom("invalid_token"), binary("seen")],
      [atom("fields"), list([atom("password"), atom("email"), binary("token"), binary("id")])],
      [atom("exports"), list([atom("set_cookie"), atom("get_cookie")])]
    ]
    expect(erlang(map(pairs))).toBe(
      '#{password => undefined,is_secret => true,token_count => 12,secret => [],invalid_token => <<"seen">>,' +
        'fields => [password,email,<<"token">>,<<"id">>],exports => [set_cookie,get_cookie]}'
    )
  })

  it("leaves its keys and its neighbours", () => {
    expect(
      erlang(
        map([
          [atom("dbPassword"), atom("atomsecret")],
          [binary("Password"), secret],
          [atom("user"), binary("u1")]
        ])
      )
    ).toBe('#{dbPassword => <<"[redacted]">>,<<"Password">> => <<"[redacted]">>,user => <<"u1">>}')
    expect(elixir([atom("invalid_token"), atom("x"), binary("visible text")])).toBe(
      '{:invalid_token, :x, "visible text"}'
    )
  })

  it.each(["PrivateKeyInfo", "RSAPrivateKey", "ECPrivateKey", "DSAPrivateKey", "OneAsymmetricKey"])(
    "shows nothing of a record %s",
    (name) => {
      const der = new Binary(Buffer.from([48, 130, 4, 189, 2, 1]))
      const key = list<Term>([
        [atom(name), 1, 123456789n ** 9n, der, atom("not_encrypted")],
        [atom(name), der]
      ])
      const hidden = '<<"[redacted]">>'
      expect(erlang([charlist("/key.pem"), key])).toBe(
        `{"/key.pem",[{'${name}',${Array.from({ length: 4 }, () => hidden).join(",")}},{'${name}',${hidden}}]}`
      )
    }
  )

  it.each<Term>([123456789012, 123456789012345678901234n])("shows no number as a secret: %s", (number) =>
    expect(erlang([atom("api_key"), number])).toBe('{api_key,<<"[redacted]">>}')
  )

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

const revealing = (term: Term) => syntaxes.erlang.print(term, { mask: cookies.masked }).text

/** What leaves of a term in each syntax: printed, then looked at as text. */
const leaving = (term: Term) =>
  Object.values(syntaxes).map(({ name, print }) => [name, withoutShapes(print(term, { mask: masked }).text)] as const)

describe("in every syntax", () => {
  const secret = binary("hunter2hunter")

  it.each<readonly [string, Term]>([
    ["a list, behind a name", list<Term>([atom("user"), atom("password"), charlist("hunter2hunter")])],
    ["a list, a binary behind a name", list<Term>([atom("password"), secret])],
    ["a tuple, behind a name", [atom("config"), atom("host"), atom("password"), charlist("hunter2hunter")]],
    ["a tuple, behind a text", [atom("person"), binary("password"), secret]],
    ["the tail of a list", new List([atom("password")], secret)],
    ["the tail of a longer list", new List<Term>([atom("user"), atom("api_key")], secret)]
  ])("the secret goes of %s", (_, term) => {
    for (const [syntax, text] of leaving(term)) {
      expect(text, syntax).not.toContain("hunter2")
      expect(text, syntax).toContain("[redacted]")
    }
  })

  it.each<readonly [string, Term]>([
    ["texts in a row", list(["password", "email", "hunter2hunter"].map(charlist))],
    ["binaries in a row", list(["password", "email"].map(binary))],
    ["names in a row", list([atom("password"), atom("email")])],
    ["names in a tuple", [atom("fields"), atom("password"), atom("email")]],
    ["what is about a secret", [atom("config"), atom("password_file"), charlist("/run/db")]],
    ["a sentence in front of a text", [atom("error"), binary("wrong password"), binary("try again")]],
    ["what holds no secret", [atom("limits"), atom("token"), list([atom("a"), atom("b")])]],
    ["a function under the name of a secret", [atom("secret"), new ExternalFun(atom("lists"), atom("map"), 2)]]
  ])("%s stay", (_, term) => {
    for (const [syntax, text] of leaving(term)) expect(text, syntax).not.toContain("[redacted]")
  })
})

describe("the end of a string", () => {
  it.each<readonly [string, Term]>([
    [
      "a map",
      map([
        [atom("prompt"), binary("Enter password: ")],
        [atom("retries"), 3]
      ])
    ],
    ["a tuple", [atom("log"), binary("set authorization: "), list([1, 2, 3]), [atom("a")], binary("tail"), atom("e")]],
    ["a list", list<Term>([binary("token: "), 1, 2, 3])]
  ])("is no beginning of a secret, whatever stands in front of it: %s", (_name, term) => {
    for (const { print } of Object.values(syntaxes)) {
      const whole = print(term, { depth: 9, maxCharacters: 900 }).text
      const shown = print(term, { depth: 9, maxCharacters: 900, mask: secrets.masked }).text
      expect(withoutShapes(shown)).toBe(whole)
    }
  })

  it.each<readonly [string, Term]>([
    ["a setting", list([binary("password="), binary("sekrit-b1")])],
    ["a setting in charlists", list([charlist("password="), charlist("sekrit-b1")])],
    ["a header", list(["Authorization: ", "Bearer ", "sekrit-b1", "\r\n"].map(binary))],
    ["a header in a longer text", list([binary("GET / HTTP/1.1\r\nX-Api-Key: "), binary("sekrit-b1")])],
    ["a tail", new List([binary("token: ")], binary("sekrit-b1"))]
  ])("is one in a list whose next text goes on: %s", (_name, term) => {
    for (const { print } of Object.values(syntaxes)) {
      const shown = print(term, { depth: 9, maxCharacters: 900, mask: secrets.masked }).text
      expect(shown).toContain("[redacted]")
      expect(shown).not.toContain("sekrit")
    }
  })

  it("is none in a list of texts of which none ends there", () => {
    const term = list([binary("password"), binary("what is password?"), binary("e-mail")])
    expect(secrets.masked(term, 100)).toBe(term)
  })
})

describe("with --reveal, a cookie", () => {
  it.each<readonly [string, Term]>([
    ["in an environment", [atom("cookie"), atom("monster")]],
    ["in a map", map([[binary("erlang_cookie"), binary("monster")]])],
    ["in a pair of names", [[atom("node"), atom("cookie")], atom("monster")]],
    ["among arguments", list<Term>([atom("setcookie"), atom("monster")])],
    ["in a list, behind its name", list<Term>([atom("cookie"), charlist("monster")])],
    ["in a tuple, behind its name", [atom("join"), atom("shop@host"), atom("cookie"), binary("monster")]],
    ["among arguments of Elixir", list(["--cookie", "monster"].map(charlist))],
    ["in a command line", binary("erl -sname a -setcookie monster -noshell")],
    ["in a binary", made(map([[atom("cookie"), atom("monster")]]))]
  ])("%s stays hidden", (_, term) => {
    expect(revealing(term)).not.toContain("monster")
    expect(revealing(term)).toContain("[redacted]")
    expect(cookies.isSecret(atom("cookie"), atom("monster"))).toBe(true)
  })

  it.each<readonly [string, Term]>([
    ["by its key", [atom("password"), binary("hunter2")]],
    ["by its shape", binary("postgres://u:hunter2@h/db")],
    ["behind an option", list([binary("--password"), binary("hunter2")])],
    ["that is a cookie of the web", map([[atom("session_cookie"), binary("hunter2")]])]
  ])("a secret %s does not", (_, term) => expect(revealing(term)).toContain("hunter2"))
})
