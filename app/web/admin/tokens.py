"""All users' tokens: the list and its export, the details of one, and its revocation."""

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest
from app.domain.handles import public_id_in
from app.domain.ladder import Act
from app.domain.token_filter import TokenFilter
from app.domain.token_view import Group
from app.domain.tokens import CREATED_IN_FUTURE, AccessToken, RefreshToken, TokenKind
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.listing import ListedToken
from app.services.token_lists import TokenPage
from app.web.admin import queries, token_queries
from app.web.admin.moving_chosen import moved_chosen_text
from app.web.admin.revoked import HOME, after_revoking, message_after_revoking
from app.web.csv_export import csv_answer
from app.web.forms import field_errors, is_checked, message, read_form, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.histories import lines_of
from app.web.list_view import ListView
from app.web.old_secrets import ended_text
from app.web.rendering import page
from app.web.returning import way_back
from app.web.session import web_session
from app.web.token_groups import pills
from app.web.token_labels import edited_text
from app.web.token_moves import moved_text

tokens = GuardedBlueprint("web_tokens", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix=HOME,
                          template_folder="../templates")  # fmt: skip

COLUMNS = (
    "kind", "public_id", "name", "owner", "status", "created_at", "expires_at", "last_used_at", "last_used_ip",
    "revoked_at", "revoked_by", "revoke_reason",
)  # fmt: skip
"""Of an export."""

NOTHING = TokenPage[ListedToken]([], dict.fromkeys(Group, 0), 0, 0, None, None)


@tokens.get("")
def list_tokens() -> ResponseReturnValue:
    """All users' tokens, searched, narrowed and sorted."""
    view = ListView.of_request(token_queries.ORDER)
    try:
        asked = token_queries.token_view(request.args, view)
        found = services().token_lists.of_everybody(asked, queries.cursor(), view.per_page)
    except BadRequest as refusal:
        return _list(view.without_secrets(), NOTHING, status_of(refusal), message(refusal))
    if not found.items and found.counts[Group.ALL] and public_id_in(view.value(token_queries.SEARCH)):
        return redirect(view.without((token_queries.STATUS,)), 303)  # the one that was meant has another status
    return _list(view, found)


@tokens.get("/export")
def export() -> ResponseReturnValue:
    """The tokens of a list, all pages, without secrets."""
    asked = token_queries.token_view(request.args, ListView.of_request(token_queries.ORDER))
    rows = (vars(each.token) | vars(each) for each in services().token_lists.every(asked))
    return csv_answer("daypass-tokens.csv", COLUMNS, rows)


@tokens.get("/<public_id>")
def show_token(public_id: str) -> ResponseReturnValue:
    """The details of a token."""
    listed = services().listing.find(public_id)
    return page(
        "admin_token.html",
        listed=listed,
        token=listed.token,
        parent=_parent(listed.token),
        child=_child(listed),
        note=CREATED_IN_FUTURE if listed.token.created_in_future else None,
        made=services().revoking.descendants(public_id),
        lines=lines_of(services().token_history.of(public_id), web_session().user.username),
        secrets=services().rotating.secrets(public_id) if listed.kind is TokenKind.REFRESH else None,
        done=message_after_revoking(),
        changed=edited_text(public_id) or moved_text(listed) or ended_text(listed),
    )


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
        revoked = services().revoking.revoke(public_id, reason, caller(), with_descendants=with_descendants)
    except BadRequest as refusal:
        return _confirm(public_id, status_of(refusal), field_errors(refusal), with_descendants)
    return after_revoking(revoked, token=public_id)


def _list(view: ListView, found: TokenPage[ListedToken], status: int = 200, error: str = "") -> Response:
    return page(
        "admin_tokens.html",
        status,
        view=view.of_rows(found.total, found.first, len(found.items), found.previous, found.next),
        items=found.items,
        active=found.counts[Group.ACTIVE],
        pills=pills(found),
        chips=token_queries.chips(view),
        fields=token_queries.FIELDS.values(),
        query=token_queries.query_of(view),
        csv=f"{url_for('web_tokens.export')}{view.address().removeprefix(view.path)}",
        searched=token_queries.searched(view),
        error=error,
        moved=moved_chosen_text(),
        done=message_after_revoking(),
    )


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
        back=way_back(HOME),
    )
