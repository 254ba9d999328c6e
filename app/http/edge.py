"""The outermost WSGI layer, for requests on which Flask fails before its error handlers.

Not here: other malformed input (``body``).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from app.http.tracing import QUERY_IS_MALFORMED

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Edge:
    """Removes and marks a query with raw bytes above 0x7F, so that the request is refused in its dialect.

    Werkzeug fails on such bytes when it matches the route.
    """

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ.get("QUERY_STRING", "").isascii():
            environ["QUERY_STRING"] = ""
            environ[QUERY_IS_MALFORMED] = True
        return self._application(environ, start_response)
