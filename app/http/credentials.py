"""Which credential a request carries: exactly one token or none, or a user name and a password.

Here belongs reading headers. Not here: whether the credential is good (``app.services``). Tokens are never taken
from the query string or a cookie.
"""

import base64
from collections.abc import Mapping
from typing import Any

from app.domain.errors import BadCredentials, TokenMalformed, TokenMissing
from app.domain.secrets import ANY_TOKEN_TEXT
from app.domain.tokens import TokenKind


def access_token_text(environ: Mapping[str, Any]) -> str:
    """The text in ``TOKEN``, or where that header is absent, in ``Authorization: Bearer``.

    Refuses with TokenMissing, and with TokenMalformed where there is more than one token. Beside a ``TOKEN``,
    real clients send junk in ``Authorization``, which is ignored unless it is another token. (A header that is
    sent twice arrives as one, joined by a comma, and then is no token text.)
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
    """User name and password of ``Authorization: Basic`` (RFC 7617, in UTF-8); None where it is something else.

    Refuses with BadCredentials what says Basic and is not.
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
    """RFC 6750, section 2.1; the scheme's letter case does not matter (RFC 9110, section 11.1)."""
    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise TokenMissing(TokenKind.ACCESS)
    return credential
