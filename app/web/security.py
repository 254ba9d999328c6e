"""Account Settings: a user's password, and where the user is signed in."""

from flask import redirect
from flask.typing import ResponseReturnValue

from app.domain.errors import BadCredentials, BadRequest, RateLimited, TemporaryPassword
from app.domain.ladder import Act
from app.domain.passwords import RULES
from app.domain.sessions import parse_session_number
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.done import after_act, what_was_done
from app.web.forms import field_errors, is_checked, message, read_form, status_of
from app.web.guards import IN_SESSION, renew, web_session
from app.web.rendering import page, retry_after
from app.web.signing_in import signed_out

passwords = GuardedBlueprint("web_passwords", __name__, guard=IN_SESSION, url_prefix="/account/password",
                             template_folder="templates")  # fmt: skip
security = GuardedBlueprint("web_security", __name__, guard=IN_SESSION, url_prefix="/account/security",
                            template_folder="templates")  # fmt: skip


@passwords.get("")
def edit_password() -> ResponseReturnValue:
    """The form to change the password."""
    return page("account_password.html", rules=RULES, done=what_was_done().get("done"))


@passwords.post("")
@does(Act.CHANGE_OWN_PASSWORD)
def change_password() -> ResponseReturnValue:
    """Change the password and end the user's other sessions; with the box ticked, revoke the user's tokens."""
    form = read_form()
    current, password, revokes = form.get("current", ""), form.get("password", ""), is_checked("revoke_tokens")
    try:
        if password != form.get("repeated", ""):
            raise BadRequest("", {"repeated": ["The passwords do not match."]})
        services().changing_passwords.change(web_session(), current, password, caller(), revokes_tokens=revokes)
        renew()
    except BadCredentials as refusal:
        fields = {"current": "Incorrect password."}
        return page("account_password.html", status_of(refusal), fields=fields, rules=RULES, revoke_tokens=revokes)
    except (BadRequest, RateLimited, TemporaryPassword) as refusal:
        values = {"error": "" if field_errors(refusal) else message(refusal), "revoke_tokens": revokes, "rules": RULES}
        answer = page("account_password.html", status_of(refusal), fields=field_errors(refusal), **values)
        return retry_after(answer, refusal)
    return redirect(after_act("/account/password", done="revoked" if revokes else "changed"), 303)


@security.get("")
def show_sessions() -> ResponseReturnValue:
    """The user's sessions, the current one first."""
    here = web_session()
    others = [each for each in services().sessions.of_user(here.user.id) if each.id != here.id]
    return page("account_security.html", sessions=[here, *others], here_id=here.id, done=what_was_done().get("done"))


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
