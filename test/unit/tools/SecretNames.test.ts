import { describe, expect, it } from "@effect/vitest"
import { isCookieKey, isProofName, isSecretName, maybeSecretName } from "../../../src/tools/SecretNames.ts"

const names = [
  "password",
  "dbPassw",
  "PASSPHRASE",
  "passcode",
  "client_secret",
  "credentials",
  "apiKey",
  "api-key",
  "priv_key",
  "private_key",
  "RSAPrivateKey",
  "authtoken",
  "tokens2",
  "cookie",
  "userpwd",
  "dbpass",
  "jwt",
  "bearer",
  "ed_pri",
  "authorization",
  "basic_auth",
  "salt",
  "psk",
  "pw",
  "dsn",
  "DATABASE_URL",
  "connString",
  "connection_string",
  "session_key",
  "ssh_keys",
  "oauth2",
  "authentication",
  "setcookie",
  "ED-PRI",
  "edPri"
]

describe("names of secrets", () => {
  it.each(names)("%s has a part by which one who cannot look closer knows that it may be one", (name) => {
    expect(isSecretName(name) || isProofName(name) || isCookieKey(name)).toBe(true)
    expect(new RegExp(maybeSecretName, "iu").test(name)).toBe(true)
  })
})
