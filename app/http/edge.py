"""The outermost WSGI layer: requests that would break the framework before it can answer.

Here belongs only what Flask has no say in yet. Not here: everything else about malformed input (``body``).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from app.http.tracing import QUERY_IS_MALFORMED

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Edge:
    """Passes requests on, marking those with raw bytes above 0x7F in the query.

    Werkzeug fails on such bytes while it matches the route, before any error handler; here they are taken out
    and remembered, so that the request is refused in its dialect.
    """

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ.get("QUERY_STRING", "").isascii():
            environ["QUERY_STRING"] = ""
            environ[QUERY_IS_MALFORMED] = True
        return self._application(environ, start_response)
