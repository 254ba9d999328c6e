"""Changing a user: the role, who may create API tokens, disabling and enabling, and revoking all tokens."""

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict, Refusal
from app.domain.identity import ApiTokens, Role, User
from app.domain.ladder import Act
from app.domain.text import count_of_tokens
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.revoking import Revoked
from app.web.admin import queries
from app.web.admin.user_dialogs import dialog, user_in_path
from app.web.admin.user_messages import numbers_of, shown_next
from app.web.admin.users import ROLES
from app.web.forms import read_form
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.session import web_session

user_changes = GuardedBlueprint("web_user_changes", __name__, guard=ADMINISTRATOR_IN_SESSION,
                                url_prefix="/admin/users", template_folder="../templates")  # fmt: skip

STATES = ("active", "disabled")
API_TOKENS = [
    (ApiTokens.INHERIT.value, "As the instance settings define"),
    (ApiTokens.ALLOW.value, "Allowed"),
    (ApiTokens.DENY.value, "Denied"),
]


@user_changes.post("/<user_id>")
@does(Act.ENABLE_USER, Act.DISABLE_USER)
def change_state(user_id: str) -> ResponseReturnValue:
    """Disable or enable a user."""
    user, state = user_in_path(user_id), read_form().get("state", "")
    try:
        changed = _change(user, {"is_active": state == "active"} if state in STATES else {})
    except Conflict as refusal:
        return _state("admin_user_disable.html", user, refusal)
    done = "enabled" if changed.is_active else "disabled"
    is_same = (changed.is_active, changed.sign_in_by) == (user.is_active, user.sign_in_by)
    return shown_next(user, "unchanged" if is_same else done)


@user_changes.get("/<user_id>/role")
def edit_role(user_id: str) -> ResponseReturnValue:
    """The dialog to change a user's role."""
    return _role(user_in_path(user_id))


@user_changes.post("/<user_id>/role")
@does(Act.RAISE_ROLE, Act.LOWER_ROLE)
def change_role(user_id: str) -> ResponseReturnValue:
    """Change a user's role."""
    user = user_in_path(user_id)
    try:
        role = queries.word(read_form(), "role", Role)
        changed = _change(user, {"role": role} if role else {})
    except (BadRequest, Conflict) as refusal:
        return _role(user, refusal)
    if changed.id == web_session().user.id and not changed.is_administrator:
        return redirect(url_for("web_account.list_tokens"), 303)  # no administrator any more
    return shown_next(user, "role" if changed.role != user.role else "unchanged")


@user_changes.get("/<user_id>/api-tokens")
def edit_api_tokens(user_id: str) -> ResponseReturnValue:
    """The dialog about who may create API tokens."""
    return _api_tokens(user_in_path(user_id))


@user_changes.post("/<user_id>/api-tokens")
@does(Act.ALLOW_API_TOKENS, Act.DENY_API_TOKENS)
def change_api_tokens(user_id: str) -> ResponseReturnValue:
    """Change whether a user may create API tokens."""
    user = user_in_path(user_id)
    try:
        api_tokens = queries.word(read_form(), "api_tokens", ApiTokens)
        changed = _change(user, {"api_tokens": api_tokens} if api_tokens else {})
    except BadRequest as refusal:
        return _api_tokens(user, refusal)
    return shown_next(user, "api-tokens" if changed.api_tokens != user.api_tokens else "unchanged")


@user_changes.get("/<user_id>/disable")
def confirm_disable(user_id: str) -> ResponseReturnValue:
    """The dialog to disable a user."""
    return _state("admin_user_disable.html", user_in_path(user_id))


@user_changes.get("/<user_id>/enable")
def confirm_enable(user_id: str) -> ResponseReturnValue:
    """The dialog to enable a user."""
    return _state("admin_user_enable.html", user_in_path(user_id))


@user_changes.get("/<user_id>/revoke-tokens")
def confirm_revoke_tokens(user_id: str) -> ResponseReturnValue:
    """The dialog to revoke all tokens of a user."""
    return _confirm(user_in_path(user_id))


@user_changes.post("/<user_id>/revoke-tokens")
@does(Act.REVOKE_OF_OTHERS, Act.REVOKE_ALL_OWN)
def revoke_tokens(user_id: str) -> ResponseReturnValue:
    """Revoke all tokens of a user, of both tiers."""
    user = user_in_path(user_id)
    try:
        ended = services().revoking.revoke_user(user.username, queries.reason(read_form()), caller())
    except BadRequest as refusal:
        return _confirm(user, refusal)
    return shown_next(user, "revoked" if ended != Revoked(0, 0) else "nothing", **numbers_of(ended))


def _change(user: User, changes: dict[str, str | bool]) -> User:
    return services().accounts.change(user.id, changes, caller())


def _role(user: User, refusal: Refusal | None = None) -> ResponseReturnValue:
    chosen = read_form().get("role", "") if refusal else user.role.value
    return dialog("admin_user_role.html", user, refusal, roles=ROLES, chosen=chosen)


def _api_tokens(user: User, refusal: Refusal | None = None) -> ResponseReturnValue:
    holding = services().overview.holdings([user])[0]
    return dialog("admin_user_api_tokens.html", user, refusal, options=API_TOKENS, holding=holding)


def _state(template: str, user: User, refusal: Refusal | None = None) -> ResponseReturnValue:
    accounts = [each.user for each in services().service_accounts.left_by(user.id)]
    about = {"holding": services().overview.holdings([user])[0], "accounts": accounts}
    deputy_of = len(services().service_accounts.of(user.id)) - len(accounts)
    return dialog(template, user, refusal, **about, deputy_of=deputy_of)


def _confirm(user: User, refusal: Refusal | None = None) -> ResponseReturnValue:
    revocable = services().overview.revocable_of(user.id)
    tokens = count_of_tokens(revocable.refresh_tokens, revocable.access_tokens)
    reason = queries.entered_reason()
    return dialog("admin_user_revoke.html", user, refusal, revocable=revocable, tokens=tokens, reason=reason)
