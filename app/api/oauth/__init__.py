"""The OAuth dialect, ``/oauth/…``: introspection (RFC 7662) and revocation (RFC 7009); ``docs/oauth.md``."""

from app.api.oauth import routes
from app.api.oauth.errors import DIALECT
from app.http.openapi import Document

DOCUMENT = Document(
    "oauth",
    "OAuth introspection and revocation",
    "RFC 7662 and RFC 7009. Paths work with and without a trailing slash.",
    (routes.introspection, routes.revocation),
)

__all__ = ["DIALECT", "DOCUMENT"]
