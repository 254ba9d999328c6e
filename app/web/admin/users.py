"""Users: the list, its export, a user's page, and creating a user. Not here: changing one (``user_changes``)."""

from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadCredentials, BadRequest, Conflict, RateLimited, Refusal
from app.domain.identity import Kind, Role, parse_user_id
from app.domain.ladder import Act
from app.domain.passwords import RULES
from app.domain.token_search import normal_search
from app.domain.user_search import SEARCHED, UserCounts, UserOrder, UserSearch
from app.http.acts import does
from app.http.context import caller, parts, services
from app.http.guards import GuardedBlueprint
from app.services.keyset import Page
from app.services.overview import Holding
from app.services.user_list import FoundUsers
from app.web.admin import queries
from app.web.admin.events import event_rows
from app.web.admin.user_messages import message_after_act
from app.web.csv_export import csv_answer
from app.web.done import after_act
from app.web.forms import (
    CODE_FIELD,
    PASSWORD_FIELD,
    field_errors,
    idempotency_key,
    is_checked,
    message,
    proof_errors,
    read_form,
    status_of,
)
from app.web.fresh_proof import is_fresh, is_proved_at_provider, prove
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.list_view import ListView
from app.web.rendering import page

users = GuardedBlueprint("web_users", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/users",
                         template_folder="../templates")  # fmt: skip

STATES: dict[str, dict[str, Any]] = {
    "": {},
    "active": {"is_active": True},
    "disabled": {"is_active": False},
    "administrators": {"role": Role.SERVER_ADMIN},
    "service": {"kind": Kind.SERVICE},
    "deleted": {"is_deleted": True},
    "unanswered": {"kind": Kind.SERVICE, "is_unanswered": True},
}
"""The pills, and one that the overview leads to: what each narrows the search to."""

ROLES = [(role.value, role.value.replace("_", " ").title()) for role in Role]
NO_USERS = FoundUsers(Page([], None), UserCounts(0, 0, 0, 0, 0), 1)

NEW = ("username", "email", "first_name", "last_name", "new_role")
PERMANENT_HINT = (
    "Select this for a program that sends it. Otherwise the password expires after 72 hours, and until then the pages "
    "require the user to choose another one."
)
SHOWS_ERROR = {"username", "email", "first_name", "last_name", "password", PASSWORD_FIELD, CODE_FIELD}
"""Fields of the form for a new user that show their error."""

NEWEST_FIRST = "-created"

COLUMNS = (
    "user_id", "username", "email", "first_name", "last_name", "role", "is_active", "api_tokens", "created_at",
    "last_login_at", "active_refresh_tokens", "active_single_tier_tokens", "kind", "responsible", "deputy",
)  # fmt: skip


@users.get("")
def list_users() -> ResponseReturnValue:
    """Users with the number of their active tokens: searched, narrowed and ordered."""
    view = ListView.of_request(NEWEST_FIRST)
    try:
        found = services().user_list.found(_search(view), queries.cursor(), view.per_page)
    except BadRequest as refusal:
        return _list(view.without_secrets(), NO_USERS, 400, message(refusal))
    return _list(view, found)


@users.get("/export")
def export_users() -> ResponseReturnValue:
    """The same users, all of them, as a CSV file."""
    every = services().user_list.every(_search(ListView.of_request(NEWEST_FIRST)))
    return csv_answer("users.csv", COLUMNS, map(_cells, every))


@users.get("/new")
def new_user() -> ResponseReturnValue:
    """The dialog to create a user."""
    return _form(None, new_role=Role.VIEWER)


@users.post("/new")
@does(Act.CREATE_USER, has_password_field=True)
def create_user() -> ResponseReturnValue:
    """Create a person; without a password for single sign-on.

    The form has a field for the administrator's password: the guard's question would put the new user's into a page.
    """
    entered = {name: read_form().get(name, "").strip() for name in NEW}
    try:
        prove_in(read_form())
        user_id = _add(entered)
    except (BadCredentials, BadRequest, Conflict, RateLimited) as refusal:
        return _form(refusal, **entered)
    return redirect(after_act(f"/admin/users/{user_id}", done="created"), 303)


@users.get("/<user_id>")
def show_user(user_id: str) -> ResponseReturnValue:
    """A user's profile, permissions, newest tokens and history."""
    profile = services().user_profiles.of(parse_user_id(user_id))
    rows, told = event_rows(profile.events), message_after_act(profile)
    return page("admin_user.html", profile=profile, user=profile.user, rows=rows, told=told)


def prove_in(form: dict[str, str]) -> None:
    """Refuse with BadCredentials unless the administrator showed recently, or in the form, who they are."""
    if is_fresh():
        return
    if PASSWORD_FIELD not in form:
        raise BadCredentials
    prove(form[PASSWORD_FIELD], form.get(CODE_FIELD, ""))


def _search(view: ListView) -> UserSearch:
    state, order = request.args.get("state", ""), view.sort
    if state not in STATES:
        raise BadRequest(f"State is {' or '.join(filter(None, STATES))}.", {"state": ["Not a state."]})
    if order not in set(UserOrder):
        raise BadRequest("The list can't be sorted by that.", {"sort": ["Not a column."]})
    narrowed = {"role": queries.word(request.args, "role", Role)} | STATES[state]
    text, is_descending = normal_search(request.args.get("q", "")), view.direction == "descending"
    return UserSearch(text, order=UserOrder(order), is_descending=is_descending, **narrowed)


def _list(view: ListView, found: FoundUsers, status: int = 200, error: str = "") -> Response:
    rows = found.page
    view = view.of_rows(found.counts.matching, found.first, len(rows.items), rows.newer, rows.cursor)
    about: dict[str, Any] = {"roles": ROLES, "searched": SEARCHED, "told": message_after_act()}
    about["csv"] = f"{url_for('web_users.export_users')}{view.address().removeprefix(view.path)}"
    return page("admin_users.html", status, view=view, found=found, error=error, **about)


def _cells(held: Holding) -> dict[str, object]:
    user = held.user
    is_active = "yes" if user.is_enabled(parts().clock()) else "no"
    numbers = {"active_refresh_tokens": held.refresh_tokens, "active_single_tier_tokens": held.api_tokens}
    return vars(user) | {"user_id": user.id, "is_active": is_active} | numbers


def _add(entered: dict[str, str]) -> int:
    role = queries.word(read_form(), "new_role", Role) or Role.VIEWER
    profile = {name: entered[name] for name in ("email", "first_name", "last_name")}
    password, is_temporary = read_form().get("password") or None, not is_checked("is_permanent")
    made = services().accounts.add(
        entered["username"], role, password, caller(), idempotency_key(), is_temporary=is_temporary, **profile
    )
    return made.id


def _form(refusal: Refusal | None, **entered: str) -> Response:
    fields = field_errors(refusal) if refusal else {}
    error, status = message(refusal) if refusal else "", status_of(refusal) if refusal else 200
    if isinstance(refusal, BadCredentials):
        status, fields = 403, proof_errors(refusal)
    values: dict[str, Any] = {name: entered.get(name, "") for name in NEW}
    values |= {"is_permanent": refusal is not None and is_checked("is_permanent")}
    values |= {
        "rules": RULES,
        "permanent_hint": PERMANENT_HINT,
        "roles": ROLES,
        "is_proved": is_fresh() or is_proved_at_provider(),
    }
    error = "" if fields.keys() & SHOWS_ERROR else error
    return page("admin_user_new.html", status, error=error, fields=fields, **values)
