"""Account Settings: a user's password, and where the user is signed in."""

from typing import Any

from flask import Response, redirect
from flask.typing import ResponseReturnValue

from app.domain.errors import BadCredentials, BadRequest, RateLimited, TemporaryPassword, WrongCode
from app.domain.ladder import Act
from app.domain.passwords import RULES
from app.domain.sessions import parse_session_number
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.done import after_act, what_was_done
from app.web.forms import CODE_FIELD, WRONG_CODE, field_errors, is_checked, message, read_form, status_of
from app.web.fresh_proof import is_fresh, renew
from app.web.guards import IN_SESSION
from app.web.rendering import page, retry_after
from app.web.session import web_session
from app.web.signing_in import signed_out

passwords = GuardedBlueprint("web_passwords", __name__, guard=IN_SESSION, url_prefix="/account/password",
                             template_folder="templates")  # fmt: skip
security = GuardedBlueprint("web_security", __name__, guard=IN_SESSION, url_prefix="/account/security",
                            template_folder="templates")  # fmt: skip


@passwords.get("")
def edit_password() -> ResponseReturnValue:
    """The form to change the password."""
    return _password_page(done=what_was_done().get("done"))


@passwords.post("")
@does(Act.CHANGE_OWN_PASSWORD)
def change_password() -> ResponseReturnValue:
    """Change the password and end the user's other sessions; with the box ticked, revoke the user's tokens."""
    form, revokes = read_form(), is_checked("revoke_tokens")
    try:
        if form.get("password", "") != form.get("repeated", ""):
            raise BadRequest("", {"repeated": ["The passwords do not match."]})
        _change_password(form, revokes)
    except BadCredentials as refusal:
        return _password_page(status_of(refusal), revoke_tokens=revokes, fields=_errors(refusal))
    except (BadRequest, RateLimited, TemporaryPassword) as refusal:
        fields = field_errors(refusal)
        about = {"fields": fields, "error": "" if fields else message(refusal), "revoke_tokens": revokes}
        return retry_after(_password_page(status_of(refusal), **about), refusal)
    return redirect(after_act("/account/password", done="revoked" if revokes else "changed"), 303)


def _change_password(form: dict[str, str], revokes: bool) -> None:
    current, password, code = (form.get(name, "") for name in ("current", "password", CODE_FIELD))
    # In a session that is proved, the code is not asked for again, and the password alone does not make that last.
    is_proof = not web_session().second_factor.is_on or not is_fresh()
    services().changing_passwords.change(
        web_session(), current, password, caller(), code=code, revokes_tokens=revokes
    )  # fmt: skip
    renew(is_proof=is_proof)


def _errors(refusal: BadCredentials) -> dict[str, str]:
    return {CODE_FIELD: WRONG_CODE} if isinstance(refusal, WrongCode) else {"current": "Incorrect password."}


def _password_page(status: int = 200, **values: Any) -> Response:
    asks_code = web_session().second_factor.is_on and not is_fresh()
    return page("account_password.html", status, rules=RULES, asks_code=asks_code, **values)


@security.get("")
def show_sessions() -> ResponseReturnValue:
    """The user's sessions, the current one first."""
    here = web_session()
    others = [each for each in services().sessions.of_user(here.user.id) if each.id != here.id]
    return page(
        "account_security.html",
        sessions=[here, *others],
        here_id=here.id,
        done=what_was_done().get("done"),
        factor=services().enrolling.own(here.user.id),
    )


@security.post("/sessions/<session_number>/end")
@does(Act.SIGN_OUT)
def end_session(session_number: str) -> ResponseReturnValue:
    """End one of the user's sessions."""
    number = parse_session_number(session_number)
    services().sessions.end(web_session(), number, caller())
    return signed_out() if number == web_session().id else _back("ended")


@security.post("/end-others")
@does(Act.SIGN_OUT)
def end_others() -> ResponseReturnValue:
    """End the user's sessions except this one."""
    services().sessions.end_all(web_session().user.id, caller(), keeps=web_session().id)
    return _back("others")


@security.post("/end-all")
@does(Act.SIGN_OUT)
def end_all() -> ResponseReturnValue:
    """End all sessions of the user, this one included."""
    services().sessions.end_all(web_session().user.id, caller())
    return signed_out()


def _back(done: str) -> ResponseReturnValue:
    return redirect(after_act("/account/security", done=done), 303)
