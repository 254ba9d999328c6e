"""Routes for a caller's own account and tokens, and for minting from a refresh token."""

from typing import Any

from flask import Response

from app.api.native import schemas, token_schemas
from app.api.native.errors import MINTING_ERRORS, PREFIX, TOKEN_ERRORS
from app.api.native.idempotency_key import idempotency_key
from app.api.native.paging import Answer, page_of
from app.domain.identity import User
from app.domain.ladder import Act
from app.domain.rotation import Secrets
from app.domain.token_filter import TokenFilter
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenKind
from app.http.acts import does
from app.http.context import caller, principal, services
from app.http.guards import CREDENTIAL_IN_BODY, TOKEN_HOLDER, GuardedBlueprint
from app.http.openapi import JSON_ONLY
from app.http.tracing import add_token_headers
from app.services.held_tokens import ByOwner, BySecret

own = GuardedBlueprint(
    "native_own",
    __name__,
    url_prefix=f"{PREFIX}me",
    guard=TOKEN_HOLDER,
    errors=TOKEN_ERRORS,
    title="Your account and tokens",
    parser=JSON_ONLY,
)
minting = GuardedBlueprint(
    "native_minting",
    __name__,
    url_prefix=PREFIX,
    guard=CREDENTIAL_IN_BODY,
    errors=MINTING_ERRORS,
    title="Minting",
    parser=JSON_ONLY,
)

Members = dict[str, Any]
Created = tuple[Members, int]

BY_HOLDER, BY_OWNER = "revoked by its holder", "revoked by its owner"

REPEATED = "A repeat under the same Idempotency-Key"


def issued_for(user_id: int, body: Members) -> Issued[RefreshToken]:
    """A new refresh token of this user, as the body says."""
    return services().issuing.issue(
        user_id,
        body["name"],
        caller(),
        idempotency_key(body),
        reissue=body["access_token_reissue"],
        lifetime_days=body.get("expires_in_days"),
        description=body.get("description"),
    )


def created(issued: Issued[RefreshToken] | Issued[AccessToken]) -> Created:
    """The answer to what creates a token."""
    return schemas.issued_members(issued), 201


def rotated(issued: Issued[RefreshToken]) -> Created:
    return schemas.issued_members(issued) | {"refresh_token": issued.secret}, 201


def _claim(public_id: str) -> ByOwner:
    return ByOwner(public_id, principal().user_id)


@own.get("")
@own.response(200, schemas.UserOut)
def me() -> User:
    """Your account."""
    return services().accounts.by_id(principal().user_id)


@own.get("/token")
@own.response(200, schemas.PresentTokenOut)
def my_token() -> Members:
    """The access token you call with."""
    return schemas.current_token_members(services().listing.find(principal().token_public_id), principal())


@own.delete("/token")
@own.arguments(schemas.OwnRevocation, location="query")
@own.response(204)
@does(Act.REVOKE_OWN)
def revoke_my_token(query: Members) -> Response:
    """Revoke the access token you call with."""
    services().revoking.revoke(principal().token_public_id, BY_HOLDER, caller(), only_of=principal().user_id, **query)
    return Response(status=204)


@own.get("/tokens")
@own.arguments(schemas.OwnTokenQuery, location="query")
@own.response(200, schemas.TokenPage)
def my_tokens(query: Members) -> Answer:
    """Your tokens: refresh tokens first, each tier newest first."""
    cursor, limit = query.pop("cursor"), query.pop("limit")
    mine = TokenFilter(user_id=principal().user_id, **query)
    return page_of(services().listing.both_tiers(mine, cursor, limit), schemas.token_members)


@own.delete("/tokens/<public_id>")
@own.arguments(schemas.OwnRevocation, location="query")
@own.response(204)
@does(Act.REVOKE_OWN)
def revoke_mine(query: Members, public_id: str) -> Response:
    """Revoke one of your tokens; with a refresh token, its access tokens too."""
    services().revoking.revoke(public_id, BY_OWNER, caller(), only_of=principal().user_id, **query)
    return Response(status=204)


@own.post("/refresh-tokens")
@own.arguments(schemas.NewToken)
@own.response(201, schemas.IssuedOut)
@own.alt_response(200, schema=schemas.IssuedOut, description=REPEATED)
@does(Act.CREATE_REFRESH_TOKEN)
def create_refresh_token(body: Members) -> Created:
    """Create a refresh token, while an administrator allows that with an access token alone."""
    return created(issued_for(principal().user_id, body))


@own.patch("/refresh-tokens/<public_id>")
@own.arguments(token_schemas.Labels)
@own.response(200, schemas.TokenOut)
@does()
def rename_refresh_token(body: Members, public_id: str) -> Members:
    """Rename or describe one of your refresh tokens. Its secret, and who uses it, stay."""
    found = services().renaming.change(public_id, body, caller(), principal().user_id, TokenKind.REFRESH)
    return schemas.token_members(found)


@own.patch("/tokens/<public_id>")
@own.arguments(token_schemas.Labels)
@own.response(200, schemas.TokenOut)
@does()
def rename_mine(body: Members, public_id: str) -> Members:
    """Rename or describe one of your tokens. An API token without a refresh token has a description only."""
    return schemas.token_members(services().renaming.change(public_id, body, caller(), principal().user_id))


@own.post("/refresh-tokens/<public_id>/access-token")
@own.response(201, schemas.MintedOut)
@own.alt_response(200, schema=schemas.MintedOut, description=REPEATED)
@does(Act.MINT)
def mint_by_public_id(public_id: str) -> Created:
    """Mint an access token from one of your refresh tokens, under the same condition."""
    return created(services().minting.mint(_claim(public_id), caller(), idempotency_key({})))


@own.post("/refresh-tokens/<public_id>/regenerate")
@own.response(201, schemas.IssuedOut)
@own.alt_response(200, schema=schemas.IssuedOut, description=REPEATED)
@does(Act.REGENERATE)
def regenerate_by_public_id(public_id: str) -> Created:
    """Give one of your refresh tokens a new secret and a new lifetime, under the same condition."""
    return created(services().issuing.regenerate(_claim(public_id), caller(), idempotency_key({})))


@own.post("/refresh-tokens/<public_id>/rotate")
@own.response(201, schemas.RotatedOut)
@own.alt_response(200, schema=schemas.RotatedOut, description=REPEATED)
@does(Act.ROTATE)
def rotate_by_public_id(public_id: str) -> Created:
    """Give one of your refresh tokens a new secret and a new lifetime; the old secret works on for the overlap."""
    return rotated(services().rotating.rotate(_claim(public_id), caller(), idempotency_key({})))


@own.post("/refresh-tokens/<public_id>/end-old-secret")
@own.response(200, schemas.TokenOut)
@does(Act.REVOKE_OWN)
def end_old_secret(public_id: str) -> Members:
    """End the old secret of one of your rotated refresh tokens. Where none works, nothing changes."""
    services().rotating.end_old_secret(public_id, caller(), only_of=principal().user_id)
    return schemas.token_members(services().listing.find(public_id))


@own.get("/refresh-tokens/<public_id>/secrets")
@own.response(200, schemas.SecretsOut)
def my_secrets(public_id: str) -> Secrets:
    """The secrets of one of your refresh tokens: the last use of each, and who still uses the old one."""
    return services().rotating.secrets(public_id, only_of=principal().user_id)


@minting.post("refresh-tokens/rotate")
@minting.arguments(schemas.RefreshTokenProof)
@minting.response(201, schemas.RotatedOut)
@does(Act.ROTATE)
def rotate(body: Members) -> Created:
    """Give a refresh token a new secret. The old one works on for the overlap; asking again gives the same new one."""
    issued = services().rotating.rotate(BySecret(body["refresh_token"]), caller())
    add_token_headers(issued)
    return rotated(issued)


@minting.post("access-tokens")
@minting.arguments(schemas.RefreshTokenProof)
@minting.response(201, schemas.MintedOut)
@minting.alt_response(200, schema=schemas.MintedOut, description=REPEATED)
@does(Act.MINT)
def mint(body: Members) -> Created:
    """Mint an access token from a refresh token. No other credential is needed."""
    issued = services().minting.mint(BySecret(body["refresh_token"]), caller(), idempotency_key(body))
    add_token_headers(issued)
    return created(issued)
