"""Who a trusted reverse proxy says is signed in there: one header, which the pages alone look at, and no API.

Not here: whose account that is (``app.services.proxy_sign_in``), and which peers are trusted (``proxies``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.http.proxies import TrustedProxies, is_from_proxy


class Named(NamedTuple):
    """The header's text. `is_trusted`: whether a trusted proxy sent it."""

    text: str
    is_trusted: bool


@dataclass(frozen=True)
class RemoteUserHeader:
    """`name`: of the header; empty: nobody signs in by one. `sign_out`: address of the proxy's own sign-out, if known.

    A header that was sent twice arrives as one with a comma, which is in no user name.
    """

    name: str = ""
    sign_out: str = ""

    def find(self, environ: Mapping[str, Any], proxies: TrustedProxies) -> Named | None:
        """What the request says; None without the header, and for an empty one."""
        if not self.name:
            return None
        text: str = environ.get(f"HTTP_{self.name.upper().replace('-', '_')}", "")
        return Named(text, is_from_proxy(environ, proxies)) if text.strip() else None


NO_HEADER = RemoteUserHeader()
