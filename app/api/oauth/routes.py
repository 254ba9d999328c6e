"""The endpoints for access tokens, introspection and revocation, and one for clients that demand authorization."""

from contextlib import suppress
from typing import Any, NoReturn

from flask import Response, request

from app.api.oauth import schemas
from app.api.oauth.errors import ERRORS, TOKEN_ERRORS, keep_nowhere
from app.api.oauth.schemas import FormParser, GrantForm, TokenForm
from app.api.oauth.unsupported import UnsupportedResponse
from app.domain.errors import BadRequest, NotFound, TokenRefused
from app.domain.identity import Role
from app.domain.ladder import Act
from app.domain.oauth_client import WITH_ITS_SECRET, GrantType
from app.domain.tokens import AccessToken, Issued
from app.http.acts import does
from app.http.context import caller, current_user_or_none, issuer, services
from app.http.guards import ANYBODY, GuardedBlueprint
from app.http.introspection import introspected
from app.http.oauth_guards import CLIENT, INTROSPECTOR, PRESENTER, client
from app.http.sent_client import sent_client
from app.http.tracing import add_token_headers

PREFIX = "/oauth"

granting = GuardedBlueprint(
    "oauth_granting",
    __name__,
    url_prefix=PREFIX,
    guard=CLIENT,
    errors=TOKEN_ERRORS,
    title="Access tokens",
    parser=FormParser(),
)
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
authorization = GuardedBlueprint(
    "oauth_authorization", __name__, url_prefix=PREFIX, guard=ANYBODY, errors=TOKEN_ERRORS, title="Authorization"
)

for _each in (granting, introspection, revocation, authorization):
    _each.after_request(keep_nowhere)

Members = dict[str, Any]


@granting.post("/v2/token")
@granting.post("/token")
@granting.arguments(GrantForm, location="form")
@granting.response(200, schemas.Granted)
@does(Act.MINT)
def token(sent: Members) -> Members:
    """Request an access token: as a client, with client_credentials, or with a refresh_token.

    The client id is the public id of a refresh token, and the client secret its text.
    """
    issued = _granted(sent)
    add_token_headers(issued)
    return schemas.granted(issued)


def _granted(sent: Members) -> Issued[AccessToken]:
    client = sent_client(request.headers.get("Authorization", ""), sent)
    if sent["grant_type"] is GrantType.CLIENT_CREDENTIALS:
        return services().granting.to_client(client, caller())
    if "refresh_token" not in sent:
        raise BadRequest("The parameter refresh_token is missing.")
    return services().granting.for_refresh_token(sent["refresh_token"], client, caller())


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
        services().revoking.revoke_secret(sent["token"], WITH_ITS_SECRET, caller(), _only_of(), client=client())
    return Response()


def _only_of() -> int | None:
    """The id of the user whose tokens alone may be revoked; None for all."""
    user = current_user_or_none()
    return None if user is None or user.role is Role.SERVER_ADMIN else user.user_id


@authorization.post("/authorize")
@authorization.get("/authorize")
@authorization.response(200)
@does()
def authorize() -> NoReturn:
    """Answer 400 to everybody: some clients refuse metadata without an authorization endpoint, and none uses it."""
    raise UnsupportedResponse
