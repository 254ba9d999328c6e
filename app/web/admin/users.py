"""Users: the list, creating and changing them, and revoking all tokens of one."""

from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadCredentials, BadRequest, Conflict, RateLimited
from app.domain.identity import ApiTokens, Role, User, parse_user_id
from app.domain.ladder import OF_USERS, Act
from app.domain.passwords import RULES
from app.domain.token_filter import TokenFilter
from app.http.acts import does
from app.http.context import caller, parts, services
from app.http.guards import GuardedBlueprint
from app.services.keyset import Page
from app.services.revoking import Revoked
from app.web.admin import queries
from app.web.forms import field_errors, idempotency_key, is_checked, message, read_form, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION, PASSWORD_FIELD, is_fresh, prove, web_session
from app.web.rendering import page

users = GuardedBlueprint("web_users", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/users",
                         template_folder="../templates")  # fmt: skip

PAGE = 50
STATES = {"": None, "active": True, "disabled": False}
ROLES = [(role, role) for role in Role]

FILTERS = ("part", "role", "state")
NEW = ("username", "email", "new_role")
PERMANENT_HINT = (
    "Select this for a service account. Otherwise the password expires after 72 hours, and until then the pages "
    "require the user to choose another one."
)
SHOWS_ERROR = {"username", "email", "password", PASSWORD_FIELD}
"""Fields of the form for a new user that show their error."""


@users.get("")
def list_users() -> ResponseReturnValue:
    """Users, newest first, each with the number of active tokens."""
    try:
        found, status, error = _found(), 200, ""
    except BadRequest as refusal:
        found, status, error = Page[User]([], None), 400, message(refusal)
    return page(
        "admin_users.html",
        status,
        holdings=services().overview.holdings(found.items),
        pager=queries.pager(found.cursor),
        entered=queries.entered(request.args, FILTERS),
        roles=ROLES,
        error=error,
    )


@users.get("/new")
def new_user() -> ResponseReturnValue:
    """The dialog to create a user."""
    return _form(200, new_role=Role.VIEWER)


@users.post("/new")
@does(Act.CREATE_USER, has_password_field=True)
def create_user() -> ResponseReturnValue:
    """Create a user; without a password for single sign-on and service accounts.

    The form has a field for the administrator's password: the guard's question would put the new user's into a page.
    """
    form = read_form()
    entered = {name: form.get(name, "").strip() for name in NEW}
    try:
        prove_in(form)
        role = queries.word(form, "new_role", Role) or Role.VIEWER
        password = form.get("password") or None
        name, is_temporary = entered["username"], not is_checked("is_permanent")
        user = services().accounts.add(
            name, role, password, caller(), idempotency_key(), is_temporary=is_temporary, email=entered["email"]
        )
    except BadCredentials:
        return _form(403, fields={PASSWORD_FIELD: "Enter your own password to continue."}, **entered)
    except (BadRequest, Conflict, RateLimited) as refusal:
        return _form(status_of(refusal), message(refusal), field_errors(refusal), **entered)
    return redirect(url_for("web_users.show_user", user_id=user.id, done="created"), 303)


@users.get("/<user_id>")
def show_user(user_id: str) -> ResponseReturnValue:
    """A user's profile, permissions and tokens."""
    return _profile(_user(user_id))


@users.post("/<user_id>")
@does(*OF_USERS)
def change_user(user_id: str) -> ResponseReturnValue:
    """Change what the form names, all or nothing: the role, disabled or enabled, API tokens allowed or denied."""
    user = _user(user_id)
    try:
        changed = services().accounts.change(user.id, _changes(), caller())
    except (BadRequest, Conflict) as refusal:
        return _profile(user, status_of(refusal), message(refusal))
    if changed.id == web_session().user.id and not changed.is_administrator:
        return redirect(url_for("web_account.list_tokens"), 303)  # no administrator any more
    return redirect(url_for("web_users.show_user", user_id=user.id, done=_done(user, changed)), 303)


@users.post("/<user_id>/unlock")
@does(Act.UNLOCK_SIGN_IN)
def unlock(user_id: str) -> ResponseReturnValue:
    """Let a user sign in from new places again after many wrong passwords."""
    user = _user(user_id)
    done = "unlocked" if services().accounts.throttle.unlock(user.username, caller()) else "unchanged"
    return redirect(url_for("web_users.show_user", user_id=user.id, done=done), 303)


@users.get("/<user_id>/disable")
def confirm_disable(user_id: str) -> ResponseReturnValue:
    """The dialog to disable a user."""
    user = _user(user_id)
    return page("admin_user_disable.html", user=user, holding=services().overview.holdings([user])[0])


@users.get("/<user_id>/revoke-tokens")
def confirm_revoke_tokens(user_id: str) -> ResponseReturnValue:
    """The dialog to revoke all tokens of a user."""
    return _confirm(_user(user_id))


@users.post("/<user_id>/revoke-tokens")
@does(Act.REVOKE_OF_OTHERS, Act.REVOKE_ALL_OWN)
def revoke_tokens(user_id: str) -> ResponseReturnValue:
    """Revoke all tokens of a user, of both tiers."""
    user = _user(user_id)
    try:
        ended = services().revoking.revoke_user(user.username, queries.reason(read_form()), caller())
    except BadRequest as refusal:
        return _confirm(user, status_of(refusal), field_errors(refusal))
    done = "revoked" if ended != Revoked(0, 0) else "nothing"
    return redirect(url_for("web_users.show_user", user_id=user.id, done=done), 303)


def prove_in(form: dict[str, str]) -> None:
    """Refuse with BadCredentials unless the administrator's password was entered recently, or is in the form."""
    if is_fresh():
        return
    if PASSWORD_FIELD not in form:
        raise BadCredentials
    prove(form[PASSWORD_FIELD])


def _found() -> Page[User]:
    part = queries.text(request.args, "part", queries.LONGEST_NAME)
    role = queries.word(request.args, "role", Role)
    state = request.args.get("state", "")
    if state not in STATES:
        raise BadRequest("State is active or disabled.", {"state": ["Not a state."]})
    return services().user_list.users(part, role, STATES[state], queries.cursor(), PAGE)


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


def _profile(user: User, status: int = 200, error: str = "") -> Response:
    held = services().listing.both_tiers(TokenFilter(user_id=user.id), queries.cursor(), PAGE)
    return page(
        "admin_user.html",
        status,
        user=user,
        is_password_expired=user.password_expires_at is not None and user.password_expires_at <= parts().clock(),
        lock=services().accounts.throttle.lock_of(user.username),
        holding=services().overview.holdings([user])[0],
        sessions=len(services().sessions.of_user(user.id)),
        items=held.items,
        pager=queries.pager(held.cursor),
        roles=ROLES,
        error=error,
    )


def _confirm(user: User, status: int = 200, fields: dict[str, str] | None = None) -> Response:
    revocable = services().overview.revocable_of(user.id)
    return page("admin_user_revoke.html", status, user=user, revocable=revocable, fields=fields or {},
                reason=queries.entered_reason())  # fmt: skip


def _form(status: int, error: str = "", fields: dict[str, str] | None = None, **entered: str) -> Response:
    values: dict[str, Any] = {name: entered.get(name, "") for name in NEW}
    fields = fields or {}
    error = "" if fields.keys() & SHOWS_ERROR else error
    is_proved = is_fresh()
    values |= {"is_permanent": status != 200 and is_checked("is_permanent")}
    values |= {"rules": RULES, "permanent_hint": PERMANENT_HINT}
    return page("admin_user_new.html", status, error=error, fields=fields, is_proved=is_proved, roles=ROLES, **values)
