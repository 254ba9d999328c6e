"""The address of Daypass for users, ``DAYPASS_PUBLIC_URL``, and the WSGI layer for its path.

Not here: what is a valid one (``config.public_url``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.http.slashes import with_one_slash

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class PublicUrl:
    """`origin`: as browsers send it in ``Origin``. `path`: of the pages and APIs, without a slash at the end."""

    origin: str
    path: str

    @classmethod
    def parse(cls, url: str) -> "PublicUrl | None":
        """The parts of a normal URL; None of an empty one."""
        if not url:
            return None
        parts = urlsplit(url)
        return cls(f"{parts.scheme}://{parts.netloc}", parts.path)

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"

    @property
    def host(self) -> str:
        """With the port, unless it is the scheme's own: as in ``Host``."""
        return self.origin.partition("://")[2]

    @property
    def is_https(self) -> bool:
        return self.origin.startswith("https:")


class BelowPath:
    """A WSGI layer that moves `path` from the front of the request's path to ``SCRIPT_NAME``.

    ``SCRIPT_NAME`` is set for requests without it as well: they come from proxies that strip it, from probes, or from
    proxies on this host that ask ``/auth/verify``.
    """

    def __init__(self, application: "WSGIApplication", path: str) -> None:
        self._application = application
        self._path = path

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["SCRIPT_NAME"] = self._path
        path = with_one_slash(environ.get("PATH_INFO", ""), self._path)
        if path == self._path or path.startswith(f"{self._path}/"):
            environ["PATH_INFO"] = path[len(self._path) :] or "/"
        return self._application(environ, start_response)


def shadowed_route(path: str, routes: Iterable[str]) -> str | None:
    """The first of the routes (Werkzeug's rules) that begins with `path`, in any letter case.

    Behind a proxy that strips `path`, it would be taken for the path itself.
    """
    segments = path.lower().split("/")
    for route in routes:
        parts = route.lower().split("/")[: len(segments)]
        if len(parts) == len(segments) and all(
            part == segment or part.startswith("<") for part, segment in zip(parts, segments, strict=True)
        ):
            return route
    return None
