"""Verifies the token on standard input as a user of PyJWT does: verify_pyjwt.py ISSUER AUDIENCE.

Prints its claims. A token that is refused is status 3; any other failure is a failure of the test.
"""

import json
import sys
import urllib.request

import jwt

issuer, audience = sys.argv[1:]
token = sys.stdin.read()
with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=10) as answer:
    document = json.load(answer)
assert document["issuer"] == issuer, document
keys = jwt.PyJWKClient(document["jwks_uri"], timeout=10)
try:
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=document["id_token_signing_alg_values_supported"],
        audience=audience,
        issuer=issuer,
        options={"require": ["iss", "aud", "iat", "nbf", "exp"]},
    )
except (jwt.InvalidTokenError, jwt.PyJWKClientError) as refusal:
    print(f"{type(refusal).__name__}: {refusal}", file=sys.stderr)
    sys.exit(3)
print(json.dumps(claims))
