"""Reading credentials from headers: one token, or a user name and password; never from the query or a cookie.

Not here: verifying them (``app.services``).
"""

import base64
from collections.abc import Mapping
from typing import Any

from app.domain.errors import BadCredentials, TokenMalformed, TokenMissing
from app.domain.secrets import ANY_TOKEN_TEXT
from app.domain.tokens import TokenKind


def access_token_text(environ: Mapping[str, Any]) -> str:
    """The text of the ``TOKEN`` header, or without it of ``Authorization: Bearer``.

    Refuses with TokenMissing, and with TokenMalformed where there are two tokens. With ``TOKEN``, any other text in
    ``Authorization`` is ignored: real clients send junk there. (A header sent twice arrives joined by a comma, which is
    malformed.)
    """
    token: str | None = environ.get("HTTP_TOKEN")
    authorization: str = environ.get("HTTP_AUTHORIZATION", "")
    if token is None:
        return _bearer(authorization)
    if not token:
        raise TokenMissing(TokenKind.ACCESS)
    if authorization and any(found[0] != token for found in ANY_TOKEN_TEXT.finditer(authorization)):
        raise TokenMalformed(TokenKind.ACCESS)
    return token


def basic_credentials(authorization: str) -> tuple[str, str] | None:
    """User name and password of ``Authorization: Basic`` (RFC 7617, UTF-8); None for another scheme.

    Refuses with BadCredentials malformed ones.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except ValueError:
        raise BadCredentials from None
    if not colon:
        raise BadCredentials
    return username, password


def _bearer(authorization: str) -> str:
    """RFC 6750, section 2.1; the scheme is case-insensitive (RFC 9110, section 11.1)."""
    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise TokenMissing(TokenKind.ACCESS)
    return credential
