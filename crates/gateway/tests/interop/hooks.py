"""What schemathesis has to be told of our media types."""

import schemathesis


@schemathesis.deserializer("application/jwt")
def jwt(_context, response):
    """A text. What schemathesis does not know it takes for JSON."""
    return response.text
