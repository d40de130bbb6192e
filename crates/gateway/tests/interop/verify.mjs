// Verifies the token on standard input as a user of jose does: verify.mjs ISSUER AUDIENCE.
//
// Prints its claims. A token that is refused is status 3; any other failure is a failure of the test.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const [issuer, audience] = process.argv.slice(2);
const token = readFileSync(0, "utf8");
const answer = await fetch(`${issuer}/.well-known/openid-configuration`, {
  signal: AbortSignal.timeout(10_000),
});
assert(answer.ok);
const document = await answer.json();
assert.equal(document.issuer, issuer);
const keys = createRemoteJWKSet(new URL(document.jwks_uri));
try {
  const { payload } = await jwtVerify(token, keys, {
    algorithms: document.id_token_signing_alg_values_supported,
    audience,
    issuer,
    requiredClaims: ["iat", "nbf", "exp"],
  });
  console.log(JSON.stringify(payload));
} catch (refusal) {
  if (!(refusal instanceof errors.JOSEError)) throw refusal;
  console.error(`${refusal.code}: ${refusal.message}`);
  process.exitCode = 3;
}
