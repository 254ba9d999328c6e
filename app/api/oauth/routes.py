"""The endpoints for introspection and revocation."""

from contextlib import suppress
from typing import Any

from flask import Response

from app.api.oauth import schemas
from app.api.oauth.errors import ERRORS, keep_nowhere
from app.api.oauth.schemas import FormParser, TokenForm
from app.domain.errors import NotFound, TokenRefused
from app.domain.identity import Role
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, current_user_or_none, issuer, services
from app.http.guards import GuardedBlueprint
from app.http.introspection import introspected
from app.http.oauth_guards import INTROSPECTOR, PRESENTER, client

PREFIX = "/oauth"

introspection = GuardedBlueprint(
    "oauth_introspection",
    __name__,
    url_prefix=PREFIX,
    guard=INTROSPECTOR,
    errors=ERRORS,
    title="Introspection",
    parser=FormParser(),
)
revocation = GuardedBlueprint(
    "oauth_revocation",
    __name__,
    url_prefix=PREFIX,
    guard=PRESENTER,
    errors=ERRORS,
    title="Revocation",
    parser=FormParser(),
)

for _each in (introspection, revocation):
    _each.after_request(keep_nowhere)

Members = dict[str, Any]

REASON = "revoked with its secret"


@introspection.post("/v2/introspect")
@introspection.post("/introspect")
@introspection.arguments(TokenForm, location="form")
@introspection.response(200, schemas.Active)
@does()
def introspect(sent: Members) -> Members:
    """Introspect a token. For one that does not work, no reason is given (RFC 7662, section 2.2).

    A client learns of access tokens of its own refresh token, unless its owner may introspect.
    """
    known = services().introspecting.introspect(sent["token"], sent["token_type_hint"], caller, client())
    return introspected(known, issuer())


@revocation.post("/v2/revoke")
@revocation.post("/revoke")
@revocation.arguments(TokenForm, location="form")
@revocation.response(200)
@does(Act.REVOKE_OWN, Act.REVOKE_OF_OTHERS)
def revoke(sent: Members) -> Response:
    """Revoke a token by its secret. A credential beside it is optional, and must be valid.

    An unknown token, and one that has ended, is answered with 200 (RFC 7009, section 2.2); and to a client, another's.
    """
    with suppress(TokenRefused, NotFound):  # NotFound: purged meanwhile
        services().revoking.revoke_secret(sent["token"], REASON, caller(), _only_of(), client=client())
    return Response()


def _only_of() -> int | None:
    """The id of the user whose tokens alone may be revoked; None for all."""
    user = current_user_or_none()
    return None if user is None or user.role is Role.SERVER_ADMIN else user.user_id
