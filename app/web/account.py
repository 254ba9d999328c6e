"""Account Settings: a user's refresh tokens, the page of each, and revoking one; also those of service accounts.

Not here: what shows a secret (``new_secrets``).
"""

from collections.abc import Mapping
from typing import Any

from flask import Response, redirect, request
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict, NotFound, NotPermitted
from app.domain.identity import User
from app.domain.ladder import Act
from app.domain.service_accounts import refuse_beyond
from app.domain.text import count_of
from app.domain.token_view import TokenView
from app.domain.tokens import RefreshToken, TokenKind
from app.http.acts import does
from app.http.context import caller, parts, services
from app.http.guards import GuardedBlueprint
from app.services.listing import ListedToken
from app.services.revoking import Revoked
from app.web.csv_export import csv_answer
from app.web.done import after_act, number_done, what_was_done
from app.web.forms import is_checked
from app.web.guards import IN_SESSION
from app.web.histories import lines_of
from app.web.list_view import ListView
from app.web.old_secrets import ENDED, ended_text
from app.web.own_lists import COLUMNS, export_row, shown, token_view
from app.web.rendering import page
from app.web.returning import way_back
from app.web.session import web_session
from app.web.token_homes import home, token_owner
from app.web.token_labels import edited_text
from app.web.token_moves import may_move_own, moved_away_text

account = GuardedBlueprint("web_account", __name__, guard=IN_SESSION, url_prefix="/account/auth",
                           template_folder="templates")  # fmt: skip

NEWEST_FIRST = "-created"


@account.get("")
def list_tokens() -> ResponseReturnValue:
    """The user's refresh tokens."""
    view = ListView.of_request(NEWEST_FIRST)
    try:
        wanted = token_view(view)
    except BadRequest as refusal:
        return _list(ListView(view.path, {}, NEWEST_FIRST), TokenView(), 400, refusal.message)
    return _list(view, wanted)


@account.get("/export")
def export_tokens() -> ResponseReturnValue:
    """The same list, whole, as CSV."""
    view = token_view(ListView.of_request(NEWEST_FIRST), user_id=token_owner().user.id, kind=TokenKind.REFRESH)
    found = services().token_lists.every(view)
    return csv_answer("refresh-tokens.csv", COLUMNS, (export_row(each.token, each.name) for each in found))


@account.get("/refresh-tokens/<public_id>")
def show_token(public_id: str) -> ResponseReturnValue:
    """A refresh token: facts, history, and what can be done with it."""
    history = services().token_history.of(public_id, only_of=token_owner().user.id)
    lines = lines_of(history, web_session().user.username)
    secrets = services().rotating.secrets(public_id, only_of=token_owner().user.id)
    done = _message() or edited_text(public_id)
    return token_page("own_token.html", public_id, lines=lines, secrets=secrets, done=done, back=page_of(public_id))


@account.get("/refresh-tokens/<public_id>/revoke")
def confirm_revoke(public_id: str) -> ResponseReturnValue:
    """The dialog to revoke a refresh token."""
    made = services().revoking.descendants(public_id, only_of=token_owner().user.id)
    return token_page("refresh_token_revoke.html", public_id, made=made, back=way_back(home()))


@account.post("/refresh-tokens/<public_id>/revoke")
@does(Act.REVOKE_OWN)
def revoke(public_id: str) -> ResponseReturnValue:
    """Revoke it and the access token under it; if the form says so, what was made with them."""
    owner, with_descendants = token_owner(), is_checked("with_descendants")
    revoked = services().revoking.revoke(
        public_id, owner.revoked_because, caller(), owner.user.id, with_descendants=with_descendants
    )
    return redirect(after_act(way_back(owner.home), done="revoked", token=public_id, **vars(revoked)), 303)


def own_token(public_id: str) -> ListedToken:
    """A refresh token of whom the page is about. Refuses with NotFound an unknown one and another user's."""
    listed = services().listing.find(public_id)
    if listed.kind is not TokenKind.REFRESH or listed.token.user_id != token_owner().user.id:
        raise NotFound("token")
    return listed


def token_page(template: str, public_id: str, **values: Any) -> Response:
    """A page about a refresh token of the user."""
    token = own_token(public_id).token
    assert isinstance(token, RefreshToken)
    policy = services().instance_settings.policy()
    about = {
        "token": token,
        "access_token": services().overview.access_token_under(token.id),
        "policy": policy,
        "lifetime": (lifetime := policy.refresh_token_lifetime(token.lifetime_days)),
        "renewed_until": token.renewed_until(parts().clock(), lifetime, policy.refresh_token_max_life),
        "may_move": may_move_own(),
        "overlap": policy.overlap_under(policy.reissue_of(token.access_token_reissue)),
    }
    return page(template, **about | values)


def _list(view: ListView, wanted: TokenView, status: int = 200, error: str = "") -> Response:
    owner, cursor = token_owner(), view.value("cursor") or None
    found = services().token_lists.refresh_tokens_of(owner.user.id, wanted, cursor, view.per_page)
    about = shown(view, found, f"{request.script_root}{owner.home}/export")
    about |= {"policy": services().instance_settings.policy(), "owner": owner.user, "account": owner.account}
    about |= {"may_move": may_move_own(), "denial": denial_of(owner.account)}
    return page("account_tokens.html", status, **about, error=error, done=_message())


def denial_of(account: User | None) -> str:
    """Why the user may create no tokens of a service account, as a sentence; empty where they may."""
    try:
        if account is not None:
            refuse_beyond(web_session().user, account)
    except (Conflict, NotPermitted) as refusal:
        return refusal.what
    return ""


def page_of(public_id: str) -> str:
    """The address of a refresh token's page, below the root."""
    return f"{home()}/refresh-tokens/{public_id}"


def _message() -> str:
    """What an act did, for the page that it leads back to."""
    done = what_was_done()
    if done.get("done") == "moved":
        return moved_away_text(done)
    if done.get("done") not in ("revoked", ENDED):
        return ""
    try:
        listed = own_token(done.get("done-token", ""))
    except NotFound:
        return ""
    if done["done"] == ENDED:
        return ended_text(listed)
    return revoked_text(listed.name, _numbers(done)) if listed.token.revoked_at else ""


def _numbers(done: Mapping[str, str]) -> Revoked:
    return Revoked(*(number_done(done, name) for name in ("refresh_tokens", "access_tokens", "descendants")))


def revoked_text(name: str, revoked: Revoked) -> str:
    """Such as "Revoked catalog-sync, its access token and 3 tokens created with it."."""
    if not revoked.refresh_tokens:
        return f"{name} was revoked already."
    own = revoked.access_tokens + revoked.refresh_tokens - revoked.descendants - 1
    parts = [name]
    parts += [f"its {count_of(own, 'access token') if own > 1 else 'access token'}"] if own > 0 else []
    parts += [f"{count_of(revoked.descendants, 'token')} created with it"] if revoked.descendants else []
    return f"Revoked {' and '.join([', '.join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)}."
