"""Rendering of pages: templates and their common values, formatting, and headers."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Flask, Response, g, make_response, render_template, request
from markupsafe import Markup
from werkzeug.local import LocalProxy

from app.domain.clock import utc_text
from app.domain.errors import RateLimited, Refusal, Unavailable
from app.domain.masking import mask
from app.domain.text import count_of
from app.domain.token_view import DAYS_BEFORE_EXPIRY
from app.domain.tokens import AccessToken, RefreshToken, TokenKind, TokenStatus
from app.http.context import parts, services
from app.http.proxies import is_https
from app.web import histories, token_homes
from app.web.cookies import session_cookie, theme
from app.web.form_tokens import padded
from app.web.forms import message, new_idempotency_key
from app.web.ways_in import provider_label, way_in

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Vary": "Cookie",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""No inline script or style; no other site may frame a page, receive a form, or see the address a link is on."""

STATIC = {"daypass.css": "text/css", "daypass.js": "text/javascript", "daypass.svg": "image/svg+xml"}

_UNITS = (("year", 365 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))
"""Seconds. No months: lifetimes are set in days."""

_YEARS_FROM = 2 * 365 * 86400

SOON = timedelta(days=DAYS_BEFORE_EXPIRY)


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A response with a rendered template. On a page that refuses, entered text is shown without secrets."""
    if status >= 400:
        values = {name: mask(value) if isinstance(value, str) else value for name, value in values.items()}
    answer = make_response(render_template(template, **values), status)
    answer.headers.update(HEADERS)
    return answer


def retry_after(answer: Response, refusal: Refusal) -> Response:
    """A page that shows a refusal, with when to try again, where that is known."""
    if isinstance(refusal, RateLimited | Unavailable):
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def install_rendering(app: Flask) -> None:
    """Add filters, functions and common values to the templates."""
    app.jinja_env.filters["instant"] = instant
    app.jinja_env.filters["status_word"] = status_word
    app.jinja_env.filters["isolated"] = isolated
    app.jinja_env.filters["day"] = day
    app.jinja_env.filters["handle"] = handle
    app.jinja_env.filters["utc"] = utc_text
    app.jinja_env.filters["exact"] = exact
    app.jinja_env.filters["utc_time"] = utc_time
    app.jinja_env.filters["provider"] = provider_label
    app.jinja_env.filters["way_in"] = way_in
    app.jinja_env.tests["expiring_soon"] = is_expiring_soon
    app.jinja_env.tests["enabled"] = lambda user: user.is_enabled(parts().clock())
    app.jinja_env.tests["leaving_soon"] = lambda user: user.is_leaving_soon(parts().clock())
    app.jinja_env.globals.update(
        new_idempotency_key=new_idempotency_key,
        asset=asset,
        message=message,
        count_of=count_of,
        relative_to_now=relative_to_now,
        time_left=lambda at: relative(at - parts().clock()).removeprefix("in "),
        actor=histories.actor,
        revocation_reason=histories.reason,
        root=LocalProxy(lambda: request.script_root),  # for macros too, which may be imported without context
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.context_processor(_common_values)


def _common_values() -> dict[str, Any]:
    cookie = g.get("new_cookie") or session_cookie()
    return {
        "me": g.web_session.user if "web_session" in g else None,
        "signed_in_by": way_in(g.web_session) if "web_session" in g else "",
        "has_password": "web_session" in g and g.web_session.has_password,
        "has_temporary_password": "web_session" in g and g.web_session.has_temporary_password,
        "has_second_factor": "web_session" in g and g.web_session.second_factor.is_on,
        "second_factor": g.web_session.second_factor if "web_session" in g else None,
        "must_add_second_factor": "web_session" in g and g.web_session.must_add_second_factor,
        "must_change_password": "web_session" in g and g.web_session.must_change_password,
        "form_token": _form_token(cookie),
        "theme": theme(),
        "base_url": base_url(),
        "here": mask(request.path),
        "answers_for_accounts": "web_session" in g and g.web_session.answers_for_accounts,
        "token_home": token_homes.home(),
        "token_crumbs": token_homes.crumbs(),
        "api_token_home": token_homes.api_home(),
        "api_token_crumbs": token_homes.api_crumbs(),
    }


def _form_token(cookie: str | None) -> str:
    """For the forms of a page; "" where none would be accepted."""
    if not cookie or g.get("is_reader_unknown"):
        return ""
    return padded(services().sessions.form_token(cookie, g.get("web_session")))


def base_url() -> str:
    """The address of this instance for users: the public URL, or else as the browser sees it."""
    if public_url := parts().public_url:
        return str(public_url)
    scheme = "https" if is_https(request.environ, parts().proxies) else "http"
    return f"{scheme}://{request.host}"


def instant(at: datetime | None, absent: str = "never") -> Markup:
    """An instant relative to now, with the exact time on hover and for screen readers."""
    if at is None:
        return Markup('<span class="quiet">{}</span>').format(absent)
    whole = exact(at)
    return Markup('<time datetime="{}" title="{}">{}<span class="sr"> ({})</span></time>').format(
        utc_text(at, "seconds"), whole, relative(at - parts().clock()), whole
    )


def utc_time(at: datetime) -> str:
    """Such as "09:12 UTC"."""
    return at.astimezone(UTC).strftime("%H:%M UTC")


def exact(at: datetime) -> str:
    """To the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def day(at: datetime) -> str:
    """Such as "1 December", with the year where that is another; in UTC."""
    at, now = at.astimezone(UTC), parts().clock()
    return f"{at.day} {at:%B}" if at.year == now.year else f"{at.day} {at:%B %Y}"


def handle(public_id: str, kind: str) -> str:
    """A token's public id as people see it in the token: with what the token begins with, and an ellipsis."""
    return f"{parts().token_prefix}{TokenKind(kind).letter}_{public_id}…"


def is_expiring_soon(token: RefreshToken | AccessToken) -> bool:
    """Whether an active token expires within a week, so that somebody should act. One that is minted anew never is."""
    if token.status is not TokenStatus.ACTIVE or token.expires_at is None:
        return False
    if isinstance(token, AccessToken) and token.refresh_token_id is not None:
        return False
    return token.expires_at - parts().clock() < SOON


def relative_to_now(at: datetime) -> str:
    """Such as "in 3 days"."""
    return relative(at - parts().clock())


def relative(left: timedelta) -> str:
    """Such as "in 3 days" and "2 hours ago", rounded."""
    seconds = abs(left.total_seconds())
    if seconds < 60:
        return "in less than a minute" if left > timedelta(0) else "just now"
    units = _UNITS if seconds >= _YEARS_FROM else _UNITS[1:]
    # Just under a day counts as a day: a token just created for 60 days must not show 59.
    unit, size = next((unit, size) for unit, size in units if seconds >= 0.98 * size)
    span = count_of(round(seconds / size), unit)
    return f"in {span}" if left > timedelta(0) else f"{span} ago"


def status_word(status: TokenStatus) -> str:
    """The label of a status."""
    return "Replaced" if status is TokenStatus.SUPERSEDED else status.value.capitalize()


def isolated(text: str) -> str:
    """For a title, where no element can tell: a name that decides the direction of its own writing."""
    return text if text.isascii() else f"\u2068{text}\u2069"


@cache
def asset_content(name: str) -> bytes:
    return (files("app.web") / "static" / name).read_bytes()


def asset(name: str) -> str:
    """The address of a file. It changes with the content, so that browsers can cache it."""
    return f"{request.script_root}/static/{name}?v={asset_version(name)}"


@cache
def asset_version(name: str) -> str:
    return hashlib.sha256(asset_content(name)).hexdigest()[:12]
