"""The cookies of the pages: the session, the device, the theme, a form that was not sent, and a sign-in that was begun.

Not here: what a session is (``app.services.sessions``), and what a device proves (``app.services.known_devices``).
"""

import ipaddress
import re
from typing import Any

from flask import Response as FlaskResponse
from flask import after_this_request, request
from werkzeug import Response

from app.domain.sessions import LONGEST
from app.http.context import parts
from app.services.known_devices import KEPT_FOR

SESSION = "daypass"
DEVICE = "daypass_device"
FORM = "daypass_form"
STEP = "daypass_step"
SIGN_IN = "daypass_sign_in_"
"""The beginning; what follows is of the `state`, so that two tabs can be at a provider at once."""

MOST_SIGN_INS = 2
"""Begun at once in a browser; one more takes the place of all: of a long way on, each has 3 KB."""

STATE = re.compile(r"[0-9a-f]{64}")
HOST, SECURE = "__Host-", "__Secure-"
"""Browsers accept a cookie with these prefixes only over HTTPS, the first only for all paths of this one host
(RFC 6265bis)."""

THEME = "daypass_theme"
THEMES = ("light", "dark")
A_YEAR = 365 * 24 * 3600
HALF_AN_HOUR, TEN_MINUTES, FIVE_MINUTES = 1800, 600, 300


def is_loopback() -> bool:
    """Whether the browser is on this machine, by the host it requested; plain HTTP is safe there."""
    public_url = parts().public_url
    requested = public_url.host if public_url else request.host
    host = requested.rpartition(":")[0] if requested.rpartition(":")[2].isdigit() else requested
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def session_cookie() -> str | None:
    """The value that the browser sent."""
    return request.cookies.get(_prefixed(SESSION))


def set_session_cookie(answer: Response, value: str) -> None:
    """Set the cookie for the maximum length of a session."""
    answer.set_cookie(_prefixed(SESSION), value, max_age=int(LONGEST.total_seconds()), **_attributes())


def delete_session_cookie(answer: Response) -> None:
    answer.delete_cookie(_prefixed(SESSION), **_attributes())


def device_cookie() -> str | None:
    """The value that the browser sent."""
    return request.cookies.get(_prefixed(DEVICE))


def set_device_cookie(answer: Response, value: str) -> None:
    """Set the cookie for as long as the device is known."""
    answer.set_cookie(_prefixed(DEVICE), value, max_age=int(KEPT_FOR.total_seconds()), **_attributes())


def form_cookie() -> str | None:
    """The form that this browser kept for this page, if any."""
    return request.cookies.get(_name_for_one_path(FORM))


def set_form_cookie(answer: Response, value: str, page: str) -> None:
    """Keep a form for half an hour. `page`: the only path for which the browser sends it."""
    answer.set_cookie(_name_for_one_path(FORM), value, max_age=HALF_AN_HOUR, **_attributes() | {"path": page})


def delete_form_cookie(answer: Response, page: str) -> None:
    answer.delete_cookie(_name_for_one_path(FORM), **_attributes() | {"path": page})


def step_cookie() -> str | None:
    """What this browser keeps between password and code, if anything."""
    return request.cookies.get(_name_for_one_path(STEP))


def set_step_cookie(answer: Response, value: str, page: str) -> None:
    """Keep it for five minutes. `page`: the only path for which the browser sends it."""
    answer.set_cookie(_name_for_one_path(STEP), value, max_age=FIVE_MINUTES, **_attributes() | {"path": page})


def delete_step_cookie(answer: Response, page: str) -> None:
    answer.delete_cookie(_name_for_one_path(STEP), **_attributes() | {"path": page})


def _name_for_one_path(name: str) -> str:
    return f"{SECURE}{name}" if _is_secure() else name  # HOST is for all paths of the host


def kept_sign_in(state: str) -> str | None:
    """What this browser kept of the sign-in with this state."""
    return request.cookies.get(_sign_in_name(state)) if STATE.fullmatch(state) else None


def keep_sign_in(answer: Response, state: str, value: str) -> None:
    """Keep it for ten minutes.

    As the session's cookie, it can't be set by another host of the same domain, which would sign its visitors in as
    somebody else.
    """
    others = [name for name in request.cookies if name.startswith(_sign_in_name(""))]
    for name in others if len(others) >= MOST_SIGN_INS else ():
        answer.delete_cookie(name, **_attributes())
    answer.set_cookie(_sign_in_name(state), value, max_age=TEN_MINUTES, **_attributes())


def forget_sign_in(state: str) -> None:
    """Whatever the response will be."""
    if kept_sign_in(state) is None:
        return

    @after_this_request
    def forget(answer: FlaskResponse) -> FlaskResponse:
        answer.delete_cookie(_sign_in_name(state), **_attributes())
        return answer


def _sign_in_name(state: str) -> str:
    return _prefixed(f"{SIGN_IN}{state[:8]}")


def theme() -> str | None:
    """Light or dark; None for the system's."""
    chosen = request.cookies.get(THEME)
    return chosen if chosen in THEMES else None


def set_theme_cookie(answer: Response, chosen: str | None) -> None:
    """Store the choice; None deletes it."""
    if chosen is None:
        answer.delete_cookie(THEME, **_attributes())
    else:
        answer.set_cookie(THEME, chosen, max_age=A_YEAR, **_attributes())


def _prefixed(name: str) -> str:
    if not _is_secure():
        return name
    return f"{SECURE if request.script_root else HOST}{name}"


def _attributes() -> dict[str, Any]:
    """Of all cookies: for the pages of this instance only, if it shares its host with others."""
    return {"path": request.script_root or "/", "secure": _is_secure(), "httponly": True, "samesite": "Lax"}


def _is_secure() -> bool:
    """Off this machine always: over plain HTTP browsers do not keep the cookie then."""
    public_url = parts().public_url
    return (public_url is not None and public_url.is_https) or not is_loopback()
