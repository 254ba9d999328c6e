"""Preferences: a user's single-tier API tokens; also those of service accounts (``service_api_tokens``)."""

from datetime import timedelta
from typing import Any

from flask import Response, redirect, request
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, FeatureOff, LimitReached, NotFound, NotPermitted, RateLimited, Refusal
from app.domain.ladder import Act
from app.domain.text import count_of
from app.domain.token_view import TokenView
from app.domain.tokens import AccessToken, TokenKind, TokenStatus
from app.http.acts import does
from app.http.context import caller, parts, services
from app.http.guards import GuardedBlueprint
from app.services.listing import ListedToken
from app.web.account import denial_of
from app.web.csv_export import csv_answer
from app.web.done import after_act, number_done, what_was_done
from app.web.forms import field_errors, idempotency_key, is_checked, message, read_form, status_of
from app.web.guards import IN_SESSION
from app.web.histories import lines_of
from app.web.lifetimes import chosen_days, lifetimes
from app.web.list_view import ListView
from app.web.own_lists import COLUMNS, export_row, shown, token_view
from app.web.rendering import page, retry_after
from app.web.returning import way_back
from app.web.session import web_session
from app.web.token_homes import PREFERENCES, api_home, token_owner
from app.web.token_labels import edited_text
from app.web.token_moves import may_move_own, moved_away_text

preferences = GuardedBlueprint("web_preferences", __name__, guard=IN_SESSION, url_prefix=PREFERENCES,
                               template_folder="templates")  # fmt: skip

NEWEST_FIRST = "-created"
A_YEAR = 365


@preferences.get("")
def list_tokens() -> ResponseReturnValue:
    """The user's tokens, and why they may not generate any."""
    view = ListView.of_request(NEWEST_FIRST)
    try:
        wanted = token_view(view)
    except BadRequest as refusal:
        return _list(ListView(view.path, {}, NEWEST_FIRST), TokenView(), 400, refusal.message)
    return _list(view, wanted)


@preferences.get("/export")
def export_tokens() -> ResponseReturnValue:
    """The same list, whole, as CSV."""
    owned: dict[str, Any] = {"user_id": token_owner().user.id, "kind": TokenKind.ACCESS, "is_own_single_tier": True}
    found = services().token_lists.every(token_view(ListView.of_request(NEWEST_FIRST), **owned))
    return csv_answer("api-tokens.csv", ("uuid", *COLUMNS), (export_row(each.token, each.name) for each in found))


@preferences.get("/new")
def new_token() -> ResponseReturnValue:
    """The dialog to generate a token."""
    return _form()


@preferences.post("/new")
@does(Act.CREATE_API_TOKEN)
def generate() -> ResponseReturnValue:
    """Generate a token and show its value once."""
    form, user_id = read_form(), token_owner().user.id
    try:
        description = form.get("description", "").strip() or None
        issued = services().single_tier.generate(user_id, _lifetime(), description, caller(), idempotency_key())
    except (BadRequest, FeatureOff, LimitReached, NotFound, NotPermitted, RateLimited) as refusal:
        return retry_after(_form(refusal), refusal)
    return page("api_token_reveal.html", token=issued.token, secret=issued.secret, back=api_home())


@preferences.get("/<api_token>")
def show_token(api_token: str) -> ResponseReturnValue:
    """A token, by its public id: facts and history; also of one that somebody revoked."""
    history = services().token_history.of(api_token, only_of=token_owner().user.id)
    lines = lines_of(history, web_session().user.username)
    listed = services().listing.find(api_token)
    if not is_single_tier(listed):
        raise NotFound("token")
    return page(
        "own_api_token.html", token=listed.token, lines=lines, done=edited_text(api_token), may_move=may_move_own()
    )


@preferences.get("/<uuid>/delete")
def confirm_delete(uuid: str) -> ResponseReturnValue:
    """The dialog to delete a token."""
    token = services().single_tier.get(uuid, token_owner().user.id)
    made = services().revoking.descendants(token.public_id, token.user_id)
    return page("api_token_delete.html", token=token, made=made, back=way_back(api_home()))


@preferences.post("/<uuid>/delete")
@does(Act.REVOKE_OWN)
def delete(uuid: str) -> ResponseReturnValue:
    """Revoke it; if the form says so, what was made with it."""
    owner, with_descendants = token_owner(), is_checked("with_descendants")
    token = services().single_tier.get(uuid, owner.user.id).public_id
    made = services().single_tier.delete(
        uuid, caller(), owner.user.id, with_descendants=with_descendants, because=owner.revoked_because
    )
    return redirect(after_act(way_back(api_home()), done="deleted", token=token, descendants=made), 303)


def is_single_tier(listed: ListedToken) -> bool:
    """Whether it is an access token without a refresh token."""
    return isinstance(listed.token, AccessToken) and listed.token.refresh_token_id is None


def _list(view: ListView, wanted: TokenView, status: int = 200, error: str = "") -> Response:
    owner, cursor = token_owner(), view.value("cursor") or None
    found = services().token_lists.api_tokens_of(owner.user.id, wanted, cursor, view.per_page)
    about = shown(view, found, f"{request.script_root}{api_home()}/export")
    return page(
        "preferences_tokens.html",
        status,
        **about,
        account=owner.account,
        error=error,
        done=_message(),
        denial=_denial(),
        may_move=may_move_own(),
    )


def _message() -> str:
    """What an act did. The token is read again: an address is opened again later."""
    done = what_was_done()
    if done.get("done") == "moved":
        return moved_away_text(done)
    if done.get("done") != "deleted":
        return ""
    try:
        listed = services().listing.find(done.get("done-token", ""))
    except NotFound:
        return ""
    if listed.token.user_id != token_owner().user.id or listed.token.status is TokenStatus.ACTIVE:
        return ""
    made, name = number_done(done, "descendants"), listed.name or listed.token.public_id
    return (
        f"Deleted {name} and {count_of(made, 'token')} created with it."
        if made
        else f"Deleted {name}. It no longer works."
    )


def _form(refusal: Refusal | None = None) -> Response:
    policy, form = services().instance_settings.policy(), read_form() if request.method == "POST" else {}
    longest = None if policy.api_token_max_lifetime is None else policy.api_token_max_lifetime.days
    proposed = policy.proposed_api_token_lifetime.days
    fields = {} if refusal is None else field_errors(refusal)
    return page(
        "api_token_new.html",
        200 if refusal is None else status_of(refusal),
        error="" if refusal is None or fields else message(refusal),
        fields=fields,
        options=lifetimes(
            (A_YEAR, proposed, longest or A_YEAR), longest, form, "lifetime", str(proposed), parts().clock()
        ),
        description=form.get("description", ""),
        denial=_denial(),
    )


def _denial() -> str:
    """Why the user may not generate tokens, as a sentence; empty where they may."""
    owner = token_owner()
    try:
        services().single_tier.refuse_unless_may_generate(owner.user.id)
    except (FeatureOff, NotPermitted) as refusal:
        return refusal.what
    return denial_of(owner.account)


def _lifetime() -> timedelta | None:
    days = chosen_days(read_form(), "lifetime", parts().clock())
    return None if days is None else timedelta(days=days)
