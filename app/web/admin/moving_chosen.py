"""Moving the tokens that are chosen in the list to another owner: what would move, who gets it, and the move."""

from collections.abc import Sequence

from flask import Response, redirect, request
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Refusal
from app.domain.identity import parse_user_id
from app.domain.ladder import Act
from app.domain.text import count_of
from app.domain.token_filter import TokenFilter
from app.domain.tokens import AccessToken, TokenKind, TokenStatus
from app.http.acts import does
from app.http.context import caller, services
from app.services.listing import ListedToken
from app.services.moving import MOST_AT_ONCE, Proposal
from app.web.admin.chosen import chosen, kept, some_chosen
from app.web.admin.queries import Form
from app.web.admin.revoked import HOME
from app.web.admin.token_changes import token_changes
from app.web.done import after_act, number_done, what_was_done
from app.web.forms import message, read_form, status_of
from app.web.rendering import page
from app.web.returning import way_back
from app.web.token_moves import REFUSALS, about_refusal

BLUEPRINT = token_changes
"""The one of :mod:`app.web.admin.token_changes`, with these routes too."""

DONE, SHOWN = "moved-chosen", 20


@token_changes.get("/move-chosen")
def choose_owner_of_chosen() -> ResponseReturnValue:
    """The dialog to move them."""
    return _dialog(request.args)


@token_changes.post("/move-chosen")
@does(Act.MOVE_OF_OTHERS)
def move_chosen() -> ResponseReturnValue:
    """Move those that can be moved, all or none, after a page that names this owner."""
    form = read_form()
    to = form.get("to", "").strip().lower()
    try:
        public_ids = [each.token.public_id for each in _movable(some_chosen(form))]
        proposals = services().moving.propose_each(public_ids, to, caller())
        if not proposals or form.get("confirmed") != proposals[0].target.username:
            return _dialog(form, proposals=proposals)
        moved = services().moving.move_each(public_ids, to, caller(), form.get("reason", "").strip())
    except REFUSALS as refusal:
        return _dialog(form, refusal)
    about = {"moved": len(moved), "after": proposals[0].target.id}
    return redirect(after_act(way_back(HOME), done=DONE, **about), 303)


def moved_chosen_text() -> str:
    """What the address of the list says was moved."""
    done = what_was_done()
    if done.get("done") != DONE:
        return ""
    owner = services().accounts.by_id(parse_user_id(done.get("done-after", "")))
    moved = count_of(number_done(done, "moved"), "token")
    sent = f"Programs that send a user id with a refresh token must send {owner.id} now."
    return f"Moved {moved} to {owner.username}. {sent}"


def _movable(public_ids: Sequence[str]) -> list[ListedToken]:
    """Those that have not ended, without access tokens of refresh tokens, which move with these."""
    found = services().listing.both_tiers(TokenFilter(public_ids=list(public_ids)), limit=MOST_AT_ONCE + 1)
    return [each for each in found.items if _is_movable(each)]


def _is_movable(listed: ListedToken) -> bool:
    token = listed.token
    if isinstance(token, AccessToken):
        return token.refresh_token_id is None and token.status is TokenStatus.ACTIVE
    return token.status is not TokenStatus.REVOKED


def _dialog(form: Form, refusal: Refusal | None = None, proposals: Sequence[Proposal] = ()) -> Response:
    status, fields, error = about_refusal(refusal)
    items: list[ListedToken] = []
    try:
        items = _movable(some_chosen(form))
    except BadRequest as without:
        status, fields, error = status_of(without), {}, message(without)
    refresh = sum(each.kind is TokenKind.REFRESH for each in items)
    return page(
        "admin_tokens_move.html",
        status,
        items=items,
        shown=SHOWN,
        refresh_tokens=refresh,
        api_tokens=len(items) - refresh,
        chosen=len(chosen(form)),
        kept=kept(form),
        target=proposals[0].target if proposals else None,
        gaining=sorted({each.owner.username for each in proposals if each.gains_rights}),
        to=form.get("to", ""),
        reason=form.get("reason", ""),
        error=error,
        fields=fields,
        back=way_back(HOME),
    )
