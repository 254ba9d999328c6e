"""The WSGI application that does nothing: the limit of the server itself."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "3")]


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
    """Answers 200 to every request."""
    start_response("200 OK", HEADERS)
    return [b"ok\n"]
