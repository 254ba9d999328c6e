"""Signing in and out, the choice of light or dark, and the files that pages are made of.

Not here: what a session is (``app.services.sessions``), and who may see which page (``guards``).
"""

import re
from typing import Any
from urllib.parse import urlsplit

from flask import Response, g, redirect, request, url_for

from app.domain.errors import BadCredentials, NotFound, RateLimited, Unavailable
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web import cookies
from app.web.forms import read_form, said, status_of
from app.web.guards import VISITOR, find_session
from app.web.rendering import STATIC, asset_content, page

entrance = GuardedBlueprint("web_entrance", __name__, guard=VISITOR, template_folder="templates")

LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
"""A path on this host in plain ASCII: no second slash or backslash at the start, which browsers take for a host."""

LONGEST_PATH = 2000
A_YEAR = 365 * 24 * 3600

ENDED = (
    "Your session has ended: after 30 minutes without use, after 12 hours, or because you signed out or your password "
    "was changed. Nothing was changed now; sign in to go on."
)


@entrance.get("/")
def home() -> Any:
    """To one's tokens, or to sign in."""
    return redirect(url_for("web_account.own_tokens" if find_session() else "web_entrance.login"), 303)


@entrance.get("/login")
def login() -> Any:
    """The form; whoever is signed in goes on at once."""
    if find_session() is not None:
        return redirect(_next(request.args.get("next", "")), 303)
    cookie = cookies.session_cookie() or services().sessions.new_cookie()
    g.new_cookie = cookie
    told = ENDED if request.args.get("why") == "ended" else ""
    answer = _login_page(request.args.get("next", ""), told=told)
    cookies.set_session_cookie(answer, cookie)
    return answer


@entrance.post("/login")
def sign_in() -> Any:
    """Begin a session, under a new id."""
    form = read_form()
    username, wanted = form.get("username", ""), form.get("next", "")
    try:
        before = cookies.session_cookie()
        cookie = services().sessions.sign_in(username, form.get("password", ""), caller(), before)
    except (BadCredentials, RateLimited, Unavailable) as refusal:
        answer = _login_page(wanted, username=username, error=said(refusal), status=status_of(refusal))
        if isinstance(refusal, RateLimited | Unavailable):
            answer.headers["Retry-After"] = str(refusal.retry_after)
        return answer
    onward = redirect(_next(wanted), 303)
    cookies.set_session_cookie(onward, cookie)
    return onward


@entrance.post("/logout")
def logout() -> Any:
    """End the session, on the server."""
    cookie = cookies.session_cookie()
    if cookie is not None:
        services().sessions.sign_out(cookie, caller())
    answer = redirect(url_for("web_entrance.login"), 303)
    cookies.forget_session_cookie(answer)
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@entrance.post("/theme")
def choose_theme() -> Any:
    """Light, dark, or as the system has it."""
    form = read_form()
    signed_in = find_session() is not None
    answer = redirect(_next(form.get("next", "")) if signed_in else url_for("web_entrance.login"), 303)
    chosen = form.get("theme")
    cookies.set_theme_cookie(answer, chosen if chosen in cookies.THEMES else None)
    return answer


@entrance.get("/static/<name>")
def file(name: str) -> Response:
    """What pages are made of. Their addresses change with their content."""
    if name not in STATIC:
        raise NotFound("file")
    answer = Response(asset_content(name), mimetype=STATIC[name])
    answer.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
    return answer


def _login_page(wanted: str, status: int = 200, **values: Any) -> Response:
    return page("login.html", status, next=wanted if _is_local(wanted) else "", **values)


def _next(wanted: str) -> str:
    return wanted if _is_local(wanted) else url_for("web_account.own_tokens")


def _is_local(wanted: str) -> bool:
    parsed = urlsplit(wanted) if LOCAL_PATH.fullmatch(wanted) and len(wanted) <= LONGEST_PATH else None
    return parsed is not None and not parsed.scheme and not parsed.netloc and not wanted.startswith("/log")
