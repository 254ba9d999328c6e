"""The two endpoints: credential and form in, one service call, success out.

Not here: a rule, or an error (``errors``). Both slash forms are the same route, without a redirect.
"""

from contextlib import suppress
from typing import Any

from flask import Response

from app.api.oauth import schemas
from app.api.oauth.errors import ERRORS
from app.api.oauth.schemas import REFRESH_TOKEN, FormParser, TokenForm
from app.domain.errors import NotFound, TokenMalformed, TokenRefused, TokenSuperseded
from app.domain.identity import Role
from app.http.context import asker_if_any, caller, note_introspected, services
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

Members = dict[str, Any]

INACTIVE: Members = {"active": False}
REASON = "revoked by whoever presented it"


@introspection.post("/introspect")
@introspection.arguments(TokenForm, location="form")
@introspection.response(200, schemas.Active)
def introspect(sent: Members) -> Members:
    """Ask about a token. Of one that does not work nothing is told, not even why (RFC 7662, section 2.2)."""
    try:
        return _introspected(sent["token"], sent["token_type_hint"])
    except TokenRefused as refusal:
        if isinstance(refusal, TokenSuperseded):
            services().sightings.report(refusal, caller())
        return INACTIVE


def _introspected(token: str, hint: str) -> Members:
    """A refresh token only for whoever asks for one by the hint.

    An API that asks about what it was sent takes "active" for "may enter", which a refresh token never may.
    """
    try:
        known = services().verifier.verify(token)
    except TokenMalformed:
        if hint != REFRESH_TOKEN:
            raise
        return schemas.active_refresh_token(*services().held_tokens.validate(BySecret(token)))
    if not known.role.may_enter:
        return INACTIVE
    note_introspected(services().last_use, known)
    return schemas.active_access_token(known)


@revocation.post("/revoke")
@revocation.arguments(TokenForm, location="form")
@revocation.response(200)
def revoke(sent: Members) -> Response:
    """End a token. Whoever holds it may; a credential in the headers says who they are, and must be good.

    What is no token of ours, or has ended already, is what the caller wanted: 200 (RFC 7009, section 2.2).
    """
    asker = asker_if_any()
    only_of = None if asker is None or asker.role is Role.SERVER_ADMIN else asker.user_id
    with suppress(TokenRefused, NotFound):  # not found: purged a moment ago
        services().revoking.revoke_secret(sent["token"], REASON, caller(), only_of)
    return Response()
