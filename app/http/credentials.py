"""Which token a request carries: exactly one, or none.

Here belongs reading headers. Not here: whether the token is good (``app.services.verifying``). Tokens are
never taken from the query string or a cookie.
"""

from collections.abc import Mapping
from typing import Any

from app.domain.errors import TokenMalformed, TokenMissing
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
    if any(found[0] != token for found in ANY_TOKEN_TEXT.finditer(authorization)):
        raise TokenMalformed(TokenKind.ACCESS)
    return token


def _bearer(authorization: str) -> str:
    """RFC 6750, section 2.1; the scheme's letter case does not matter (RFC 9110, section 11.1)."""
    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise TokenMissing(TokenKind.ACCESS)
    return credential
