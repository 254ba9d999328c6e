"""How a user gets in: an administrator sets the password, ends the sessions, or unlocks sign-in."""

from flask import Response
from flask.typing import ResponseReturnValue

from app.domain.errors import BadCredentials, BadRequest, Conflict, RateLimited, Refusal
from app.domain.identity import User
from app.domain.ladder import Act
from app.domain.passwords import RULES
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.admin.user_dialogs import dialog, user_in_path
from app.web.admin.user_messages import numbers_of, shown_next
from app.web.admin.users import PERMANENT_HINT, prove_in
from app.web.forms import is_checked, proof_errors, read_form
from app.web.fresh_proof import is_fresh, is_proved_at_provider
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.session import web_session

user_access = GuardedBlueprint("web_user_access", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/users",
                               template_folder="../templates")  # fmt: skip


@user_access.get("/<user_id>/password")
def edit_password(user_id: str) -> ResponseReturnValue:
    """The dialog to set a user's password."""
    return _form(user_in_path(user_id))


@user_access.post("/<user_id>/password")
@does(Act.SET_PASSWORD, Act.REVOKE_OF_OTHERS, has_password_field=True)
def set_password(user_id: str) -> ResponseReturnValue:
    """Set it, temporary by default; with the box ticked, revoke the user's tokens.

    As in the form for a new user, the administrator's own password is a field of the form.
    """
    user, form = user_in_path(user_id), read_form()
    is_temporary, revokes = not is_checked("is_permanent"), is_checked("revoke_tokens")
    try:
        prove_in(form)
        done = services().changing_passwords.set(
            user.id, form.get("password", ""), caller(), is_temporary=is_temporary, revokes_tokens=revokes
        )
    except (BadCredentials, BadRequest, Conflict, RateLimited) as refusal:
        return _form(user, refusal)
    if done.revoked is None:
        return shown_next(user, "password")
    return shown_next(user, "password-revoked", **numbers_of(done.revoked))


@user_access.get("/<user_id>/end-sessions")
def confirm_end_sessions(user_id: str) -> ResponseReturnValue:
    """The dialog to end a user's sessions."""
    user = user_in_path(user_id)
    sessions = [each for each in services().sessions.of_user(user.id) if each.id != web_session().id]
    return dialog("admin_user_end_sessions.html", user, sessions=len(sessions))


@user_access.post("/<user_id>/end-sessions")
@does(Act.END_SESSIONS_OF_OTHERS)
def end_sessions(user_id: str) -> ResponseReturnValue:
    """End a user's sessions; of the administrator's own, this one goes on."""
    user, here = user_in_path(user_id), web_session()
    return shown_next(user, "signed-out", sessions=services().sessions.end_all(user.id, caller(), keeps=here.id))


@user_access.post("/<user_id>/unlock")
@does(Act.UNLOCK_SIGN_IN)
def unlock(user_id: str) -> ResponseReturnValue:
    """Let a user sign in from new places again after many wrong passwords."""
    user = user_in_path(user_id)
    was_locked = services().accounts.throttle.unlock(user.counted_by, caller())
    return shown_next(user, "unlocked" if was_locked else "unchanged")


def _form(user: User, refusal: Refusal | None = None) -> Response:
    is_sent = refusal is not None
    values = {
        "is_proved": is_fresh() or is_proved_at_provider(),
        "is_permanent": is_sent and is_checked("is_permanent"),
        "revoke_tokens": is_sent and is_checked("revoke_tokens"),
        "rules": RULES,
        "permanent_hint": PERMANENT_HINT,
    }
    if isinstance(refusal, BadCredentials):
        own = {"fields": proof_errors(refusal), "error": ""}
        answer = dialog("admin_user_password.html", user, refusal, **values | own)
        answer.status_code = 403
        return answer
    return dialog("admin_user_password.html", user, refusal, **values)
