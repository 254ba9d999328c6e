"""Who may see a page, and whether a form comes from one of ours.

Here belong the guards of the pages, and proving oneself again. Not here: the guards of the APIs (``app.http.guards``).
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import Response, abort, current_app, g, redirect, request, url_for

from app.domain.errors import BadCredentials, BadRequest, NotPermitted, RateLimited, Refusal, Unavailable
from app.domain.identity import refuse_unless_may_use_apis
from app.domain.sessions import WebSession
from app.http.context import CurrentUser, caller, services
from app.http.guards import ADMINISTRATORS_ONLY, Guard
from app.web.cookies import session_cookie
from app.web.forms import read_form, status_of
from app.web.rendering import page

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
PASSWORD_FIELD = "current_password"
NOT_OURS = "This form was not sent from a page of this browser. Reload the page and try again."
NO_COOKIE = (
    "Your browser did not send back the cookie of this page. Allow cookies; and if this is not your own machine, "
    "open Daypass over HTTPS: without it, browsers do not keep the cookie."
)

View = Callable[..., Any]


def web_session() -> WebSession:
    """Who is signed in, as the guard of this page found."""
    return cast(WebSession, g.web_session)


def find_session() -> WebSession | None:
    """Who is signed in, if anybody is."""
    known = services().sessions.find(session_cookie())
    if known is not None:
        g.web_session = known
        g.current_user = CurrentUser(known.user.id, known.user.username, known.user.role)
    return known


def _let_in() -> None:
    try:
        _refuse_forged_form()
    except BadRequest:
        # Of a page from before somebody signed out in another tab; there is nothing left to protect.
        if find_session() is None and not _is_from_elsewhere() and request.path.startswith(("/logout", "/theme")):
            abort(to_sign_in())
        raise
    find_session()


def _require_session() -> None:
    known = find_session()
    if known is None:
        # Only a page of a session holds a form: whoever sends one had a session.
        had_one = request.method in CHANGING or services().sessions.has_ended(session_cookie())
        abort(to_sign_in("ended" if had_one else ""))
    refuse_unless_may_use_apis(known.user.role)
    _refuse_forged_form()


def _require_administrator() -> None:
    _require_session()
    if not web_session().user.is_administrator:
        raise NotPermitted(ADMINISTRATORS_ONLY)


VISITOR = Guard("whoever looks at the pages", _let_in)
IN_SESSION = Guard("whoever is signed in on the pages", _require_session)
ADMINISTRATOR_IN_SESSION = Guard("administrator, signed in on the pages", _require_administrator)


def to_sign_in(why: str = "") -> Response:
    """Away to the page to sign in, and back to where this request was going; a form is filled in again there."""
    back = request.full_path.rstrip("?") if request.method == "GET" else _page_of_form()
    return cast(Response, redirect(url_for("web_entrance.login", next=back, why=why or None), 303))


def _page_of_form() -> str:
    """The page that holds the form which was sent: the form's own address, if there is a page at it."""
    routes = current_app.create_url_adapter(request)  # the rule of this request takes forms only
    has_page = routes is not None and routes.test(request.path, "GET")
    return request.path if has_page else url_for("web_account.own_tokens")


def _refuse_forged_form() -> None:
    """Another site can make a browser send a form to us, but neither know this browser's token nor claim our origin."""
    if request.method not in CHANGING:
        return
    cookie = session_cookie()
    token = read_form().get("form_token", "")
    if _is_from_elsewhere():
        raise BadRequest(NOT_OURS)
    if cookie is None:
        raise BadRequest(NO_COOKIE)
    if not services().sessions.is_form_token(cookie, token):
        raise BadRequest(NOT_OURS)


def _is_from_elsewhere() -> bool:
    """By what browsers say of a request, which pages can't change: https://www.w3.org/TR/fetch-metadata/.

    Without a referrer, ``Origin`` is ``null`` even from our own pages; then the form's token alone decides.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return True
    origin = request.headers.get("Origin", "null")
    return origin != "null" and origin.partition("://")[2].lower() != request.host.lower()


def asking_again(view: View) -> View:
    """For views that change what matters most: asks for the password when it was given a while ago.

    What the form held comes along, hidden, so that nothing is typed twice.
    """

    @wraps(view)
    def guarded(*arguments: Any, **named: Any) -> Any:
        if request.method not in CHANGING or services().sessions.is_fresh(web_session()):
            return view(*arguments, **named)
        password = read_form().get(PASSWORD_FIELD)
        if password is None:
            return _ask_again(None)
        try:
            services().sessions.prove(web_session(), password, caller())
        except (BadCredentials, RateLimited, Unavailable) as refusal:
            return _ask_again(refusal)
        return view(*arguments, **named)

    return guarded


def _ask_again(refusal: Refusal | None) -> Any:
    form = read_form()
    kept = {name: value for name, value in form.items() if name not in ("form_token", PASSWORD_FIELD)}
    answer = page("confirm_password.html", kept=kept, refusal=refusal, status=200 if refusal is None else 403)
    if isinstance(refusal, RateLimited | Unavailable):
        answer.status_code = status_of(refusal)
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer
