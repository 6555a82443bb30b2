import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { withoutCookies, withoutShapes } from "../../../src/tools/SecretShapes.ts"

/** Of each shape: texts, and what is left of them. */
const goes: Readonly<Record<string, ReadonlyArray<readonly [string, string]>>> = {
  "a private key": [
    [String.raw`-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY----- x`, "[redacted] x"],
    ["-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA...", "[redacted]..."],
    ["-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,0A\n\nMIIE\n", "[redacted]"],
    [
      "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQOYBF\n=abcd\n-----END PGP PRIVATE KEY BLOCK----- x",
      "[redacted] x"
    ]
  ],
  "a token by its look": [
    ["a eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3j b", "a [redacted] b"],
    ["key AKIAIOSFODNN7EXAMPLE here", "key [redacted] here"],
    ["ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[redacted]"],
    ["xoxb-123456789012-abcdefghijkl", "[redacted]"],
    ["sk_live_abcdefghijklmnop1234", "[redacted]"],
    ["sk_test_abcdefghijklmnop1234 x", "[redacted] x"],
    ["npm_abcdefghijklmnopqrstuvwxyz0123456789", "[redacted]"],
    ["https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXX", "https://hooks.slack.com/services/[redacted]"],
    [String.raw`"x\nghp_abcdefghijklmnopqrstuvwxyz0123456789"`, String.raw`"x\n[redacted]"`],
    [String.raw`"k\nAKIAIOSFODNN7EXAMPLE"`, String.raw`"k\n[redacted]"`],
    [String.raw`"a\nsk-live-1234567890abcdefghijklmn"`, String.raw`"a\n[redacted]"`],
    [String.raw`"x\neyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"`, String.raw`"x\n[redacted]"`]
  ],
  "a value behind its name in the middle of a line": [
    ["n: 1, password: Summer2024.Rocks", "n: 1, password: [redacted]"],
    ["%{n: 1, api_key: Abcdef1.Ghijkl2}", "%{n: 1, api_key: [redacted]}"],
    ["x token: X9K2LP.Q7ZT4M", "x token: [redacted]"],
    ["a secret: GOCSPX.A1B2C3D4", "a secret: [redacted]"],
    [
      "sent api-key: 0123456789abcdef02 X-Auth-Token: abc123def456 to",
      "sent api-key: [redacted] X-Auth-Token: [redacted] to"
    ],
    ["with Cookie: session=0123456789abcdef06", "with Cookie: [redacted]"],
    ["login failed (password: hunter2abc)", "login failed (password: [redacted])"]
  ],
  "a token of Vault": [
    ["VAULT hvs.CAESIJlWh7nEX4vPLtBcAkNiGa3wGh4KHGh2cy5Zb3 x", "VAULT [redacted] x"],
    ["hvs.6j4cuewowBGit65rheNoceI7", "[redacted]"],
    ["hvs.abCdEFghIJklMNopQRstUVwx", "[redacted]"],
    ["hvb.AAAAAQJw5kLPqSfHCWYRWlqz-I2LIrgcSKLTQ_vD8...", "[redacted]..."],
    [String.raw`"a\nhvr.CAESIPv2RjLzFhS7Pd0xgkSjHMzAk6cH"`, String.raw`"a\n[redacted]"`]
  ],
  "an identity of age": [
    ["# x\nAGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX", "# x\n[redacted]"],
    ["AGE-SECRET-KEY-1GFPYYSJZGFP...", "[redacted]..."],
    ["AGE-SECRET-KEY-PQ-1GFPYYSJZGFPYYSJZ", "[redacted]"]
  ],
  "what signs an address": [
    [
      "https://x.blob.core.windows.net/c/f?sv=2024-11-04&sr=b&sig=Kq7jX%2BpP9wZs0aVtY3nQm8uR1cEfGhIjKlMnOpQrStU%3D&se=2026",
      "https://x.blob.core.windows.net/c/f?sv=2024-11-04&sr=b&sig=[redacted]&se=2026"
    ],
    [String.raw`?sp=r\u0026sig=Kq7jX/pP9wZs0aVtY3nQm8uR1cE=`, String.raw`?sp=r\u0026sig=[redacted]`],
    ["SharedAccessSignature sig=Kq7jX%2bpP9wZs0aVtY3nQ%3d&se=1", "SharedAccessSignature sig=[redacted]&se=1"],
    [
      "/o?X-Amz-Credential=a&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
      "/o?X-Amz-Credential=[redacted]&X-Amz-Signature=[redacted]"
    ]
  ],
  "what authorizes a request": [
    ["with Bearer abc.def.123456, x", "with Bearer [redacted], x"],
    ["with Basic aHVudGVyMjpodW50ZXIy x", "with Basic [redacted] x"]
  ],
  "the password of an address": [
    ["postgres://shop:hunter2@db.internal:5432/shop", "postgres://shop:[redacted]@db.internal:5432/shop"],
    ["amqps://u:p%40ss@mq/", "amqps://u:[redacted]@mq/"],
    ['%URI{authority: "a:hunter2@b:443", host: "b"}', '%URI{authority: "a:[redacted]@b:443", host: "b"}'],
    ['#{authority => <<"a:hunter2@b">>}', '#{authority => <<"a:[redacted]@b">>}'],
    ['%URI{authority: "b:443", userinfo: "a:hunter2"}', '%URI{authority: "b:443", userinfo: "[redacted]"}'],
    ["postgres://u:p@ss@host/db x@y", "postgres://u:[redacted]@host/db x@y"],
    ["redis://:se/cret@h:6379/0", "redis://:[redacted]@h:6379/0"],
    ["redis://:12/34@h", "redis://:[redacted]@h"],
    ["amqp://a:b@h1,amqp://c:d@h2", "amqp://a:[redacted]@h1,amqp://c:[redacted]@h2"]
  ],
  "the password behind a user": [
    ["curl -u bob:hunter2 http://x", "curl -u bob:[redacted] http://x"],
    ["curl --user='bob:hunter2' x", "curl --user='bob:[redacted]' x"],
    ["curl --proxy-user bob:12345a", "curl --proxy-user bob:[redacted]"]
  ],
  "a setting": [
    ["Server=db;User=x;Password=hunter2;", "Server=db;User=x;Password=[redacted];"],
    ["Server=db;UID=sa;PWD=/hunter2;Encrypt=yes", "Server=db;UID=sa;PWD=[redacted];Encrypt=yes"],
    ["PWD=/Zx9+qk== psql", "PWD=[redacted] psql"],
    ["AccountName=x;AccountKey=ab+/cd==;E=1", "AccountName=x;AccountKey=[redacted];E=1"],
    ["DB_PASS=hunter2 x", "DB_PASS=[redacted] x"],
    ["PGPASSWORD=abcdefgh psql", "PGPASSWORD=[redacted] psql"],
    ["/login?access_token=hunter2&x=1", "/login?access_token=[redacted]&x=1"],
    ["password = hunter2\nuser = x", "password = [redacted]\nuser = x"],
    ["aws_secret_access_key = wJalr/K7+x", "aws_secret_access_key = [redacted]"],
    [`password = 'hunter2' # x`, "password = '[redacted]' # x"]
  ],
  "a header": [
    ["Cookie: a=hunter2; b", "Cookie: [redacted]"],
    ["GET / HTTP/1.1\r\nX-Api-Key: hunter2\r\nA: b", "GET / HTTP/1.1\r\nX-Api-Key: [redacted]\r\nA: b"],
    [String.raw`"a\nsecret: hunter2"`, String.raw`"a\nsecret: [redacted]"`],
    [String.raw`"a\npsk: hunter2"`, String.raw`"a\npsk: [redacted]"`]
  ],
  "an option": [
    ["psql --password hunter2 -h x", "psql --password [redacted] -h x"],
    ["psql --password=hunter2 -h x", "psql --password=[redacted] -h x"],
    [`["--password", "hunter2", "-h"]`, `["--password", "[redacted]", "-h"]`],
    ["-setcookie hunter2 -name a@b", "-setcookie [redacted] -name a@b"],
    ["-setcookie other@host hunter2 -x", "-setcookie other@host [redacted] -x"],
    ["-setcookie hun@ter2 -x", "-setcookie [redacted] -x"],
    [`["-setcookie","hunter2"]`, `["-setcookie","[redacted]"]`]
  ],
  JSON: [
    ['{"user":"x","password":"hunter2"}', '{"user":"x","password":"[redacted]"}'],
    [`{"password":"it's hunter2"}`, '{"password":"[redacted]"}'],
    [String.raw`{"password":"ab\"hunter2"}`, '{"password":"[redacted]"}'],
    [String.raw`"{\"password\":\"ab\\\"hunter2\"}"`, String.raw`"{\"password\":\"[redacted]\"}"`],
    [String.raw`"{\"db\": {\"apiKey\" : \"hunter2\"}}"`, String.raw`"{\"db\": {\"apiKey\" : \"[redacted]\"}}"`]
  ],
  "a term": [
    ['#{password => <<"hunter2">>,a => 1}', '#{password => <<"[redacted]">>,a => 1}'],
    ["#{password => hunter2,a => 1}", "#{password => [redacted],a => 1}"],
    ['%{"client_secret" => "hunter2"}', '%{"client_secret" => "[redacted]"}'],
    ['[api_key: "hunter2", a: 1]', '[api_key: "[redacted]", a: 1]'],
    ["%{password: :hunter2, a: 1}", "%{password: [redacted], a: 1}"],
    ["%{api_key: 123456789012}", "%{api_key: [redacted]}"],
    ['[password: "hunter2 and more...', '[password: "[redacted]'],
    ['{db_password,"hunter2"}', '{db_password,"[redacted]"}'],
    ["{erlang_cookie,hunter2}", "{erlang_cookie,[redacted]}"],
    ["{:api_key, 123456789012}", "{:api_key, [redacted]}"],
    ['{credentials,<<"u1">>,<<"p1">>},{a,<<"b">>}', '{credentials,<<"[redacted]">>,<<"[redacted]">>},{a,<<"b">>}'],
    [
      '#{dbPassword => atomsecret,<<"Password">> => <<"hunter2">>}',
      '#{dbPassword => [redacted],<<"Password">> => <<"[redacted]">>}'
    ]
  ],
  source: [
    ['@secret_key_base "hunter2"', '@secret_key_base "[redacted]"'],
    ["psql '--password' 'hunter2'", "psql '--password' '[redacted]'"],
    ['password() -> "hunter2".', 'password() -> "[redacted]".'],
    ['application:set_env(app, password, "hunter2")', 'application:set_env(app, password, "[redacted]")']
  ]
}

const stays: ReadonlyArray<string> = [
  "PWD=/some/folder OLDPWD=/another",
  "unable to read password: /home/user1/.kube/pw1",
  "no password: permission denied for user2",
  "session token: expired_token at 10:15",
  "hvs.internal-services-of-ours.example.com",
  "hvs.handle_registered_sessions(x) hvs.handleRegisteredSessions(y) hvs.value.anotherValueOfIt",
  "AGE-SECRET-KEY-1 is what an identity begins with, and age1 a recipient",
  "?sig=authentication-of-ours&sig=short1 Sig=AbCdEf0123456789 f(sig=AbCdEf0123456789)",
  "https://example.org/a:b@c",
  "http://localhost:4000/path?mail=a@b.c",
  "http://localhost:4000",
  "Basic authentication is used",
  "docker run -u 1000:1000 -v a:b x",
  "rsync -u host:/var/log .",
  "rsync -u bob@host:log .",
  "git push -u origin",
  "test-u bob:visible",
  "the bearer of bad news",
  "token: :undefined, password: nil",
  '%{password: "[redacted]"}',
  "lists:map/2",
  "<0.123.0>",
  '{:invalid_token, :x, "visible text"}',
  '#{kind => atomsecret,<<"Name">> => <<"visible">>}',
  "[secret, password, token]",
  "-name a@b -kernel x y",
  "PASSWORD_FILE=/run/secrets/db",
  "token = Map.get(opts, :token)",
  "if token == nil, do: x",
  "token =:= Other",
  "{token,12}",
  "{password, undefined}",
  "-spec token(binary()) -> ok.",
  "password => password()",
  "{token, #Ref<0.1.2.3>}",
  "{secret,fun lists:map/2}",
  "#{token_callback => fun shop:token/1,a => 1}",
  "{secret, fn x -> x end}",
  "Secret = fun lists:map/2",
  '("password" "email" "id")'
]

describe.each(Object.entries(goes))("of %s", (_, examples) => {
  it.each(examples)("%s only the secret goes", (text, left) => {
    expect(withoutShapes(text)).toBe(left)
    expect(withoutShapes(left)).toBe(left)
  })
})

it.each(stays)("%s stays", (text) => expect(withoutShapes(text)).toBe(text))

it("leaves no cookie of a node, even where other secrets are revealed", () => {
  expect(withoutCookies("-setcookie a@b hunter2 -name x")).toBe("-setcookie a@b [redacted] -name x")
  expect(withoutCookies("iex --sname x --cookie hunter2 -S mix")).toBe("iex --sname x --cookie [redacted] -S mix")
  expect(withoutCookies("RELEASE_COOKIE=hunter2 x")).toBe("RELEASE_COOKIE=[redacted] x")
  expect(withoutCookies("[erlang_cookie: :hunter2]")).toBe("[erlang_cookie: [redacted]]")
  expect(withoutCookies("password=hunter2 Cookie: session=1")).toBe("password=hunter2 Cookie: session=1")
})

/** How a key and a value are written: with what stands in front of the key and behind the value. */
const forms: ReadonlyArray<(key: string, value: string) => string> = [
  (key, value) => `${key}=${value}`,
  (key, value) => `${key} = ${value}`,
  (key, value) => `${key}="${value}"`,
  (key, value) => `"${key}": "${value}"`,
  (key, value) => String.raw`\"${key}\":\"${value}\"`,
  (key, value) => `{${key}: "${value}"}`,
  (key, value) => `#{${key} => ${value}}`,
  (key, value) => `<<"${key}">> => <<"${value}">>`,
  (key, value) => `{${key},<<"${value}">>}`,
  (key, value) => `{${key},${value}}`,
  (key, value) => `{:${key}, "${value}"}`,
  (key, value) => `["--${key}", "${value}"]`,
  (key, value) => `--${key} ${value}`,
  (key, value) => `f(x, ${key}, "${value}")`,
  (key, value) => `tcp://${key}:${value}@host`
]

const secretKey = fc.constantFrom("password", "db_pass", "API_TOKEN2", "apiKey", "setcookie", "client_secret", "psk")
const plainKey = fc.constantFrom("user", "key", "token_count", "invalid_token", "public_key", "name", "compass")
const form = fc.constantFrom(...forms)
const between = fc.constantFrom(", ", " ", "\n", "; ", ",\n ")

/** Words that no other part of the text has. */
const word = (prefix: string) => fc.integer({ min: 0, max: 1e6 }).map((it) => `${prefix}${it}q`)

const piece = fc.oneof(
  fc.record({ key: secretKey, value: word("hush"), form, end: between }),
  fc.record({ key: plainKey, value: word("plain"), form: fc.constantFrom(...forms.slice(0, -1)), end: between })
)

it("takes away secrets, but no key and no neighbour of one, and nothing more when it looks again", () => {
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (pieces) => {
      const text = pieces.map(({ end, form, key, value }) => form(key, value) + end).join("")
      const shown = withoutShapes(text)
      expect(shown).not.toContain("hush")
      expect(shown).toBe(text.replace(/hush\d+q/gu, "[redacted]"))
      expect(withoutShapes(shown)).toBe(shown)
    }),
    { numRuns: 2_000 }
  )
})

it("changes nothing more when it looks again at any text", () => {
  const token = fc.constantFrom(
    ...'password secret token= api_key : => -> = , { } ( ) [ ] [redacted] " \' \\" << >> @ :// -- - \\n \n x 123456 postgres://u: nil :a'.split(
      " "
    ),
    " ",
    "\n"
  )
  fc.assert(
    fc.property(fc.array(token, { maxLength: 20 }), (tokens) => {
      const once = withoutShapes(tokens.join(""))
      expect(withoutShapes(once)).toBe(once)
    }),
    { numRuns: 5_000 }
  )
})
