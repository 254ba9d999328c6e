"""Routes for the tokens of service accounts: for those who answer for one, and for administrators."""

from datetime import timedelta
from typing import Any

from flask import Response

from app.api.native import schemas, service_schemas
from app.api.native.errors import PREFIX, TOKEN_ERRORS
from app.api.native.idempotency_key import idempotency_key
from app.api.native.paging import Answer, page_of
from app.api.native.routes import REPEATED, created, issued_for, rotated
from app.domain.identity import parse_user_id
from app.domain.ladder import Act
from app.domain.service_accounts import REVOKED_FOR_ACCOUNT
from app.domain.token_filter import TokenFilter
from app.domain.tokens import AccessToken, Issued
from app.http.acts import does
from app.http.context import caller, principal, services
from app.http.guards import TOKEN_HOLDER, GuardedBlueprint
from app.http.openapi import JSON_ONLY
from app.services.held_tokens import ByOwner

accounts = GuardedBlueprint(
    "native_service_accounts",
    __name__,
    url_prefix=PREFIX,
    guard=TOKEN_HOLDER,
    errors=TOKEN_ERRORS,
    title="Service accounts",
    parser=JSON_ONLY,
)

Members = dict[str, Any]
Created = tuple[Members, int]


def _account(user_id: str) -> int:
    """The id of the account in the path, which the caller answers for; refuses with NotFound."""
    return services().service_accounts.open(parse_user_id(user_id), caller()).id


@accounts.get("me/service-accounts")
@accounts.response(200, service_schemas.ServiceAccounts)
def my_service_accounts() -> Members:
    """The service accounts that you answer for, as responsible person or as deputy."""
    return service_schemas.account_members(services().service_accounts.of(principal().user_id))


@accounts.get("users/<user_id>/tokens")
@accounts.arguments(schemas.OwnTokenQuery, location="query")
@accounts.response(200, schemas.TokenPage)
def tokens_of_account(query: Members, user_id: str) -> Answer:
    """The tokens of a service account: refresh tokens first, each tier newest first."""
    cursor, limit = query.pop("cursor"), query.pop("limit")
    criteria = TokenFilter(user_id=_account(user_id), **query)
    return page_of(services().listing.both_tiers(criteria, cursor, limit), schemas.token_members)


@accounts.post("users/<user_id>/refresh-tokens")
@accounts.arguments(schemas.NewToken)
@accounts.response(201, schemas.IssuedOut)
@accounts.alt_response(200, schema=schemas.IssuedOut, description=REPEATED)
@does(Act.CREATE_FOR_SERVICE_ACCOUNT)
def create_for_account(body: Members, user_id: str) -> Created:
    """Create a refresh token of a service account."""
    return created(issued_for(_account(user_id), body))


@accounts.post("users/<user_id>/api-tokens")
@accounts.arguments(service_schemas.NewApiToken)
@accounts.response(201, schemas.MintedOut)
@accounts.alt_response(200, schema=schemas.MintedOut, description=REPEATED)
@does(Act.CREATE_FOR_SERVICE_ACCOUNT)
def create_api_token_for_account(body: Members, user_id: str) -> Created:
    """Create an API token without a refresh token, where the account may have some."""
    days, key = body["lifetime_days"], idempotency_key(body)
    lifetime = None if days is None else timedelta(days=days)
    issued = services().single_tier.generate(_account(user_id), lifetime, body.get("description"), caller(), key)
    return created(issued)


@accounts.post("users/<user_id>/refresh-tokens/<public_id>/access-token")
@accounts.response(201, schemas.MintedOut)
@accounts.alt_response(200, schema=schemas.MintedOut, description=REPEATED)
@does(Act.CREATE_FOR_SERVICE_ACCOUNT)
def mint_for_account(user_id: str, public_id: str) -> Created:
    """Mint an access token from a refresh token of a service account."""
    claim = ByOwner(public_id, _account(user_id))
    issued: Issued[AccessToken] = services().minting.mint(claim, caller(), idempotency_key({}))
    return created(issued)


@accounts.post("users/<user_id>/refresh-tokens/<public_id>/regenerate")
@accounts.response(201, schemas.IssuedOut)
@accounts.alt_response(200, schema=schemas.IssuedOut, description=REPEATED)
@does(Act.CREATE_FOR_SERVICE_ACCOUNT)
def regenerate_for_account(user_id: str, public_id: str) -> Created:
    """Give a refresh token of a service account a new secret and a new lifetime."""
    claim = ByOwner(public_id, _account(user_id))
    return created(services().issuing.regenerate(claim, caller(), idempotency_key({})))


@accounts.post("users/<user_id>/refresh-tokens/<public_id>/rotate")
@accounts.response(201, schemas.RotatedOut)
@accounts.alt_response(200, schema=schemas.RotatedOut, description=REPEATED)
@does(Act.CREATE_FOR_SERVICE_ACCOUNT)
def rotate_for_account(user_id: str, public_id: str) -> Created:
    """Give a refresh token of a service account a new secret; the old secret works on for the overlap."""
    claim = ByOwner(public_id, _account(user_id))
    return rotated(services().rotating.rotate(claim, caller(), idempotency_key({})))


@accounts.post("users/<user_id>/refresh-tokens/<public_id>/end-old-secret")
@accounts.response(200, schemas.TokenOut)
@does(Act.REVOKE_OF_SERVICE_ACCOUNT)
def end_old_secret_of_account(user_id: str, public_id: str) -> Members:
    """End the old secret of a rotated refresh token of a service account."""
    services().rotating.end_old_secret(public_id, caller(), only_of=_account(user_id))
    return schemas.token_members(services().listing.find(public_id))


@accounts.delete("users/<user_id>/tokens/<public_id>")
@accounts.arguments(schemas.OwnRevocation, location="query")
@accounts.response(204)
@does(Act.REVOKE_OF_SERVICE_ACCOUNT)
def revoke_of_account(query: Members, user_id: str, public_id: str) -> Response:
    """Revoke a token of a service account; with a refresh token, its access tokens too."""
    services().revoking.revoke(public_id, REVOKED_FOR_ACCOUNT, caller(), only_of=_account(user_id), **query)
    return Response(status=204)
