"""The six token endpoints and ``userinfo``."""

from typing import Any

from app.api.integration_v1 import schemas
from app.api.integration_v1.errors import RESOURCE_ERRORS, TOKEN_ERRORS
from app.domain.identity import Principal
from app.domain.ladder import Act
from app.domain.tokens import TokenStatus
from app.http.acts import does
from app.http.context import caller, principal, services
from app.http.guards import CREDENTIAL_IN_BODY, TOKEN_HOLDER, GuardedBlueprint
from app.http.tracing import add_token_headers
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
@does(Act.CREATE_REFRESH_TOKEN)
def create_refresh_token(sent: Members) -> Members:
    """Create a refresh token, with a user name and a password."""
    login = (sent["username"], sent["password"])
    issued = services().issuing.issue_with_password(*login, sent["name"], caller(), sent["access_token_reissue"])
    add_token_headers(issued)
    return {"refresh_token": issued.secret} | vars(issued.token)


@token_endpoints.post("/createAPIAccessToken/")
@token_endpoints.arguments(schemas.RefreshTokenProof)
@token_endpoints.response(201, schemas.MintedOut)
@does(Act.MINT)
def create_api_access_token(sent: Members) -> Members:
    """Request an access token. Under the policy `replace` it replaces the previous one."""
    issued = services().minting.mint(_claim(sent), caller())
    add_token_headers(issued)
    return {"api_access_token": issued.secret} | vars(issued.token) | schemas.replaced_members(issued)


@token_endpoints.post("/validateRefreshToken/")
@token_endpoints.arguments(schemas.RefreshTokenProof)
@token_endpoints.response(200, schemas.RefreshTokenOut)
@does()
def validate_refresh_token(sent: Members) -> Members:
    """Check whether a refresh token works, and until when."""
    token, _ = services().held_tokens.validate(_claim(sent))
    add_token_headers(token)
    return {"refresh_token": sent["refresh_token"]} | vars(token)


@token_endpoints.post("/validateAPIAccessToken/")
@token_endpoints.arguments(schemas.AccessTokenProof)
@token_endpoints.response(200, schemas.AccessTokenOut)
@does()
def validate_api_access_token(sent: Members) -> Members:
    """Check whether an access token works, and until when."""
    known = services().verifier.verify(sent["api_access_token"], sent["user_id"])
    add_token_headers(known)
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
@does(Act.REGENERATE)
def regen_refresh_token(sent: Members) -> Members:
    """Regenerate a refresh token: new secret, full lifetime. Its access tokens are revoked."""
    issued = services().issuing.regenerate(_claim(sent), caller())
    add_token_headers(issued)
    return {"refresh_token": issued.secret} | vars(issued.token)


@token_endpoints.post("/revokeAPIAccessTokens/")
@token_endpoints.arguments(schemas.RefreshTokenProof)
@token_endpoints.response(200, schemas.Done)
@does(Act.REVOKE_OWN)
def revoke_api_access_tokens(sent: Members) -> Members:
    """Revoke the access tokens of a refresh token, which stays active."""
    token = services().revoking.revoke_access_tokens(_claim(sent), caller())
    return {"detail": f"Revoked active access tokens for refresh token: '{token.name}' with id: {token.id}"}


@resources.get("/userinfo/")
@resources.response(200, schemas.UserInfoOut)
def userinfo() -> Principal:
    """Get the owner of the access token."""
    return principal()
