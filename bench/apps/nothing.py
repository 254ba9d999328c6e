"""The WSGI application that does nothing: what the server itself can do.

Not here: anything else.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "3")]


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
    """Answers 200, whatever is asked."""
    start_response("200 OK", HEADERS)
    return [b"ok\n"]
