"""The six token endpoints and ``userinfo``: credential and body in, one service call, success out.

Not here: a rule, or an error (``errors``). Both slash forms are the same route, without a redirect.
"""

from typing import Any

from app.api.integration_v1 import schemas
from app.api.integration_v1.errors import RESOURCE_ERRORS, TOKEN_ERRORS
from app.domain.identity import Principal
from app.domain.tokens import TokenStatus
from app.http.context import caller, principal, services
from app.http.guards import CREDENTIAL_IN_BODY, TOKEN_HOLDER, GuardedBlueprint
from app.http.tracing import tell_of
from app.services.held_tokens import BySecret

PREFIX = "/integration/v1"

token_endpoints = GuardedBlueprint(
    "integration_v1_tokens",
    __name__,
    url_prefix=PREFIX,
    guard=CREDENTIAL_IN_BODY,
    errors=TOKEN_ERRORS,
    title="Tokens",
)
resources = GuardedBlueprint(
    "integration_v1_resources",
    __name__,
    url_prefix=PREFIX,
    guard=TOKEN_HOLDER,
    errors=RESOURCE_ERRORS,
    title="The owner of a token",
)

Members = dict[str, Any]


def _claim(sent: Members) -> BySecret:
    return BySecret(sent["refresh_token"], sent["user_id"])


@token_endpoints.post("/createRefreshToken/")
@token_endpoints.arguments(schemas.Login)
@token_endpoints.response(201, schemas.RefreshTokenOut)
def create_refresh_token(sent: Members) -> Members:
    """Make a refresh token, with a user name and a password."""
    login = (sent["username"], sent["password"])
    issued = services().issuing.issue_with_password(*login, sent["name"], caller(), sent["access_token_reissue"])
    tell_of(issued)
    return {"refresh_token": issued.secret} | vars(issued.token)


@token_endpoints.post("/createAPIAccessToken/")
@token_endpoints.arguments(schemas.RefreshTokenProof)
@token_endpoints.response(201, schemas.MintedOut)
def create_api_access_token(sent: Members) -> Members:
    """Mint an access token. Under the policy `replace` it takes the place of the one before it."""
    issued = services().minting.mint(_claim(sent), caller())
    tell_of(issued)
    return {"api_access_token": issued.secret} | vars(issued.token) | schemas.replaced_members(issued)


@token_endpoints.post("/validateRefreshToken/")
@token_endpoints.arguments(schemas.RefreshTokenProof)
@token_endpoints.response(200, schemas.RefreshTokenOut)
def validate_refresh_token(sent: Members) -> Members:
    """See whether a refresh token works, and until when."""
    token, _ = services().held_tokens.validate(_claim(sent))
    tell_of(token)
    return {"refresh_token": sent["refresh_token"]} | vars(token)


@token_endpoints.post("/validateAPIAccessToken/")
@token_endpoints.arguments(schemas.AccessTokenProof)
@token_endpoints.response(200, schemas.AccessTokenOut)
def validate_api_access_token(sent: Members) -> Members:
    """See whether an access token works, and until when."""
    known = services().verifier.verify(sent["api_access_token"], sent["user_id"])
    tell_of(known)
    return {
        "api_access_token": sent["api_access_token"],
        "user_id": known.user_id,
        "created_at": known.token_created_at,
        "expires_at": known.token_expires_at,
        "status": TokenStatus.ACTIVE,
    }


@token_endpoints.post("/regenRefreshToken/")
@token_endpoints.arguments(schemas.RefreshTokenProof)
@token_endpoints.response(201, schemas.RefreshTokenOut)
def regen_refresh_token(sent: Members) -> Members:
    """Give a refresh token a new secret and a full new life; what was under it ends."""
    issued = services().issuing.regenerate(_claim(sent), caller())
    tell_of(issued)
    return {"refresh_token": issued.secret} | vars(issued.token)


@token_endpoints.post("/revokeAPIAccessTokens/")
@token_endpoints.arguments(schemas.RefreshTokenProof)
@token_endpoints.response(200, schemas.Done)
def revoke_api_access_tokens(sent: Members) -> Members:
    """End the access tokens under a refresh token, which stays usable."""
    token = services().revoking.revoke_access_tokens(_claim(sent), caller())
    return {"detail": f"Revoked active access tokens for refresh token: '{token.name}' with id: {token.id}"}


@resources.get("/userinfo/")
@resources.response(200, schemas.UserInfoOut)
def userinfo() -> Principal:
    """Whose access token this is."""
    return principal()
