"""All users' tokens: the list, the details of one, and its revocation."""

from datetime import timedelta

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest
from app.domain.ladder import Act
from app.domain.token_filter import TokenFilter
from app.domain.tokens import CREATED_IN_FUTURE, AccessToken, RefreshToken, TokenKind
from app.http.acts import does
from app.http.context import caller, parts, services
from app.http.guards import GuardedBlueprint
from app.services.keyset import Page
from app.services.listing import ListedToken
from app.services.revoking import Revoked
from app.web.admin import queries
from app.web.forms import field_errors, is_checked, message, read_form, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page

tokens = GuardedBlueprint("web_tokens", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/tokens",
                          template_folder="../templates")  # fmt: skip

PAGE = 50
SOON = (7, 30)
"""Days, each with a link to the tokens that expire within them."""


@tokens.get("")
def list_tokens() -> ResponseReturnValue:
    """Refresh tokens first, each tier newest first."""
    found, status, error = Page[ListedToken]([], None), 200, ""
    is_narrowed = False
    try:
        criteria = queries.token_filter(request.args)
        is_narrowed = not criteria.is_empty
        found = services().listing.both_tiers(criteria, queries.cursor(), PAGE)
    except BadRequest as refusal:
        status, error = 400, message(refusal)
    today = parts().clock().date()
    return page(
        "admin_tokens.html",
        status,
        items=found.items,
        pager=queries.pager(found.cursor),
        fields=queries.TOKEN_FIELDS.values(),
        entered=queries.entered(request.args, queries.TOKEN_FIELDS),
        is_narrowed=is_narrowed,
        error=error,
        today=today,
        soon=[(days, today + timedelta(days=days)) for days in SOON],
    )


@tokens.get("/<public_id>")
def show_token(public_id: str) -> ResponseReturnValue:
    """The details of a token."""
    listed = services().listing.find(public_id)
    parent, child = _parent(listed.token), _child(listed)
    note = CREATED_IN_FUTURE if listed.token.created_in_future else None
    made = services().revoking.descendants(public_id)
    return page("admin_token.html", listed=listed, token=listed.token, parent=parent, child=child, note=note, made=made)


@tokens.get("/<public_id>/revoke")
def confirm_revoke(public_id: str) -> ResponseReturnValue:
    """The dialog to revoke a token."""
    return _confirm(public_id)


@tokens.post("/<public_id>/revoke")
@does(Act.REVOKE_OF_OTHERS)
def revoke(public_id: str) -> ResponseReturnValue:
    """Revoke it; a refresh token takes its access tokens with it, and if the form says so, what was made with it."""
    with_descendants = is_checked("with_descendants")
    try:
        reason = queries.reason(read_form())
        ended = services().revoking.revoke(public_id, reason, caller(), with_descendants=with_descendants)
    except BadRequest as refusal:
        return _confirm(public_id, status_of(refusal), field_errors(refusal), with_descendants)
    done = "over" if ended == Revoked(0, 0) else "all-revoked" if with_descendants else "revoked"
    return redirect(url_for("web_tokens.show_token", public_id=public_id, done=done), 303)


def _parent(token: RefreshToken | AccessToken) -> ListedToken | None:
    """The refresh token of an access token."""
    if not isinstance(token, AccessToken) or token.refresh_token_id is None:
        return None
    found = services().listing.tokens(TokenKind.REFRESH, TokenFilter(ids=[token.refresh_token_id]), limit=1)
    return found.items[0] if found.items else None


def _child(listed: ListedToken) -> ListedToken | None:
    """The newest access token of a refresh token."""
    if isinstance(listed.token, AccessToken):
        return None
    newest = services().overview.access_token_under(listed.token.id)
    return None if newest is None else ListedToken(TokenKind.ACCESS, newest, listed.name, listed.owner)


def _confirm(
    public_id: str, status: int = 200, fields: dict[str, str] | None = None, with_descendants: bool = True
) -> Response:
    listed = services().listing.find(public_id)
    return page(
        "admin_token_revoke.html",
        status,
        fields=fields or {},
        reason=queries.entered_reason(),
        listed=listed,
        token=listed.token,
        child=_child(listed),
        made=services().revoking.descendants(public_id),
        with_descendants=with_descendants,
    )
