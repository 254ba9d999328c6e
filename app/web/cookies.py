"""The cookies of the pages: the session and the theme. Not here: what a session is (``app.services.sessions``)."""

import ipaddress

from flask import request
from werkzeug import Response

from app.domain.sessions import LONGEST

SESSION = "daypass"
SECURE_SESSION = "__Host-daypass"
"""Browsers accept a cookie with this prefix only over HTTPS, for this host and all of its paths (RFC 6265bis)."""

THEME = "daypass_theme"
THEMES = ("light", "dark")
A_YEAR = 365 * 24 * 3600


def is_loopback() -> bool:
    """Whether the browser is on this machine, by the host it requested; plain HTTP is safe there."""
    host = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def session_cookie() -> str | None:
    """The value that the browser sent."""
    return request.cookies.get(_session_name())


def set_session_cookie(answer: Response, value: str) -> None:
    """Set the cookie for the maximum length of a session."""
    secure = not is_loopback()
    answer.set_cookie(
        _session_name(), value, max_age=int(LONGEST.total_seconds()), path="/", secure=secure, httponly=True,
        samesite="Lax",
    )  # fmt: skip


def delete_session_cookie(answer: Response) -> None:
    answer.delete_cookie(_session_name(), path="/", secure=not is_loopback(), httponly=True, samesite="Lax")


def theme() -> str | None:
    """Light or dark; None for the system's."""
    chosen = request.cookies.get(THEME)
    return chosen if chosen in THEMES else None


def set_theme_cookie(answer: Response, chosen: str | None) -> None:
    """Store the choice; None deletes it."""
    flags = {"path": "/", "secure": not is_loopback(), "httponly": True, "samesite": "Lax"}
    if chosen is None:
        answer.delete_cookie(THEME, **flags)  # type: ignore[arg-type]
    else:
        answer.set_cookie(THEME, chosen, max_age=A_YEAR, **flags)  # type: ignore[arg-type]


def _session_name() -> str:
    return SESSION if is_loopback() else SECURE_SESSION
