"""How a user gets in: an administrator sets the password, or ends the sessions."""

from flask import Response, redirect, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadCredentials, BadRequest, Conflict, RateLimited
from app.domain.identity import User, parse_user_id
from app.domain.ladder import Act
from app.domain.passwords import RULES
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.admin.users import PERMANENT_HINT, prove_in
from app.web.forms import field_errors, is_checked, message, read_form, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION, PASSWORD_FIELD, is_fresh, web_session
from app.web.rendering import page

user_access = GuardedBlueprint("web_user_access", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/users",
                               template_folder="../templates")  # fmt: skip


@user_access.get("/<user_id>/password")
def edit_password(user_id: str) -> ResponseReturnValue:
    """The dialog to set a user's password."""
    return _form(_user(user_id), 200)


@user_access.post("/<user_id>/password")
@does(Act.SET_PASSWORD, Act.REVOKE_OF_OTHERS, has_password_field=True)
def set_password(user_id: str) -> ResponseReturnValue:
    """Set it, temporary by default; with the box ticked, revoke the user's tokens.

    As in the form for a new user, the administrator's own password is a field of the form.
    """
    user, form = _user(user_id), read_form()
    is_temporary, revokes = not is_checked("is_permanent"), is_checked("revoke_tokens")
    try:
        prove_in(form)
        services().changing_passwords.set(
            user.id, form.get("password", ""), caller(), is_temporary=is_temporary, revokes_tokens=revokes
        )
    except BadCredentials:
        return _form(user, 403, fields={PASSWORD_FIELD: "Enter your own password to continue."})
    except (BadRequest, Conflict, RateLimited) as refusal:
        return _form(user, status_of(refusal), message(refusal), field_errors(refusal))
    return _back(user, "password-revoked" if revokes else "password")


@user_access.get("/<user_id>/end-sessions")
def confirm_end_sessions(user_id: str) -> ResponseReturnValue:
    """The dialog to end a user's sessions."""
    user = _user(user_id)
    sessions = [each for each in services().sessions.of_user(user.id) if each.id != web_session().id]
    return page("admin_user_end_sessions.html", user=user, sessions=len(sessions))


@user_access.post("/<user_id>/end-sessions")
@does(Act.END_SESSIONS_OF_OTHERS)
def end_sessions(user_id: str) -> ResponseReturnValue:
    """End a user's sessions; of the administrator's own, this one goes on."""
    user, here = _user(user_id), web_session()
    services().sessions.end_all(user.id, caller(), keeps=here.id)
    return _back(user, "signed-out")


def _user(user_id: str) -> User:
    return services().accounts.by_id(parse_user_id(user_id))


def _back(user: User, done: str) -> ResponseReturnValue:
    return redirect(url_for("web_users.show_user", user_id=user.id, done=done), 303)


def _form(user: User, status: int, error: str = "", fields: dict[str, str] | None = None) -> Response:
    is_sent = status != 200
    return page(
        "admin_user_password.html",
        status,
        user=user,
        error="" if fields else error,
        fields=fields or {},
        is_proved=is_fresh(),
        is_permanent=is_sent and is_checked("is_permanent"),
        revoke_tokens=is_sent and is_checked("revoke_tokens"),
        rules=RULES,
        permanent_hint=PERMANENT_HINT,
    )
