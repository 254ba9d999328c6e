"""What a request is made of, for those who answer it: the services, the caller, the principal.

Here belongs reaching the application's parts from within a request. Not here: deciding anything with them.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from flask import Flask, current_app, g, request

from app.domain.clock import Clock
from app.domain.identity import Caller, Principal, Role
from app.http.body import BodyReader
from app.services import Services
from app.services.last_use import LastUse

EXTENSION = "daypass"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Parts:
    """What the factory put together for the HTTP entry points.

    `schedule`: the jobs, and the time between two runs of each. `clock`: for showing how long ago something was.
    `documents`: OpenAPI, by name.
    """

    services: Services
    bodies: BodyReader
    proxies: tuple[Network, ...]
    schedule: dict[str, timedelta]
    clock: Clock
    documents: Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class Asker:
    """Who signed in with this very request, by a password or an access token."""

    user_id: int
    username: str
    role: Role


def parts(app: Flask | None = None) -> Parts:
    """The parts of `app`, or of the application of the present request."""
    return cast(Parts, (app or current_app).extensions[EXTENSION])


def services() -> Services:
    return parts().services


def principal() -> Principal:
    """Whom the guard of this route let in by their token."""
    return cast(Principal, g.principal)


def asker() -> Asker:
    """Who signed in, as the guard of this route found."""
    return cast(Asker, g.asker)


def asker_if_any() -> Asker | None:
    """The same where nobody needs to sign in."""
    return cast(Asker | None, g.get("asker"))


def document(name: str) -> dict[str, Any]:
    """The OpenAPI document of that name."""
    return parts().documents[name]


def caller() -> Caller:
    """Who calls, as far as it is known."""
    known = cast(Principal | Asker | None, g.get("principal") or g.get("asker"))
    return Caller(
        name=known.username if known else "",
        user_id=known.user_id if known else None,
        address=client_address(request.environ, parts().proxies),
        request_id=g.request_id,
    )


def note_use(last_use: LastUse, known: Principal, environ: Mapping[str, Any], proxies: tuple[Network, ...]) -> None:
    """Let the last use of this request's token be remembered, unless it was a moment ago."""
    if last_use.is_due(known):
        last_use.note(known, client_address(environ, proxies), environ.get("HTTP_USER_AGENT"))


def note_introspected(last_use: LastUse, known: Principal) -> None:
    """The same for a token that an API asks about: whose client sent it, and from where, the API did not say."""
    if last_use.is_due(known):
        last_use.note(known, None, None)


def client_address(environ: Mapping[str, Any], proxies: tuple[Network, ...]) -> str | None:
    """The client's address: the socket's, unless that is a trusted proxy's.

    Then it is the rightmost address of ``X-Forwarded-For`` that is not a trusted proxy's itself: whatever
    stands further left was written by somebody who is not trusted.
    """
    address = _address(environ.get("REMOTE_ADDR", ""))
    if address is None or not _is_within(address, proxies):
        return str(address) if address else None
    for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        parsed = _address(hop.strip())
        if parsed is None:
            break
        address = parsed
        if not _is_within(parsed, proxies):
            break
    return str(address)


def is_https(environ: Mapping[str, Any], proxies: tuple[Network, ...]) -> bool:
    """Whether the client came over HTTPS: to us, or to the trusted proxy in front, which says so."""
    peer = _address(environ.get("REMOTE_ADDR", ""))
    if peer is not None and _is_within(peer, proxies):
        told: str = environ.get("HTTP_X_FORWARDED_PROTO", "")
        return told.rpartition(",")[2].strip().lower() == "https"
    return environ.get("wsgi.url_scheme") == "https"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # a zone (``fe80::1%eth0``) means nothing elsewhere
    except ValueError:
        return None
    # A server that listens on ``::`` tells IPv4 peers as ``::ffff:192.0.2.1``; networks name them as they are.
    return getattr(address, "ipv4_mapped", None) or address


def _is_within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
