"""The OAuth dialect, ``/oauth/…``: access tokens (RFC 6749), introspection (RFC 7662) and revocation (RFC 7009).

``docs/oauth.md``.
"""

from app.api.oauth import routes
from app.api.oauth.errors import DIALECT
from app.http.openapi import Document

DOCUMENT = Document(
    "oauth",
    "OAuth",
    "Access tokens for OAuth clients (RFC 6749), introspection (RFC 7662) and revocation (RFC 7009). Paths work with "
    "and without a trailing slash; those of Alation begin with /oauth/v2/.",
    (routes.granting, routes.introspection, routes.revocation, routes.authorization),
)

__all__ = ["DIALECT", "DOCUMENT"]
