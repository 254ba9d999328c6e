"""The Alation dialect, ``/integration/v1/…``: what clients written for Alation send and need.

Here belongs the translation of that contract (``docs/alation.md``). Not here: any rule about tokens.
"""

from app.api.integration_v1 import routes
from app.api.integration_v1.errors import DIALECT
from app.http.openapi import Document

DOCUMENT = Document(
    "api_authentication",
    "Token API, Alation's dialect",
    "Refresh tokens, and the access tokens minted from them. Paths work with and without the slash at the end.",
    (routes.token_endpoints, routes.resources),
)

__all__ = ["DIALECT", "DOCUMENT"]
