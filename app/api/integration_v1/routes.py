"""The six token endpoints and ``userinfo``: credential and body in, one service call, success out.

Not here: a rule, or an error (``errors``). Both slash forms are the same route, without a redirect.
"""

from typing import Any

from app.api.integration_v1 import schemas
from app.api.integration_v1.schemas import answer, body
from app.domain.tokens import TokenStatus
from app.http.context import caller, principal, services
from app.http.guards import CREDENTIAL_IN_BODY, TOKEN_HOLDER, GuardedBlueprint

PREFIX = "/integration/v1"

token_endpoints = GuardedBlueprint("integration_v1_tokens", __name__, url_prefix=PREFIX, guard=CREDENTIAL_IN_BODY)
resources = GuardedBlueprint("integration_v1_resources", __name__, url_prefix=PREFIX, guard=TOKEN_HOLDER)

Answer = tuple[dict[str, Any], int]


@token_endpoints.post("/createRefreshToken/")
def create_refresh_token() -> Answer:
    sent = body(schemas.Login())
    issued = services().issuing.issue_with_password(sent["username"], sent["password"], sent["name"], caller())
    return answer(schemas.RefreshTokenOut(), issued.token, refresh_token=issued.secret), 201


@token_endpoints.post("/createAPIAccessToken/")
def create_api_access_token() -> Answer:
    sent = body(schemas.RefreshTokenProof())
    issued = services().issuing.mint(sent["refresh_token"], sent["user_id"], caller())
    return answer(schemas.AccessTokenOut(), issued.token, api_access_token=issued.secret), 201


@token_endpoints.post("/validateRefreshToken/")
def validate_refresh_token() -> Answer:
    sent = body(schemas.RefreshTokenProof())
    token = services().refresh_verifier.validate(sent["refresh_token"], sent["user_id"])
    return answer(schemas.RefreshTokenOut(), token, refresh_token=sent["refresh_token"]), 200


@token_endpoints.post("/validateAPIAccessToken/")
def validate_api_access_token() -> Answer:
    sent = body(schemas.AccessTokenProof())
    known = services().verifier.verify(sent["api_access_token"], sent["user_id"])
    token = {
        "user_id": known.user_id,
        "created_at": known.token_created_at,
        "expires_at": known.token_expires_at,
        "status": TokenStatus.ACTIVE,
    }
    return answer(schemas.AccessTokenOut(), token, api_access_token=sent["api_access_token"]), 200


@token_endpoints.post("/regenRefreshToken/")
def regen_refresh_token() -> Answer:
    sent = body(schemas.RefreshTokenProof())
    issued = services().issuing.regenerate(sent["refresh_token"], sent["user_id"], caller())
    return answer(schemas.RefreshTokenOut(), issued.token, refresh_token=issued.secret), 201


@token_endpoints.post("/revokeAPIAccessTokens/")
def revoke_api_access_tokens() -> Answer:
    sent = body(schemas.RefreshTokenProof())
    token = services().revoking.revoke_access_tokens(sent["refresh_token"], sent["user_id"], caller())
    detail = f"Revoked active access tokens for refresh token: '{token.name}' with id: {token.id}"
    return {"detail": detail}, 200


@resources.get("/userinfo/")
def userinfo() -> Answer:
    return answer(schemas.UserInfoOut(), principal()), 200
