"""Case-insensitive paths: the vendor's SDK writes some in lower case."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WORDS = {word.lower(): word for word in ("v4", "apiAccessTokens", "open-api-spec", "people", "current")}


class CanonicalPaths:
    """A WSGI layer that changes paths such as ``/V4/APIACCESSTOKENS`` to the spelling of the routes."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path[:3].lower() == "/v4":
            environ["PATH_INFO"] = canonical(path)
        return self._application(environ, start_response)


def canonical(path: str) -> str:
    """The path with the contract's spelling of its words; ids are case-insensitive anyway."""
    return "/".join(WORDS.get(word.lower(), word) for word in path.split("/"))
