"""Everybody's tokens: finding them, all that is known of one, and revoking one.

Not here: revoking many (``by_filter``), what a pasted secret is (``identify``), and a rule (``app.services``).
"""

from datetime import timedelta
from typing import Any

from flask import redirect, request, url_for

from app.domain.errors import BadRequest
from app.domain.token_filter import TokenFilter
from app.domain.tokens import AccessToken, RefreshToken, TokenKind
from app.http.context import caller, parts, services
from app.http.guards import GuardedBlueprint
from app.services.listing import ListedToken, Page
from app.services.revoking import Ended
from app.web.admin import queries
from app.web.forms import fields_of, read_form, said, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION, asking_again
from app.web.rendering import page

tokens = GuardedBlueprint("web_tokens", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/tokens",
                          template_folder="../templates")  # fmt: skip

PAGE = 50
SOON = (7, 30)
"""Days that there is a ready link for."""


@tokens.get("")
def every() -> Any:
    """Everybody's: refresh tokens first, each tier newest first."""
    found, status, error = Page[ListedToken]([], None), 200, ""
    is_narrowed = False
    try:
        criteria = queries.token_filter(request.args)
        is_narrowed = not criteria.is_empty
        found = services().listing.both_tiers(criteria, queries.cursor(), PAGE)
    except BadRequest as refusal:
        status, error = 400, said(refusal)
    today = parts().clock().date()
    return page(
        "admin_tokens.html",
        status,
        items=found.items,
        pager=queries.pager(found.cursor),
        fields=queries.TOKEN_FIELDS.values(),
        typed=queries.typed(request.args, queries.TOKEN_FIELDS),
        is_narrowed=is_narrowed,
        error=error,
        today=today,
        soon=[(days, today + timedelta(days=days)) for days in SOON],
    )


@tokens.get("/<public_id>")
def one(public_id: str) -> Any:
    """All that is known of one, but its secret."""
    found = services().listing.find(public_id)
    above, below = _above(found.token), _below(found)
    return page("admin_token.html", found=found, token=found.token, above=above, below=below)


@tokens.get("/<public_id>/revoke")
def ask_revoke(public_id: str) -> Any:
    """The dialog to revoke one, which says what happens."""
    return _confirm(public_id)


@tokens.post("/<public_id>/revoke")
@asking_again
def revoke(public_id: str) -> Any:
    """Revoke it; a refresh token takes its access tokens with it."""
    try:
        ended = services().revoking.revoke(public_id, queries.reason(read_form()), caller())
    except BadRequest as refusal:
        return _confirm(public_id, status_of(refusal), fields_of(refusal))
    done = "revoked" if ended != Ended(0, 0) else "over"
    return redirect(url_for("web_tokens.one", public_id=public_id, done=done), 303)


def _above(token: RefreshToken | AccessToken) -> ListedToken | None:
    """The refresh token that an access token was minted from."""
    if not isinstance(token, AccessToken) or token.refresh_token_id is None:
        return None
    found = services().listing.tokens(TokenKind.REFRESH, TokenFilter(ids=[token.refresh_token_id]), limit=1)
    return found.items[0] if found.items else None


def _below(found: ListedToken) -> ListedToken | None:
    """The newest access token under a refresh token."""
    if isinstance(found.token, AccessToken):
        return None
    newest = services().overview.access_token_under(found.token.id)
    return None if newest is None else ListedToken(TokenKind.ACCESS, newest, found.name, found.owner)


def _confirm(public_id: str, status: int = 200, fields: dict[str, str] | None = None) -> Any:
    found = services().listing.find(public_id)
    values = {"found": found, "token": found.token, "below": _below(found)}
    return page("admin_token_revoke.html", status, fields=fields or {}, reason=queries.typed_reason(), **values)
