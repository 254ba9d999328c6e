"""Where a token may be sent: only to the scheme, host and port that it is for."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from daypass_client.errors import ConfigurationError, WrongAddress
from daypass_client.secrecy import without_secrets

Origin = tuple[str, str, int]

_NOT_IN_ADDRESSES = frozenset(" \"'<>`")

PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> Origin | None:
    """Scheme, host and port; None if one is missing, which equals no origin."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, host.lower(), port) if host and port and parts.scheme in PORTS else None


def is_same_origin(one: str | None, other: str | None) -> bool:
    """Whether both addresses have the same scheme, host and port."""
    return bool(one and other) and (origin := origin_of(one or "")) is not None and origin == origin_of(other or "")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: ``localhost`` (RFC 6761), or an address of the loopback network."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def redirects_elsewhere(url: str, location: str) -> bool:
    """Whether a redirect from `url` to `location` leads to another origin, or to none."""
    try:
        return not is_same_origin(url, urljoin(url, location))
    except ValueError:
        return True


class Allowed:
    """The origins that a token may be sent to: those of the given addresses.

    `allows_http`: whether that may be other machines without encryption, where everybody on the way can read it.
    """

    def __init__(self, urls: Iterable[str], allows_http: bool = False) -> None:
        self._origins = {url: origin_of(url) for url in urls}
        for url, origin in self._origins.items():
            if origin is None or not url.isascii() or not url.isprintable() or not _NOT_IN_ADDRESSES.isdisjoint(url):
                shown = without_secrets(repr(url))
                raise ConfigurationError(
                    f"{shown} is not a URL: it must begin with https:// or http:// and a host, in ASCII."
                )
            if not allows_http and origin[0] == "http" and not is_loopback(origin[1]):
                raise ConfigurationError(
                    f"{without_secrets(url)} is not encrypted, so that others could read the token: use https://, or"
                    " set DAYPASS_ALLOW_HTTP=true (allow_http=True) where the network is trusted."
                )

    def check(self, url: str | None) -> None:
        """Raise WrongAddress if the URL has another origin."""
        origin = origin_of(url or "")
        if origin is None or origin not in self._origins.values():
            named = "an invalid address" if origin is None else "{}://{}:{}".format(*origin)
            known = ", ".join(self._origins)
            raise WrongAddress(
                f"Nothing was sent to {named}: the token is for {known}. If that API accepts it as well,"
                " add its address to DAYPASS_APIS, or to apis=[…]."
            )
