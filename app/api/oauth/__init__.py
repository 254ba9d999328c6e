"""The OAuth dialect, ``/oauth/…``: token introspection (RFC 7662) and revocation (RFC 7009).

Here belongs the translation of those two documents (``docs/oauth.md``). Not here: any rule about tokens.
"""

from app.api.oauth import routes
from app.api.oauth.errors import DIALECT
from app.http.openapi import Document

DOCUMENT = Document(
    "oauth",
    "OAuth introspection and revocation",
    "RFC 7662 and RFC 7009. Paths work with and without a slash at the end.",
    (routes.introspection, routes.revocation),
)

__all__ = ["DIALECT", "DOCUMENT"]
