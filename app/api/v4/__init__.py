"""The Trifacta dialect, ``/v4/…``: single-tier API access tokens, as clients of that product make and send them.

Here belongs the translation of that contract (``docs/trifacta.md``). Not here: any rule about tokens.
"""

from app.api.v4 import routes
from app.api.v4.errors import DIALECT
from app.api.v4.paths import CanonicalPaths
from app.http.openapi import Document

DOCUMENT = Document(
    "v4",
    "API access tokens, Trifacta's dialect",
    "Tokens of a single tier, with a lifetime of your choice. Paths may be in any letter case, and end in a slash.",
    (routes.tokens, routes.resources),
)

__all__ = ["DIALECT", "DOCUMENT", "CanonicalPaths"]
