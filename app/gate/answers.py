"""The gate's answers: identity headers, and the table from refusals to statuses and sentences.

Each answer has all identity headers, empty if need be, so that a proxy which copies them overwrites forged ones.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from app.domain import errors
from app.domain.errors import Refusal, TokenRefused
from app.domain.identity import Principal

Headers = list[tuple[str, str]]

IDENTITY = (
    "X-Auth-User-Id",
    "X-Auth-User",
    "X-Auth-Email",
    "X-Auth-Role",
    "X-Auth-Token-Id",
    "X-Auth-Token-Name",
    "X-Auth-Token-Kind",
    "X-Auth-Expires-In",
    "Remote-User",
)

COMMON: Headers = [
    ("Cache-Control", "no-store"),
    ("Vary", "TOKEN, Authorization"),
    ("X-Content-Type-Options", "nosniff"),
]

# Printable ASCII without the percent sign, so that unquoting is exact.
UNQUOTED = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")

NO_CREDENTIALS = "Authentication credentials were not provided."
"""Alation's answer to any refused ``TOKEN``; its clients mint again on this 403."""

# ASCII, because they are in a header too.
TWO_TIERS = "Request a new one."
SINGLE_TIER = "Generate a new one at Preferences > Access Tokens."
ANY_TIER = "Request one with a refresh token, or generate one at Preferences > Access Tokens."

ANSWERS: dict[type[Refusal], tuple[int, str]] = {
    errors.BadRequest: (400, "{message}"),
    errors.TokenMissing: (401, "Send an access token in the TOKEN header, or as Authorization: Bearer."),
    errors.TokenMalformed: (401, f"This is not an access token. {ANY_TIER}"),
    errors.TokenUnknown: (401, "There is no such access token."),
    errors.TokenExpired: (401, "The access token has expired. {remedy}"),
    errors.TokenRevoked: (401, "The access token was revoked. {remedy}"),
    errors.TokenSuperseded: (401, "The access token was replaced by a newer one."),
    errors.OwnerDisabled: (401, "The owner of the token is disabled."),
    errors.OwnerMustSignIn: (401, "The owner of the token has not signed in for too long."),
    errors.OwnerDenied: (401, "The owner of the token may not have API tokens."),
    errors.ApiTokensOff: (401, "API tokens without a refresh token are turned off."),
    errors.NotPermitted: (403, "{what}"),
    errors.Unavailable: (503, "The token can't be checked at the moment: {what}. Try again shortly."),
}
"""Status and sentence of each refusal of a check. With a ``TOKEN`` header, 401 becomes Alation's 403."""

EXCEPTIONS = {
    400: ("ValidationFailed", "Input validation failed"),
    401: ("MissingPersonException", "Person is missing"),
    403: ("AccessControlException", "Access denied"),
    503: ("ServiceUnavailableException", "The service is temporarily unavailable"),
}
"""Name and message of the Trifacta dialect's ``exception``, which its clients read; they send no ``TOKEN``."""


def identity_headers(principal: Principal) -> Headers:
    """The principal, for the API behind the proxy. Percent-encoded where a value is not plain ASCII."""
    expires_at = principal.token_expires_at
    left = "" if expires_at is None else str(int((expires_at - principal.checked_at).total_seconds()))
    return [
        ("X-Auth-User-Id", str(principal.user_id)),
        ("X-Auth-User", principal.username),
        ("X-Auth-Email", header_value(principal.email)),
        ("X-Auth-Role", str(principal.role)),  # PEP 3333 requires plain strings
        ("X-Auth-Token-Id", principal.token_public_id),
        ("X-Auth-Token-Name", header_value(principal.token_name)),
        ("X-Auth-Token-Kind", str(principal.token_kind)),
        ("X-Auth-Expires-In", left),
        ("Remote-User", principal.username),
    ]


@lru_cache(1024)
def header_value(text: str) -> str:
    """The text, percent-encoded (UTF-8) where not valid in a header; ``urllib.parse.unquote`` decodes it."""
    if text.isascii() and text.isprintable() and "%" not in text and text.strip() == text:
        return text
    return quote(text, safe=UNQUOTED if text.strip() == text else UNQUOTED[1:])


def refusal_answer(refusal: Refusal, environ: Mapping[str, Any]) -> tuple[str, Headers, bytes]:
    """Status line, headers and body of a refusal."""
    status, template = ANSWERS[type(refusal)]
    headers = [*COMMON, *((name, "") for name in IDENTITY), ("X-Auth-Reason", refusal.reason)]
    if isinstance(refusal, TokenRefused) and "HTTP_TOKEN" in environ:
        status, detail = 403, NO_CREDENTIALS
    else:
        detail = template.format_map(vars(refusal) | {"remedy": _remedy(refusal)})
        if isinstance(refusal, TokenRefused | errors.NotPermitted):
            headers += _challenge(refusal, detail, environ)
    if isinstance(refusal, errors.Unavailable):
        headers.append(("Retry-After", str(refusal.retry_after)))
    body = _body(status, detail, refusal, has_exception="HTTP_TOKEN" not in environ)
    headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return f"{status} {HTTPStatus(status).phrase}", headers, body


def _remedy(refusal: Refusal) -> str:
    return SINGLE_TIER if isinstance(refusal, TokenRefused) and refusal.is_single_tier else TWO_TIERS


def _challenge(refusal: Refusal, detail: str, environ: Mapping[str, Any]) -> Headers:
    """RFC 6750, section 3: without a token, the challenge has no error."""
    if isinstance(refusal, errors.NotPermitted) and "HTTP_TOKEN" in environ:
        return []
    error = "insufficient_scope" if isinstance(refusal, errors.NotPermitted) else "invalid_token"
    quotable = detail.replace("\\", "/").replace('"', "'")
    attributes = (
        "" if isinstance(refusal, errors.TokenMissing) else f', error="{error}", error_description="{quotable}"'
    )
    return [("WWW-Authenticate", f'Bearer realm="daypass"{attributes}')]


def _body(status: int, detail: str, refusal: Refusal, *, has_exception: bool) -> bytes:
    """The same bytes as the Alation dialect's for a resource; `has_exception`: and the Trifacta dialect's member."""
    members: dict[str, Any] = {"detail": detail, "code": f"{status}000", "message": detail, "reason": refusal.reason}
    hint = {"hint": refusal.hint} if refusal.hint else {}
    members |= hint
    if has_exception:
        name, message = EXCEPTIONS[status]
        members["exception"] = {"name": name, "message": message, "details": detail} | hint
    return json.dumps(members, separators=(",", ":")).encode("ascii") + b"\n"
