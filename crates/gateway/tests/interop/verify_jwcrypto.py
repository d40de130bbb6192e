"""Verifies the token on standard input as a user of jwcrypto does: verify_jwcrypto.py ISSUER AUDIENCE.

Prints its claims. A token that is refused is status 3; any other failure is a failure of the test.
"""

import json
import sys
import urllib.request

from jwcrypto import jwk, jwt
from jwcrypto.common import JWException


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


issuer, audience = sys.argv[1:]
token = sys.stdin.read()
document = json.loads(fetch(f"{issuer}/.well-known/openid-configuration"))
assert document["issuer"] == issuer, document
keys = jwk.JWKSet.from_json(fetch(document["jwks_uri"]))
verified = jwt.JWT(
    algs=document["id_token_signing_alg_values_supported"],
    check_claims={"iss": issuer, "aud": audience, "iat": None, "nbf": None, "exp": None},
    expected_type="JWS",
)
try:
    # It takes the keys that have the token's kid.
    verified.deserialize(token, keys)
except JWException as refusal:
    # The log says what became of each key; the exception says of them all that the key is missing.
    print(f"{type(refusal).__name__}: {refusal}", *verified.deserializelog, file=sys.stderr)
    sys.exit(3)
print(verified.claims)
