"""What the gate answers: the identity headers of a good token, and one table from refusals to statuses and words.

Identity headers are part of every answer, empty where there is nothing to say, so that a proxy which copies them
always overwrites what a caller forged. Not here: who is refused (``gate``, ``app.services.verifying``).
"""

import json
from collections.abc import Mapping
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

# All of printable ASCII but the percent sign, so that unquoting always gives back what was meant.
AS_IT_IS = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")

NO_CREDENTIALS = "Authentication credentials were not provided."
"""What Alation's clients are told whatever was wrong with their ``TOKEN``; they mint again on this 403."""

SAID: dict[type[Refusal], tuple[int, str]] = {
    errors.TokenMissing: (401, "Send an access token in the TOKEN header, or as Authorization: Bearer."),
    errors.TokenMalformed: (401, "What was sent is not one access token. A refresh token must be traded for one."),
    errors.TokenUnknown: (401, "There is no such access token."),
    errors.TokenExpired: (401, "The access token has expired. Mint another."),
    errors.TokenRevoked: (401, "The access token was revoked. Mint another, or ask who revoked it."),
    errors.TokenSuperseded: (401, "A newer access token has taken this one's place."),
    errors.OwnerDisabled: (401, "The account this token belongs to is deactivated."),
    errors.OwnerDenied: (401, "The account this token belongs to may have no API tokens."),
    errors.ApiTokensOff: (401, "API tokens without a refresh token are turned off."),
    errors.NotPermitted: (403, "{what}"),
    errors.Unavailable: (503, "The token can't be checked at the moment: {what}. Try again shortly."),
}
"""Status and words of each refusal that a check can end with. Beside a ``TOKEN`` header, 401 becomes Alation's 403."""


def identity_headers(principal: Principal) -> Headers:
    """Who calls, for the API behind the proxy. Percent-encoded where a value is not plain ASCII."""
    expires_at = principal.token_expires_at
    left = "" if expires_at is None else str(int((expires_at - principal.checked_at).total_seconds()))
    return [
        ("X-Auth-User-Id", str(principal.user_id)),
        ("X-Auth-User", principal.username),
        ("X-Auth-Email", header_value(principal.email)),
        ("X-Auth-Role", str(principal.role)),  # PEP 3333 wants plain strings
        ("X-Auth-Token-Id", principal.token_public_id),
        ("X-Auth-Token-Name", header_value(principal.token_name)),
        ("X-Auth-Token-Kind", str(principal.token_kind)),
        ("X-Auth-Expires-In", left),
        ("Remote-User", principal.username),
    ]


def header_value(text: str) -> str:
    """The text, percent-encoded (UTF-8) where it could not stand in a header; ``urllib.parse.unquote`` undoes it."""
    if text.isascii() and text.isprintable() and "%" not in text and text.strip() == text:
        return text
    return quote(text, safe=AS_IT_IS if text.strip() == text else AS_IT_IS[1:])


def refusal_answer(refusal: Refusal, environ: Mapping[str, Any]) -> tuple[str, Headers, bytes]:
    """Status line, headers and body for whoever is refused."""
    status, words = SAID[type(refusal)]
    said = words.format_map(vars(refusal))
    headers = [*COMMON, *((name, "") for name in IDENTITY), ("X-Auth-Reason", refusal.reason)]
    if isinstance(refusal, TokenRefused) and "HTTP_TOKEN" in environ:
        status, said = 403, NO_CREDENTIALS
    elif isinstance(refusal, TokenRefused | errors.NotPermitted):
        headers += _challenge(refusal, said, environ)
    if isinstance(refusal, errors.Unavailable):
        headers.append(("Retry-After", str(refusal.retry_after)))
    body = _body(status, said, refusal.reason)
    headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return f"{status} {HTTPStatus(status).phrase}", headers, body


def _challenge(refusal: Refusal, said: str, environ: Mapping[str, Any]) -> Headers:
    """RFC 6750, section 3. Who sent no token is not told what was wrong with it."""
    if isinstance(refusal, errors.NotPermitted) and "HTTP_TOKEN" in environ:
        return []
    error = "insufficient_scope" if isinstance(refusal, errors.NotPermitted) else "invalid_token"
    quotable = said.replace("\\", "/").replace('"', "'")
    detail = "" if isinstance(refusal, errors.TokenMissing) else f', error="{error}", error_description="{quotable}"'
    return [("WWW-Authenticate", f'Bearer realm="daypass"{detail}')]


def _body(status: int, said: str, reason: str) -> bytes:
    """The same members, in the same bytes, as the Alation dialect has for a resource."""
    members = {"detail": said, "code": f"{status}000", "message": said, "reason": reason}
    return json.dumps(members, separators=(",", ":")).encode("ascii") + b"\n"
