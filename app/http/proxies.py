"""The proxies in front of Daypass: which are trusted, and what they say of the client: its address and its scheme.

Not here: reading one entry of their headers (``forwarded``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from itertools import islice
from typing import Any

import structlog

from app.http.forwarded import UNIX_PEER, Address, Hop, Unreadable, forwarded_hops, parse_address, x_forwarded_for_hops

LOG = structlog.get_logger(__name__)

X_FORWARDED_FOR, FORWARDED = "x-forwarded-for", "forwarded"
_ENVIRON = {X_FORWARDED_FOR: "HTTP_X_FORWARDED_FOR", FORWARDED: "HTTP_FORWARDED"}
_READERS = {X_FORWARDED_FOR: x_forwarded_for_hops, FORWARDED: forwarded_hops}

MOST_HOPS = 32
"""How many entries are read; a client can send thousands that look like trusted proxies."""

WHAT_TO_DO = (
    "make the proxy send the client's address, or set DAYPASS_FORWARDED_HEADER to the header that it sends: "
    "docs/addresses.md, The client's address"
)


@dataclass(frozen=True)
class Client:
    """What is known of the client. `scheme`: as a ``Forwarded`` header has it, in small letters; None without one."""

    address: Address | None
    scheme: str | None = None


@dataclass(frozen=True)
class TrustedProxies:
    """`networks`: theirs. `has_unix_peers`: whether peers of a Unix socket, which have no address, are trusted too.

    `header`: the one that is believed. `is_https`: what holds where neither the connection nor a header says.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    has_unix_peers: bool = False
    header: str = X_FORWARDED_FOR
    is_https: bool = False
    _reported: dict[str, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def are_any(self) -> bool:
        """Whether anybody is trusted."""
        return bool(self.networks) or self.has_unix_peers

    def trust(self, peer: Address | None, is_unix: bool) -> bool:
        """Whether the peer is one of them."""
        if peer is None:
            return is_unix and self.has_unix_peers
        return any(peer in network for network in self.networks)

    def warn_once(self, unreadable: Unreadable) -> None:
        """Log that an entry can't be read: once in each process for each kind, because every request may have one."""
        mine = object()
        if self._reported.setdefault(unreadable.kind, mine) is mine:
            LOG.warning(
                "client_address_unreadable",
                header=self.header,
                kind=unreadable.kind,
                shape=unreadable.shape,
                consequence="the nearest address that could be read counts as the client's; logged once for each kind",
                todo=WHAT_TO_DO,
            )


NO_PROXIES = TrustedProxies()


def is_from_proxy(environ: Mapping[str, Any], proxies: TrustedProxies) -> bool:
    """Whether a trusted proxy sent this request."""
    peer = environ.get("REMOTE_ADDR", "")
    return proxies.trust(parse_address(peer), _is_unix(peer))


def client_address(environ: Mapping[str, Any], proxies: TrustedProxies) -> str | None:
    """The client's address: the socket's, or behind trusted proxies the last in their header that is none of them.

    Nothing further left is believed, nor what is left of an entry that can't be read. None: a Unix socket's peer, about
    whom no trusted proxy says anything.
    """
    peer = environ.get("REMOTE_ADDR", "")
    address = parse_address(peer)
    if not proxies.trust(address, _is_unix(peer)):
        return str(address) if address else None
    address = _client(environ, proxies, address).address
    return str(address) if address else None


def is_https(environ: Mapping[str, Any], proxies: TrustedProxies) -> bool:
    """Whether the client uses HTTPS, by the connection, a trusted proxy's header, or the public URL's scheme."""
    peer = environ.get("REMOTE_ADDR", "")
    # Reading an address takes longer than all else here.
    address = parse_address(peer) if proxies.are_any else None
    if not proxies.are_any or not proxies.trust(address, _is_unix(peer)):
        return proxies.is_https or environ.get("wsgi.url_scheme") == "https"
    if proxies.header == FORWARDED:
        scheme = _client(environ, proxies, address).scheme or ""
    else:
        scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
    return scheme == "https" if scheme else proxies.is_https


def _client(environ: Mapping[str, Any], proxies: TrustedProxies, peer: Address | None) -> Client:
    """Who sent the request to the first of a chain of trusted proxies that ends with `peer`."""
    client = Client(peer)
    for hop in islice(_hops(environ, proxies), MOST_HOPS):
        if isinstance(hop, Unreadable):
            proxies.warn_once(hop)
            break
        client = Client(hop.address or client.address, hop.scheme or client.scheme)
        if not proxies.trust(hop.address, hop.is_unix):
            break
    return client


def _hops(environ: Mapping[str, Any], proxies: TrustedProxies) -> Iterator[Hop | Unreadable]:
    """The entries of the header, the nearest first; a header without any text is none."""
    text = environ.get(_ENVIRON[proxies.header], "")
    if text.strip():
        return _READERS[proxies.header](text)
    others = [name for name, variable in _ENVIRON.items() if name != proxies.header and variable in environ]
    return iter([Unreadable("other header", other) for other in others])


def _is_unix(peer: str) -> bool:
    """Servers show the peers of a Unix socket as empty (granian, gunicorn), as ``unix:`` or as the socket's path."""
    return not peer or peer.startswith(("/", UNIX_PEER))
