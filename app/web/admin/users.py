"""Users: finding, creating and changing them, and revoking their tokens.

Not here: tokens of everybody (``tokens``), and a rule (``app.services.accounts``).
"""

from typing import Any

from flask import redirect, request, url_for

from app.domain.errors import BadCredentials, BadRequest, Conflict, RateLimited
from app.domain.identity import ApiTokens, Role, User, parse_user_id
from app.domain.token_filter import TokenFilter
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.listing import Page
from app.services.revoking import Ended
from app.web.admin import queries
from app.web.forms import fields_of, once, read_form, said, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION, PASSWORD_FIELD, asking_again, web_session
from app.web.rendering import page

users = GuardedBlueprint("web_users", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/users",
                         template_folder="../templates")  # fmt: skip

PAGE = 50
STATES = {"": None, "active": True, "disabled": False}
ROLES = [(role, role) for role in Role]

FILTERS = ("part", "role", "state")
NEW = ("username", "email", "new_role")
SAYS_WHAT_IS_WRONG = {"username", "email", "password", PASSWORD_FIELD}
"""Fields of the form to make a user that show what is wrong with them."""


@users.get("")
def every() -> Any:
    """Users, newest first, each with the number of their active tokens."""
    try:
        found, status, error = _found(), 200, ""
    except BadRequest as refusal:
        found, status, error = Page[User]([], None), 400, said(refusal)
    return page(
        "admin_users.html",
        status,
        holdings=services().overview.holdings(found.items),
        pager=queries.pager(found.cursor),
        typed=queries.typed(request.args, FILTERS),
        roles=ROLES,
        error=error,
    )


@users.get("/new")
def ask_new() -> Any:
    """The dialog to make one."""
    return _form(200, new_role=Role.VIEWER)


@users.post("/new")
def create() -> Any:
    """Make a user; without a password for single sign-on and service accounts.

    The administrator's own password is a field of this form: ``asking_again`` would send the new one back to be kept.
    """
    form = read_form()
    typed = {name: form.get(name, "").strip() for name in NEW}
    try:
        _prove(form)
        role = queries.word(form, "new_role", Role) or Role.VIEWER
        password = form.get("password") or None
        user = services().accounts.add(typed["username"], role, password, caller(), once(), email=typed["email"])
    except BadCredentials:
        return _form(403, fields={PASSWORD_FIELD: "Give your own password to go on."}, **typed)
    except (BadRequest, Conflict, RateLimited) as refusal:
        return _form(status_of(refusal), said(refusal), fields_of(refusal), **typed)
    return redirect(url_for("web_users.one", user_id=user.id, done="created"), 303)


@users.get("/<user_id>")
def one(user_id: str) -> Any:
    """One user: who they are, what they may, and what they have."""
    return _profile(_user(user_id))


@users.post("/<user_id>")
@asking_again
def change(user_id: str) -> Any:
    """Change the role, disable or enable, allow or deny API tokens: what the form names, all or none."""
    user = _user(user_id)
    try:
        changed = services().accounts.change(user.id, _changes(), caller())
    except (BadRequest, Conflict) as refusal:
        return _profile(user, status_of(refusal), said(refusal))
    if changed.id == web_session().user.id and not changed.is_administrator:
        return redirect(url_for("web_account.own_tokens"), 303)  # these pages are no longer theirs
    return redirect(url_for("web_users.one", user_id=user.id, done=_done(user, changed)), 303)


@users.get("/<user_id>/disable")
def ask_disable(user_id: str) -> Any:
    """The dialog to disable one, which says what happens."""
    user = _user(user_id)
    return page("admin_user_disable.html", user=user, holding=services().overview.holdings([user])[0])


@users.get("/<user_id>/revoke-tokens")
def ask_revoke_tokens(user_id: str) -> Any:
    """The dialog to revoke all tokens of a user."""
    return _confirm(_user(user_id))


@users.post("/<user_id>/revoke-tokens")
@asking_again
def revoke_tokens(user_id: str) -> Any:
    """Revoke all of them, of both tiers."""
    user = _user(user_id)
    try:
        ended = services().revoking.revoke_user(user.username, queries.reason(read_form()), caller())
    except BadRequest as refusal:
        return _confirm(user, status_of(refusal), fields_of(refusal))
    done = "revoked" if ended != Ended(0, 0) else "nothing"
    return redirect(url_for("web_users.one", user_id=user.id, done=done), 303)


def _prove(form: dict[str, str]) -> None:
    if services().sessions.is_fresh(web_session()):
        return
    if PASSWORD_FIELD not in form:
        raise BadCredentials
    services().sessions.prove(web_session(), form[PASSWORD_FIELD], caller())


def _found() -> Page[User]:
    part = queries.text(request.args, "part", queries.LONGEST_NAME)
    role = queries.word(request.args, "role", Role)
    state = request.args.get("state", "")
    if state not in STATES:
        raise BadRequest("State is active or disabled.", {"state": ["Not a state."]})
    return services().listing.users(part, role, STATES[state], queries.cursor(), PAGE)


def _user(user_id: str) -> User:
    return services().accounts.by_id(parse_user_id(user_id))


def _changes() -> dict[str, str | bool]:
    form = read_form()
    changes: dict[str, str | bool] = {}
    role = queries.word(form, "role", Role)
    api_tokens = queries.word(form, "api_tokens", ApiTokens)
    if role is not None:
        changes["role"] = role
    if api_tokens is not None:
        changes["api_tokens"] = api_tokens
    if form.get("state") in ("active", "disabled"):
        changes["is_active"] = form["state"] == "active"
    return changes


def _done(before: User, after: User) -> str:
    if before.is_active != after.is_active:
        return "enabled" if after.is_active else "disabled"
    return "unchanged" if before == after else "saved"


def _profile(user: User, status: int = 200, error: str = "") -> Any:
    held = services().listing.both_tiers(TokenFilter(user_id=user.id), queries.cursor(), PAGE)
    return page(
        "admin_user.html",
        status,
        user=user,
        holding=services().overview.holdings([user])[0],
        items=held.items,
        pager=queries.pager(held.cursor),
        roles=ROLES,
        error=error,
    )


def _confirm(user: User, status: int = 200, fields: dict[str, str] | None = None) -> Any:
    ends = services().overview.revocable_of(user.id)
    return page("admin_user_revoke.html", status, user=user, ends=ends, fields=fields or {},
                reason=queries.typed_reason())  # fmt: skip


def _form(status: int, error: str = "", fields: dict[str, str] | None = None, **typed: str) -> Any:
    shown: dict[str, Any] = {name: typed.get(name, "") for name in NEW}
    at_a_field = fields or {}
    error = "" if at_a_field.keys() & SAYS_WHAT_IS_WRONG else error
    is_proved = services().sessions.is_fresh(web_session())
    return page(
        "admin_user_new.html", status, error=error, fields=at_a_field, is_proved=is_proved, roles=ROLES, **shown
    )
