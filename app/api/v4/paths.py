"""Paths of this dialect in any letter case: the vendor's SDK writes some of them in lower case.

Not here: the routes, which are written in the contract's spelling.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WORDS = {word.lower(): word for word in ("v4", "apiAccessTokens", "open-api-spec", "people", "current")}


class CanonicalPaths:
    """A WSGI layer that gives ``/V4/APIACCESSTOKENS`` the spelling of the routes, and leaves other paths alone."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path[:3].lower() == "/v4":
            environ["PATH_INFO"] = canonical(path)
        return self._application(environ, start_response)


def canonical(path: str) -> str:
    """Each word that is the contract's, as the contract spells it. An id may be in any case anyway."""
    return "/".join(WORDS.get(word.lower(), word) for word in path.split("/"))
