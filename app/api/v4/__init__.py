"""The Trifacta dialect, ``/v4/…``: single-tier API access tokens (``docs/trifacta.md``)."""

from app.api.v4 import routes
from app.api.v4.errors import DIALECT
from app.api.v4.paths import CanonicalPaths
from app.http.openapi import Document

DOCUMENT = Document(
    "v4",
    "Trifacta-compatible API access tokens",
    "Single-tier tokens with a lifetime of your choice. Paths are case-insensitive, with or without a trailing slash.",
    (routes.tokens, routes.resources),
)

__all__ = ["DIALECT", "DOCUMENT", "CanonicalPaths"]
