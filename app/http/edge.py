"""The WSGI layer in front of all routes: their paths in one spelling, and requests that are refused before any route.

They are refused in the dialect of their path.

Not here: other malformed input (``body``).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.exceptions import BadRequest

from app.http.hosts import Hosts
from app.http.slashes import with_one_slash
from app.http.tracing import REFUSED

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Edge:
    """Makes one slash of several at the start of a path.

    Marks requests whose query has raw bytes above 0x7F, which it removes, and those under a name of others.

    Werkzeug fails on such bytes when it matches the route, before its error handlers.
    """

    def __init__(self, application: "WSGIApplication", hosts: Hosts) -> None:
        self._application = application
        self._hosts = hosts

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["PATH_INFO"] = with_one_slash(environ.get("PATH_INFO", ""))
        refusal = self._hosts.refusal(environ)
        if not environ.get("QUERY_STRING", "").isascii():
            environ["QUERY_STRING"] = ""
            refusal = BadRequest("The query string holds bytes that are not ASCII.")
        if refusal is not None:
            environ[REFUSED] = refusal
        return self._application(environ, start_response)
