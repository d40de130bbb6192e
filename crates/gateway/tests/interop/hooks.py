"""What schemathesis has to be told of our media types."""

import schemathesis


@schemathesis.deserializer("application/json")
def read(_context, response):
    """JSON, or a JWT as the text that it is: schemathesis takes application/jwt for JSON."""
    if response.headers["content-type"] == ["application/jwt"]:
        return response.text
    return response.json()
