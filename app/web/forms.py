"""Forms: reading them, their idempotency keys, and the messages for refusals."""

import json
import secrets
from typing import cast

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
    SecondFactorRequired,
    SessionEnded,
    SignInRefused,
    TemporaryPassword,
    TokenRefused,
    Unavailable,
    WrongCode,
)
from app.domain.text import count_of
from app.http.context import parts
from app.services.idempotency import ANOTHER_REQUEST, NO_LONGER_WORKS, IdempotencyKey

KEY_FIELD = "form_id"

PASSWORD_FIELD, CODE_FIELD = "current_password", "current_code"
"""What proves who sends a form, beside what the form is about."""

TOKEN_MESSAGES: dict[str, str] = {
    "token_expired": "This token has expired. Regenerate it to use it again.",
    "token_revoked": "This token was revoked, which can't be undone. Create a new one.",
    "owner_must_sign_in": "The owner has not signed in for too long. Once they do, this token works again.",
    "owner_disabled": "This account is disabled. A server administrator can enable it.",
}
"""By the refusal's reason."""


def read_form() -> dict[str, str]:
    """The fields of the request's form. Refuses with BadRequest a malformed one."""
    if "form" not in g:
        g.form = {name: str(value) for name, value in parts().bodies.read(request).items()}
    return cast(dict[str, str], g.form)


def is_checked(name: str) -> bool:
    """Whether a checkbox of the form is checked; browsers do not send one that is not."""
    return read_form().get(name) == "on"


def new_idempotency_key() -> str:
    """A value for a form's hidden field; a reload sends it again."""
    return secrets.token_urlsafe(18)


def idempotency_key() -> IdempotencyKey | None:
    """The key of the form, bound to its other fields; None without a key."""
    form = read_form()
    key = form.get(KEY_FIELD, "")
    if not key:
        return None
    proofs = (KEY_FIELD, "form_token", PASSWORD_FIELD, CODE_FIELD)
    kept = {name: value for name, value in form.items() if name not in proofs}
    return IdempotencyKey(f"form:{key}"[:255], json.dumps([request.path.rstrip("/"), kept], sort_keys=True))


TOO_MANY_ATTEMPTS = "Too many incorrect passwords or codes."
"""About attempts to sign in, to confirm the password and to change it."""

WRONG_CODE = "Incorrect code, or one that was used. Enter the one that the app shows now."

REPEATS = {
    NO_LONGER_WORKS: "This form was already sent, and its token does not work any more. Open the form again.",
    ANOTHER_REQUEST: "This form was already sent with other values. Open the form again to send it once more.",
}
"""Messages about a repeated form, for those about its idempotency key."""


def message(refusal: Refusal) -> str:
    """The refusal as a sentence for people."""
    if isinstance(refusal, BadRequest):
        return refusal.message
    if isinstance(refusal, WrongCode):
        return WRONG_CODE
    if isinstance(refusal, BadCredentials):
        return "Incorrect user name or password."
    if isinstance(refusal, SessionEnded):
        return "Your session has ended. Nothing was changed. Sign in to continue."
    if isinstance(refusal, LimitReached):
        held = count_of(refusal.limit, refusal.what.removesuffix("s"))
        return f"You have {held}, which is the limit. Revoke one you no longer need."
    if isinstance(refusal, NotFound):
        return f"There is no such {refusal.what}, or it is not yours."
    if isinstance(refusal, RateLimited):
        what = TOO_MANY_ATTEMPTS if refusal.what == RateLimited.what else refusal.what
        return f"{what} Try again in {_duration(refusal.retry_after)}."
    if isinstance(refusal, Unavailable):
        return "Daypass is temporarily unavailable: the database is away or busy. Nothing was changed. Try again."
    if isinstance(refusal, TokenRefused):
        return TOKEN_MESSAGES.get(refusal.reason, "There is no such token, or it does not work.")
    told = TemporaryPassword | SecondFactorRequired | SignInRefused | NotPermitted | FeatureOff | Conflict
    assert isinstance(refusal, told)
    return REPEATS.get(refusal.what, refusal.what)


def status_of(refusal: Refusal) -> int:
    """The HTTP status of the page that shows it."""
    for kind, status in STATUSES.items():
        if isinstance(refusal, kind):
            return status
    raise TypeError(f"no status for {type(refusal).__name__}")


STATUSES: dict[type[Refusal], int] = {
    BadRequest: 400,
    BadCredentials: 401,
    TemporaryPassword: 401,
    SecondFactorRequired: 401,
    SessionEnded: 401,
    SignInRefused: 403,
    NotPermitted: 403,
    LimitReached: 409,
    NotFound: 404,
    FeatureOff: 403,
    Conflict: 409,
    RateLimited: 429,
    Unavailable: 503,
    TokenRefused: 409,
}


def _duration(seconds: int) -> str:
    if seconds < 90:
        return count_of(seconds, "second")
    return count_of(-(-seconds // 60), "minute") if seconds < 2 * 3600 else count_of(-(-seconds // 3600), "hour")


def field_errors(refusal: Refusal) -> dict[str, str]:
    """The error of each field."""
    return {name: " ".join(each) for name, each in refusal.fields.items()} if isinstance(refusal, BadRequest) else {}


def proof_errors(refusal: BadCredentials) -> dict[str, str]:
    """The same for the fields that prove who sends the form."""
    if isinstance(refusal, WrongCode):
        return {CODE_FIELD: WRONG_CODE}
    return {PASSWORD_FIELD: "Enter your own password to continue."}
