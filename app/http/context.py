"""The context of a request: the application's parts, the caller, the principal, the client address."""

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
    """The application's parts for the HTTP entry points.

    `schedule`: the interval of each job. `clock`: for relative times. `documents`: OpenAPI, by name.
    """

    services: Services
    bodies: BodyReader
    proxies: tuple[Network, ...]
    schedule: dict[str, timedelta]
    clock: Clock
    documents: Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class CurrentUser:
    """The user who authenticated this request, by password or access token."""

    user_id: int
    username: str
    role: Role


def parts(app: Flask | None = None) -> Parts:
    """The parts of `app`; by default of the current application."""
    return cast(Parts, (app or current_app).extensions[EXTENSION])


def services() -> Services:
    return parts().services


def principal() -> Principal:
    """The principal that the route's guard accepted."""
    return cast(Principal, g.principal)


def current_user() -> CurrentUser:
    """The user that the route's guard authenticated."""
    return cast(CurrentUser, g.current_user)


def current_user_or_none() -> CurrentUser | None:
    """The same, for routes where authentication is optional."""
    return cast(CurrentUser | None, g.get("current_user"))


def document(name: str) -> dict[str, Any]:
    """The OpenAPI document of that name."""
    return parts().documents[name]


def caller() -> Caller:
    """The caller of the current request."""
    known = cast(Principal | CurrentUser | None, g.get("principal") or g.get("current_user"))
    return Caller(
        name=known.username if known else "",
        user_id=known.user_id if known else None,
        address=client_address(request.environ, parts().proxies),
        request_id=g.request_id,
    )


def note_use(last_use: LastUse, known: Principal, environ: Mapping[str, Any], proxies: tuple[Network, ...]) -> None:
    """Record the use of this request's token if due."""
    if last_use.is_due(known):
        last_use.note(known, client_address(environ, proxies), environ.get("HTTP_USER_AGENT"))


def note_introspected(last_use: LastUse, known: Principal) -> None:
    """Record the use of an introspected token if due, without address and agent, which are unknown."""
    if last_use.is_due(known):
        last_use.note(known, None, None)


def client_address(environ: Mapping[str, Any], proxies: tuple[Network, ...]) -> str | None:
    """The client's address: the socket's, or behind a trusted proxy the last untrusted one of ``X-Forwarded-For``."""
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
    """Whether the client uses HTTPS; a trusted proxy's ``X-Forwarded-Proto`` is believed."""
    peer = _address(environ.get("REMOTE_ADDR", ""))
    if peer is not None and _is_within(peer, proxies):
        schemes: str = environ.get("HTTP_X_FORWARDED_PROTO", "")
        return schemes.rpartition(",")[2].strip().lower() == "https"
    return environ.get("wsgi.url_scheme") == "https"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # without a zone (``fe80::1%eth0``)
    except ValueError:
        return None
    # A server that listens on ``::`` reports IPv4 peers as ``::ffff:192.0.2.1``.
    return getattr(address, "ipv4_mapped", None) or address


def _is_within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
