"""The endpoints for introspection and revocation."""

from contextlib import suppress
from typing import Any

from flask import Response

from app.api.oauth import schemas
from app.api.oauth.errors import ERRORS, keep_nowhere
from app.api.oauth.schemas import REFRESH_TOKEN, FormParser, TokenForm
from app.domain.errors import NotFound, TokenMalformed, TokenRefused, TokenSuperseded
from app.domain.identity import Role
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, current_user_or_none, note_introspected, services
from app.http.guards import INTROSPECTOR, PRESENTER, GuardedBlueprint
from app.services.held_tokens import BySecret

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

INACTIVE: Members = {"active": False}
REASON = "revoked with its secret"


@introspection.post("/v2/introspect")
@introspection.post("/introspect")
@introspection.arguments(TokenForm, location="form")
@introspection.response(200, schemas.Active)
@does()
def introspect(sent: Members) -> Members:
    """Introspect a token. For one that does not work, no reason is given (RFC 7662, section 2.2)."""
    try:
        return _introspected(sent["token"], sent["token_type_hint"])
    except TokenRefused as refusal:
        if isinstance(refusal, TokenSuperseded):
            services().sightings.report(refusal, caller())
        return INACTIVE


def _introspected(token: str, hint: str) -> Members:
    """A refresh token only with its hint: APIs accept what is "active", and must not accept a refresh token."""
    try:
        known = services().verifier.verify(token)
    except TokenMalformed:
        if hint != REFRESH_TOKEN:
            raise
        return schemas.active_refresh_token(*services().held_tokens.validate(BySecret(token)))
    if not known.role.may_use_apis:
        return INACTIVE
    note_introspected(services().last_use, known)
    return schemas.active_access_token(known)


@revocation.post("/v2/revoke")
@revocation.post("/revoke")
@revocation.arguments(TokenForm, location="form")
@revocation.response(200)
@does(Act.REVOKE_OWN, Act.REVOKE_OF_OTHERS)
def revoke(sent: Members) -> Response:
    """Revoke a token by its secret. A credential in the headers is optional, and must be valid.

    An unknown token, and one that has ended, is answered with 200 (RFC 7009, section 2.2).
    """
    user = current_user_or_none()
    only_of = None if user is None or user.role is Role.SERVER_ADMIN else user.user_id
    with suppress(TokenRefused, NotFound):  # NotFound: purged meanwhile
        services().revoking.revoke_secret(sent["token"], REASON, caller(), only_of)
    return Response()
