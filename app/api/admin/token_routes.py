"""Everybody's tokens: finding, identifying and ending them. For administrators.

Not here: a rule, or an error (``errors``).
"""

from typing import Any

from app.api.admin import admin_schemas
from app.api.admin.errors import PREFIX, TOKEN_ERRORS
from app.api.admin.paging import Answer, page_of
from app.api.admin.schemas import TokenOut, TokenPage, token_members
from app.http.context import caller, services
from app.http.guards import ADMINISTRATOR, GuardedBlueprint
from app.http.openapi import JSON_ONLY
from app.services.criteria import Criteria
from app.services.revoking import Revoked

tokens = GuardedBlueprint(
    "native_tokens", __name__, url_prefix=f"{PREFIX}tokens", guard=ADMINISTRATOR, errors=TOKEN_ERRORS, parser=JSON_ONLY
)

Members = dict[str, Any]


@tokens.get("")
@tokens.arguments(admin_schemas.TokensWanted, location="query")
@tokens.response(200, TokenPage)
def list_tokens(sent: Members) -> Answer:
    """Everybody's tokens: refresh tokens first, each tier newest first."""
    page = services().listing.matching(Criteria.of(sent), sent["cursor"], sent["limit"])
    return page_of(page, token_members)


@tokens.get("/<public_id>")
@tokens.response(200, TokenOut)
def show_token(public_id: str) -> Members:
    """One token of either tier."""
    return token_members(services().listing.find(public_id))


@tokens.post("/<public_id>/revoke")
@tokens.arguments(admin_schemas.Reason)
@tokens.response(200, admin_schemas.Ended)
def revoke_token(sent: Members, public_id: str) -> Revoked:
    """End one token; a refresh token takes its access tokens with it. Doing it twice is harmless."""
    return services().revoking.revoke(public_id, sent["reason"], caller())


@tokens.post("/identify")
@tokens.arguments(admin_schemas.Pasted)
@tokens.response(200, admin_schemas.IdentifiedOut)
def identify(sent: Members) -> Members:
    """Say what a secret is that was found somewhere. It is not repeated and not kept."""
    return admin_schemas.identified_members(services().identifying.identify(sent["secret"]))


@tokens.post("/revocations/preview")
@tokens.arguments(admin_schemas.ByFilter)
@tokens.response(200, admin_schemas.PreviewOut)
def preview_revocation(sent: Members) -> Members:
    """See exactly what a filter would end, and receive the confirmation to do it."""
    return admin_schemas.preview_members(services().revoking_by_filter.preview(Criteria.of(sent["filter"])))


@tokens.post("/revocations")
@tokens.arguments(admin_schemas.ConfirmedByFilter)
@tokens.response(200, admin_schemas.Ended)
def revoke_by_filter(sent: Members) -> Revoked:
    """End what a filter matches, in one transaction; refused when that is not what was confirmed."""
    criteria = Criteria.of(sent["filter"])
    return services().revoking_by_filter.revoke(criteria, sent["confirmation"], sent["reason"], caller())
