"""Routes that revoke all tokens that a filter matches, in two steps, and show how far a revocation is."""

from typing import Any

from app.api.native import by_filter_schemas
from app.api.native.admin_routes import tokens
from app.domain.ladder import Act
from app.domain.token_filter import TokenFilter
from app.http.acts import does
from app.http.context import caller, services
from app.services.bulk_revocations import BulkRevocation, parse_number

Members = dict[str, Any]

BLUEPRINT = tokens
"""The one of :mod:`app.api.native.admin_routes`, with these routes too."""


@tokens.post("/revocations/preview")
@tokens.arguments(by_filter_schemas.ByFilter)
@tokens.response(200, by_filter_schemas.PreviewOut)
@does()
def preview_revocation(body: Members) -> Members:
    """Preview exactly what a filter would revoke, and get the confirmation to revoke it."""
    return by_filter_schemas.preview_members(services().revoking_by_filter.preview(TokenFilter(**body["filter"])))


@tokens.post("/revocations")
@tokens.arguments(by_filter_schemas.ConfirmedByFilter)
@tokens.response(200, by_filter_schemas.BulkRevocationOut)
@does(Act.REVOKE_OF_OTHERS)
def revoke_by_filter(body: Members) -> BulkRevocation:
    """Revoke what a filter matches, all or none; refused where it matches others than were confirmed."""
    criteria = TokenFilter(**body["filter"])
    revoked = services().revoking_by_filter.revoke(criteria, body["confirmation"], body["reason"], caller())
    services().bulk_revocations.finish_in_background(revoked)
    return revoked


@tokens.get("/revocations/<number>")
@tokens.response(200, by_filter_schemas.BulkRevocationOut)
def show_revocation(number: str) -> BulkRevocation:
    """Show how far a revocation by filter is."""
    return services().bulk_revocations.find(parse_number(number))
