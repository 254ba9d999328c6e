"""The token endpoint, and the authorization endpoint, which is there for clients that demand one."""

from typing import Any, NoReturn

from flask import request

from app.api.oauth import schemas
from app.api.oauth.errors import TOKEN_ERRORS, keep_nowhere
from app.api.oauth.schemas import FormParser, GrantForm
from app.api.oauth.unsupported import UnsupportedResponse
from app.domain.errors import BadRequest
from app.domain.ladder import Act
from app.domain.oauth_client import GrantType
from app.domain.tokens import AccessToken, Issued
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import ANYBODY, GuardedBlueprint
from app.http.oauth_guards import CLIENT
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
authorization = GuardedBlueprint(
    "oauth_authorization", __name__, url_prefix=PREFIX, guard=ANYBODY, errors=TOKEN_ERRORS, title="Authorization"
)
for _each in (granting, authorization):
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


@authorization.post("/authorize")
@authorization.get("/authorize")
@authorization.response(200)
@does()
def authorize() -> NoReturn:
    """Answer 400 to everybody: some clients refuse metadata without an authorization endpoint, and none uses it."""
    raise UnsupportedResponse
