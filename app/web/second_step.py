"""Sign-in, second step: the code of an account with a second factor, once the password was right."""

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadCredentials, RateLimited, Unavailable, WrongCode
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.second_steps import SecondStep
from app.web import cookies
from app.web.forms import message, read_form, status_of
from app.web.guards import VISITOR
from app.web.rendering import page, retry_after
from app.web.returning import below_root, is_local, onward
from app.web.session import find_session
from app.web.signing_in import ELSEWHERE, signed_in, step_path

second_step = GuardedBlueprint("web_second_step", __name__, guard=VISITOR, url_prefix="/login/code",
                               template_folder="templates")  # fmt: skip


@second_step.get("")
def enter_code() -> ResponseReturnValue:
    """The form for the code; a redirect where no password was shown, or too long ago."""
    if find_session() is not None:
        return redirect(onward(request.args.get("next", "")), 303)
    step = _present_step()
    return _begin_again(request.args.get("next", "")) if step is None else _form(step, request.args.get("next", ""))


@second_step.post("")
@does(Act.SIGN_IN)
def sign_in_with_code() -> ResponseReturnValue:
    """Start a session with a new id. The code is worth nothing after that."""
    form, step = read_form(), _present_step()
    code, target = form.get("code", ""), form.get("next", "")
    if step is None:
        return _begin_again(target)
    before, account, agent = cookies.session_cookie(), step.user.counted_by, request.headers.get("User-Agent")
    device = services().sessions.known_devices.find(cookies.device_cookie(), account)
    try:
        cookie = services().sessions.sign_in_with_code(step, code, caller(), before, device, agent)
    except (WrongCode, RateLimited, Unavailable) as refusal:
        return retry_after(_form(step, target, refusal), refusal)
    except BadCredentials:
        return _begin_again(target)
    answer = signed_in(cookie, target, account)
    cookies.delete_step_cookie(answer, step_path())
    return answer


def _present_step() -> SecondStep | None:
    return services().sessions.second_step(cookies.step_cookie(), cookies.session_cookie())


def _begin_again(target: str) -> Response:
    return redirect(url_for("web_entrance.login", next=target or None, why="late"), 303)  # type: ignore[return-value]


def _form(step: SecondStep, target: str, refusal: WrongCode | RateLimited | Unavailable | None = None) -> Response:
    error = "" if refusal is None else message(refusal)
    if isinstance(refusal, RateLimited):
        error += ELSEWHERE
    values = {"username": step.user.username, "is_wrong": isinstance(refusal, WrongCode)}
    status = 200 if refusal is None else status_of(refusal)
    return page("login_code.html", status, next=target if is_local(below_root(target)) else "", error=error, **values)
