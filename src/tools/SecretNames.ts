/** What tells of a secret wherever it stands in a name: `dbpassword`, `my_secret_thing`. */
const anywhere = ["passw", "passphrase", "passcode", "secret", "credential", "api_?key", "priv(?:ate)?_?key"]

/** What tells of a secret at the end of a word: `authtoken`, `userpwd`. A number may follow. */
const endings = ["tokens?", "cookies?", "pwd", "(?<!com|by|tres|sur|over|under)pass"]

/** What tells of a secret as a word, or as words, of a name. A number may follow. */
const words = [
  "jwt",
  "bearer",
  "authorization",
  "basic_auth",
  "salt",
  "psk",
  "pw",
  "dsn",
  "(?:database|db)_url",
  "conn(?:ection)?_string",
  // A record of `public_key`.
  "ed_pri"
]

/** Words in front of `key` that make it the name of a secret: not those of `primary_key` or `public_key`. */
const keys = [
  "access|account|asymmetric|auth|client|decryption|encrypt(?:ion)?|host|master|server|session|shared|sign(?:ing)?",
  "aes|dsa|ec|ecdsa|hmac|jwt|rsa|ssh|ssl|tls"
]

/** Expressions of which one matches each name of a secret, as {@link normalized} makes it. */
const telling: ReadonlyArray<string> = [
  `(?:${anywhere.join("|")})`,
  String.raw`(?:${endings.join("|")})\d*(?:_|$)`,
  String.raw`(?:^|_)(?:${words.join("|")})\d*(?:_|$)`,
  String.raw`(?:^|_)(?:${keys.join("|")})_?keys?\d*(?:_|$)`,
  // Of an address that was parsed: `URI` of Elixir, `uri_string` of OTP.
  "^userinfo$"
]
const secretName = new RegExp(telling.join("|"), "u")

/** What is told of a secret, and is none: `token_count`, `max_tokens`, `invalid_token`. */
const about = [
  "_(?:file|path|dir|length|size|bytes|count|limit|type|ttl|age|timeout|interval|expiry|expires|at|in)$",
  "_(?:module|mod|function|fun|name|enabled|required|version|endpoint)$",
  "^(?:max|min|num|total|input|output|prompt|completion)_tokens$",
  "^(?:invalid|expired|missing|unknown|unexpected|bad|wrong|no)_tokens?$"
]
const aboutSecret = new RegExp(about.join("|"), "u")

/** How somebody proves to be who he is, and to whom. */
const manner =
  /^(?:realm|type|method|mechanism|scheme|strategy|provider|backend|module|url|uri|host|issuer|audience|scope)s?$/u

/** `dbPassword`, `DB-PASSWORD` and `db_password` alike; `RSAPrivateKey` is `rsa_private_key`. */
const normalized = (name: string): string =>
  name
    .replace(/([a-z\d])([A-Z])/gu, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/gu, "$1_$2")
    .replace(/[^A-Za-z\d]+/gu, "_")
    .toLowerCase()

/** Whether a key, a variable, a field or a record of this name is one that holds a secret. */
export const isSecretName = (name: string): boolean => {
  const text = normalized(name)
  return secretName.test(text) && !aboutSecret.test(text)
}

/**
 * Whether a text under this name, or texts side by side, are a name and a password: `auth: {"user", "…"}`. What else stands
 * there says how somebody proves to be who he is, or whether: `auth => true`, `[{auth, scram}]`.
 */
export const isProofName = (name: string): boolean => /(?:^|_)(?:o?auth\d*|authentication)$/u.test(normalized(name))

/** Whether a text under this name is that part of an address which may begin with a user and a password: `user:…@host`. */
export const isAuthorityName = (name: string): boolean => /(?:^|_)authority$/u.test(normalized(name))

/** Whether what stands there under this name says no more than how. */
export const isProofManner = (name: string): boolean => manner.test(normalized(name))

/** Whether it holds the cookie of a node wherever it stands: nobody is ever shown one. */
export const isCookieName = (name: string): boolean =>
  /^_?(?:erl|erlang|release|set|node)_?cookie$/u.test(normalized(name))

/** Whether what stands under a key of this name, or behind an option, may be the cookie of a node. */
export const isCookieKey = (name: string): boolean => isCookieName(name) || /^_?cookie$/u.test(normalized(name))
