"""The context of a request: the application's parts, the caller, the principal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, current_app, g, request

from app.domain.clock import Clock
from app.domain.credentials import Credential
from app.domain.identity import Caller, Principal, Role
from app.domain.text import agent_to_keep
from app.http.body import BodyReader
from app.http.hosts import ANY_HOST, Hosts
from app.http.proxies import TrustedProxies, client_address
from app.http.public_url import PublicUrl
from app.http.remote_user import NO_HEADER, RemoteUserHeader
from app.services import Services
from app.services.last_use import LastUse

if TYPE_CHECKING:
    from app.http.openapi import Documents

EXTENSION = "daypass"

NO_DOCUMENTS = cast("Documents", {})
"""Of an application without routes."""


@dataclass(frozen=True)
class Parts:
    """The application's parts for the HTTP entry points.

    `schedule`: the interval of each job. `clock`: for relative times. `documents`: OpenAPI, by name. `public_url`: None
    where the address for users is what each request names. `hosts`: the names under which there are answers.
    """

    services: Services
    bodies: BodyReader
    proxies: TrustedProxies
    schedule: dict[str, timedelta]
    clock: Clock
    documents: "Documents"
    public_url: PublicUrl | None = None
    token_prefix: str = "dp"
    hosts: Hosts = ANY_HOST
    remote_user: RemoteUserHeader = NO_HEADER


@dataclass(frozen=True)
class CurrentUser:
    """The user who authenticated this request, by password or access token."""

    user_id: int
    username: str
    role: Role
    credential: Credential


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


def issuer() -> str | None:
    """Who issues tokens, in OAuth's metadata: the public URL. None while there is none: it is never guessed."""
    return str(parts().public_url) if parts().public_url else None


def document(name: str) -> dict[str, Any]:
    """The OpenAPI document of that name."""
    return parts().documents[name]


def caller() -> Caller:
    """The caller of the current request."""
    known = cast(Principal | CurrentUser | None, g.get("principal") or g.get("current_user"))
    return caller_of(known, request.environ, parts().proxies, g.request_id)


def caller_of(
    known: Principal | CurrentUser | None, environ: Mapping[str, Any], proxies: TrustedProxies, request_id: str
) -> Caller:
    """The caller of a request. `known`: whom it authenticates, if anybody."""
    return Caller(
        name=known.username if known else "",
        user_id=known.user_id if known else None,
        address=client_address(environ, proxies),
        request_id=request_id,
        credential=known.credential if known else None,
        role=known.role if known else None,
        agent=agent_to_keep(environ.get("HTTP_USER_AGENT")),
    )


def note_use(last_use: LastUse, known: Principal, environ: Mapping[str, Any], proxies: TrustedProxies) -> bool:
    """Record the use of this request's token if due; whether it was."""
    is_due = last_use.is_due(known)
    if is_due:
        last_use.note(known, client_address(environ, proxies), environ.get("HTTP_USER_AGENT"))
    return is_due
