"""The name under which a request reaches Daypass: its ``Host`` header (RFC 9112, section 3.2).

Pages and documents build addresses from it, and it tells a page of Daypass's from one whose name somebody has pointed
here. The check of a token and the health of the service make nothing of it: proxies ask ``/auth/verify`` under the name
of the API that they protect, and probes under the address of a container, so these are answered under any one name. So
are the static files, which are the same for everybody: the page that refuses a name looks like the others.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

from werkzeug.exceptions import BadRequest, HTTPException

from app.http.public_url import PublicUrl

LONGEST_HOST = 261
"""Characters: a name of 253, a dot and a port."""

ANY = "*"

UNDER_ANY_NAME = frozenset(path + slash for path in ("/healthz", "/readyz") for slash in ("", "/"))
STATIC_FILES = "/static/"

NO_ONE_HOST = "Send exactly one Host header, with the name of the server and perhaps a port."

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\.?)(?::[0-9]{0,5})?")


class MisdirectedRequest(HTTPException):
    """421, RFC 9110, section 15.5.20: a request under a name that is not Daypass's."""

    code = 421


class Hosts:
    """The names under which Daypass answers: of `public_url`, and `others`; every name without a public URL.

    Ports don't count: proxies change and leave them out. `others`: names, or ``*``.
    """

    def __init__(self, public_url: PublicUrl | None, others: Iterable[str] = ()) -> None:
        self._public_url = public_url
        self._is_any = public_url is None or ANY in others
        written = [f"[{name}]" if ":" in name and "[" not in name else name for name in others]
        self._names = {host_name(name) for name in (*written, *([public_url.host] if public_url else []))}

    def refusal(self, environ: Mapping[str, Any]) -> HTTPException | None:
        """Why a request is not answered, if it is not. HTTP/1.0 allows it to name no host."""
        if not has_one_host(environ):
            return BadRequest(NO_ONE_HOST)
        name = host_name(environ.get("HTTP_HOST", ""))
        path = environ.get("PATH_INFO", "")
        if path in UNDER_ANY_NAME or path.startswith(STATIC_FILES):
            return None
        if self._is_any or name is None or name in self._names:
            return None
        return MisdirectedRequest(
            f"Daypass does not answer as {name}: use {self._public_url}. If you do already, the proxy must pass "
            "on the Host header. If clients need this name too, add it to DAYPASS_OTHER_HOSTS."
        )


ANY_HOST = Hosts(None)


def has_one_host(environ: Mapping[str, Any]) -> bool:
    """Whether the request names one host. Servers join several headers with a comma, or keep the last."""
    host = environ.get("HTTP_HOST", "")
    if not host:
        return environ.get("SERVER_PROTOCOL") != "HTTP/1.1"
    return len(host) <= LONGEST_HOST and host_name(host) is not None


@lru_cache(256)
def host_name(host: str) -> str | None:
    """The name or address in a ``Host``, in one spelling: small letters, no final dot, no port. None: there is none."""
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    if match[1] is None:
        return match[2].lower()
    try:
        return str(IPv6Address(match[1]))
    except ValueError:
        return None
