"""The Alation dialect, ``/integration/v1/…`` (``docs/alation.md``)."""

from app.api.integration_v1 import routes
from app.api.integration_v1.errors import DIALECT
from app.http.openapi import Document

DOCUMENT = Document(
    "api_authentication",
    "Alation-compatible token API",
    "Refresh tokens, and the access tokens minted from them. Paths work with and without a trailing slash.",
    (routes.token_endpoints, routes.resources),
)

__all__ = ["DIALECT", "DOCUMENT"]
