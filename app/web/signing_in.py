"""Sign-in, sign-out, the theme, and static files. Not here: the code of a second factor (``second_step``)."""

from typing import Any

from flask import Response, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadCredentials, NotFound, RateLimited, SignInRefused, TemporaryPassword, Unavailable
from app.domain.ladder import Act
from app.http.acts import does
from app.http.compression import from_memory
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.sessions import WaitsForCode
from app.web import cookies, remote_user
from app.web.forms import message, read_form, status_of
from app.web.guards import VISITOR
from app.web.provider_logout import page_on_the_way
from app.web.rendering import STATIC, asset_content, asset_version, page, retry_after
from app.web.returning import below_root, is_local, onward
from app.web.session import find_session
from app.web.ways_in import by_password, providers

entrance = GuardedBlueprint("web_entrance", __name__, guard=VISITOR, template_folder="templates")

A_YEAR = 365 * 24 * 3600

ENDED = (
    "Your session has ended: after 30 minutes without activity, after 12 hours, or because it was ended or your "
    "password was changed. Nothing else was changed. Sign in to continue."
)

NOTICES = {
    "ended": ENDED,
    "late": "The password was entered too long ago, or in another browser. Sign in again.",
    remote_user.SIGNED_OUT: "You are signed out of Daypass, but not of the reverse proxy in front of it.",
    "kept": f"{ENDED} What you entered is kept: you find it in the form, but for passwords.",
}
"""By why the browser was sent here."""

ELSEWHERE = (
    " A browser or a network where you signed in before may still work. "
    "If this goes on, a server administrator can unlock the account."
)
"""The same for names that do not exist."""


@entrance.get("/")
def home() -> ResponseReturnValue:
    """A redirect to the user's tokens, or to sign-in."""
    return redirect(url_for("web_account.list_tokens" if find_session() else "web_entrance.login"), 303)


@entrance.get("/login")
def login() -> ResponseReturnValue:
    """The sign-in form; a redirect where a user is signed in, or a reverse proxy signs one in."""
    known, target = find_session(), request.args.get("next", "")
    try:
        arrived = remote_user.arrive(known)
    except (SignInRefused, Unavailable) as refusal:
        return retry_after(_first_page(target, status_of(refusal), error=message(refusal), is_refused=True), refusal)
    if arrived is not None or known is not None:
        return arrived or redirect(onward(target), 303)
    return _first_page(target, notice=NOTICES.get(request.args.get("why", ""), ""))


@entrance.post("/login")
@does(Act.SIGN_IN)
def sign_in() -> ResponseReturnValue:
    """Start a session with a new id."""
    form = read_form()
    username, target = form.get("username", ""), form.get("next", "")
    try:
        before = cookies.session_cookie()
        account = services().accounts.counted_by(username)
        device = services().sessions.known_devices.find(cookies.device_cookie(), account)
        agent = request.headers.get("User-Agent")
        cookie = services().sessions.sign_in(username, form.get("password", ""), caller(), before, device, agent)
    except (BadCredentials, TemporaryPassword, SignInRefused, RateLimited, Unavailable) as refusal:
        error = message(refusal) + (ELSEWHERE if isinstance(refusal, RateLimited) else "")
        is_wrong = isinstance(refusal, BadCredentials)
        again = _login_page(target, username=username, error=error, is_wrong=is_wrong, status=status_of(refusal))
        return retry_after(again, refusal)
    if isinstance(cookie, WaitsForCode):
        answer = redirect(url_for("web_second_step.enter_code", next=target or None), 303)
        cookies.set_step_cookie(answer, cookie.text, step_path())
        return answer
    return signed_in(cookie, target, account)


def signed_in(cookie: str, target: str, account: str) -> Response:
    """The response that begins a session in this browser, which is known for the account from now on."""
    answer = redirect(onward(target), 303)
    cookies.set_session_cookie(answer, cookie)
    cookies.set_device_cookie(answer, services().sessions.known_devices.add(cookies.device_cookie(), account))
    return answer  # type: ignore[return-value]


@entrance.post("/logout")
@does(Act.SIGN_OUT)
def logout() -> ResponseReturnValue:
    """End the session, on the server; then the browser goes on to the provider that it began with, if any."""
    cookie, known = cookies.session_cookie(), find_session()
    hint = None if known is None else services().provider_logout.hint(known)
    if cookie is not None:
        services().sessions.sign_out(cookie, caller())  # before the provider is asked, which can be slow
    g.pop("web_session", None)  # it is over, for the page too
    return signed_out(page_on_the_way(hint))


def signed_out(way: Response | None = None) -> ResponseReturnValue:
    """The response after the session of this browser was ended. `way`: a page that goes on to the provider."""
    answer = way or make_response(redirect(remote_user.sign_in_page(), 303))
    cookies.delete_session_cookie(answer)
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@entrance.post("/theme")
@does()
def choose_theme() -> ResponseReturnValue:
    """Set the theme: light, dark, or the system's."""
    form = read_form()
    is_signed_in = find_session() is not None
    answer = redirect(onward(form.get("next", "")) if is_signed_in else url_for("web_entrance.login"), 303)
    chosen = form.get("theme")
    cookies.set_theme_cookie(answer, chosen if chosen in cookies.THEMES else None)
    return answer


@entrance.get("/static/<name>")
def file(name: str) -> Response:
    """A static file. Its address changes with its content."""
    if name not in STATIC:
        raise NotFound("file")
    answer = from_memory(asset_content(name), STATIC[name])
    is_this = request.args.get("v") == asset_version(name)  # or of another release, which serves beside this one
    answer.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable" if is_this else "no-cache"
    return answer


def _first_page(target: str, status: int = 200, **values: Any) -> Response:
    """The sign-in page, with a cookie for its form."""
    g.new_cookie = cookie = cookies.session_cookie() or services().sessions.new_cookie()
    answer = _login_page(target, status, **values)
    cookies.set_session_cookie(answer, cookie)
    return answer


def _login_page(target: str, status: int = 200, **values: Any) -> Response:
    target = target if is_local(below_root(target)) else ""
    values |= {"providers": providers(), "by_password": by_password()} | remote_user.way_back_in()
    return page("login.html", status, next=target, **values)


def step_path() -> str:
    """The only path for which the browser sends the cookie between password and code."""
    return url_for("web_second_step.enter_code")
