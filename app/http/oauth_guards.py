"""The access guards of OAuth's endpoints: clients authenticate in their own ways, users as everywhere (``guards``)."""

from collections.abc import Callable

from flask import g, request

from app.domain.errors import TokenMissing
from app.domain.identity import Role
from app.domain.ladder import TOKENS, Proof
from app.domain.oauth_client import Client
from app.domain.tokens import TokenKind
from app.http.body import FORM
from app.http.context import CurrentUser, current_user, parts, services
from app.http.credentials import basic_credentials
from app.http.guards import (
    Guard,
    allow,
    authenticate_request,
    authenticate_token,
    permit_all,
    refuse_unless_may_introspect,
)
from app.http.sent_client import sent_client
from app.services.clients import as_client


def client() -> Client | None:
    """The client that the route's guard authenticated; None where it was somebody else, or nobody."""
    found: Client | None = g.get("client")
    return found


def _require_client_or_introspector() -> None:
    permit = refuse_unless_may_introspect
    if _authenticate_client(permit):
        return
    if authenticate_request(permit, services().recent_passwords.authenticate) is None:
        raise TokenMissing(TokenKind.ACCESS)


def _require_introspector() -> None:
    _require_client_or_introspector()
    refuse_unless_may_introspect(current_user().role)


def _authenticate_if_present() -> None:
    if not _authenticate_client(permit_all) and not _is_basic_without_password():
        authenticate_request()


def _authenticate_client(permit: Callable[[Role], None]) -> bool:
    """Whether a client is in the request. Basic whose password is no token's text is a user's.

    Refuses with BadRequest, as :meth:`Clients.authenticate`, and as `permit` does the role of an access token.
    """
    form = parts().bodies.read(request) if request.mimetype == FORM else {}
    sent = sent_client(_authorization(), form, services().clients.parse_secret)
    if sent is None:
        return False
    if services().clients.is_access_token(sent):
        with as_client():
            authenticate_token(sent.secret, permit)
        return True
    g.client = found = services().clients.authenticate(sent)
    g.current_user = CurrentUser(found.owner_id, found.owner_name, found.role, found.credential)
    return True


def _authorization() -> str:
    """The header; not beside ``TOKEN``, where it is mostly junk."""
    return "" if "TOKEN" in request.headers else request.headers.get("Authorization", "")


def _is_basic_without_password() -> bool:
    """As libraries send it for a client without a secret: it is no credential."""
    sent = basic_credentials(_authorization())
    return sent is not None and not sent[1]


CLIENT = Guard("OAuth client, by the secret of its refresh token", allow, ("client",), (Proof.OWN_SECRET,))
INTROSPECTOR = Guard(
    "OAuth client; administrator or introspector, by password or access token",
    _require_client_or_introspector,
    ("client", "basic", "token", "bearer"),
    (Proof.OWN_SECRET, Proof.PASSWORD, *TOKENS),
)
OF_ALL = Guard(
    "administrator or introspector, by password, access token, or the secret of a refresh token",
    _require_introspector,
    ("token", "bearer", "client", "basic"),
    (Proof.OWN_SECRET, Proof.PASSWORD, *TOKENS),
)
PRESENTER = Guard(
    "everyone; a credential beside the token must be valid",
    _authenticate_if_present,
    ("client", "basic", "token", "bearer"),
    (Proof.OWN_SECRET, Proof.PASSWORD, *TOKENS),
)
