"""What pages do with forms: reading them, sending each once, and saying what was wrong.

Not here: who may send them (``guards``), and what is wrong (``app.services``).
"""

import json
import secrets
from typing import Any, cast

from flask import g, request

from app.domain.errors import (
    BadCredentials,
    BadRequest,
    Conflict,
    FeatureOff,
    LimitReached,
    NotFound,
    NotPermitted,
    RateLimited,
    Refusal,
    TokenRefused,
    Unavailable,
)
from app.http.context import parts
from app.services.idempotency import IdempotencyKey

ONCE_FIELD = "once"

ANSWERS: dict[str, str] = {
    "token_expired": "This token has expired. Regenerate it to use it again.",
    "token_revoked": "This token was revoked, which can't be undone. Create a new one.",
    "owner_disabled": "This account is deactivated; a server administrator can enable it again.",
}
"""What is said of a token that does not work, by the refusal's reason."""


def read_form() -> dict[str, str]:
    """The fields of the form that was sent. Refuses with BadRequest what is not one."""
    if "form" not in g:
        g.form = {name: str(value) for name, value in parts().bodies.read(request).items()}
    return cast(dict[str, str], g.form)


def new_once() -> str:
    """A value for the hidden field by which a form that is sent again, by reloading, is known."""
    return secrets.token_urlsafe(18)


def once() -> IdempotencyKey | None:
    """What this form wants done once."""
    form = read_form()
    key = form.get(ONCE_FIELD, "")
    if not key:
        return None
    kept = {name: value for name, value in form.items() if name not in (ONCE_FIELD, "form_token", "current_password")}
    return IdempotencyKey(f"form:{key}"[:255], json.dumps([request.path.rstrip("/"), kept], sort_keys=True))


def said(refusal: Refusal) -> str:
    """The refusal as a sentence for whoever sits in front of the page."""
    if isinstance(refusal, BadRequest):
        return refusal.message
    if isinstance(refusal, BadCredentials):
        return "User name or password is not right."
    if isinstance(refusal, LimitReached):
        return f"You have {refusal.limit} {refusal.what} alive, and may have no more. Revoke one you no longer need."
    if isinstance(refusal, NotFound):
        return f"There is no such {refusal.what}, or it is not yours."
    if isinstance(refusal, RateLimited):
        return f"Too many attempts. Try again in {_span(refusal.retry_after)}."
    if isinstance(refusal, Unavailable):
        return "Daypass can't do this at the moment: the database is away or busy. Nothing was changed; try again."
    if isinstance(refusal, TokenRefused):
        return ANSWERS.get(refusal.reason, "There is no such token, or it does not work.")
    assert isinstance(refusal, NotPermitted | FeatureOff | Conflict)
    return refusal.what


def status_of(refusal: Refusal) -> int:
    """The HTTP status of the page that says so."""
    for kind, status in STATUSES.items():
        if isinstance(refusal, kind):
            return status
    raise TypeError(f"no status for {type(refusal).__name__}")


STATUSES: dict[type[Refusal], int] = {
    BadRequest: 400,
    BadCredentials: 401,
    NotPermitted: 403,
    LimitReached: 409,
    NotFound: 404,
    FeatureOff: 403,
    Conflict: 409,
    RateLimited: 429,
    Unavailable: 503,
    TokenRefused: 409,
}


def _span(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return f"{seconds} seconds" if seconds < 90 else f"{minutes} minutes"


def fields_of(refusal: Refusal) -> dict[str, Any]:
    """What was wrong with which field."""
    return {name: " ".join(what) for name, what in refusal.fields.items()} if isinstance(refusal, BadRequest) else {}
