"""The native dialect, ``/api/v1/…``: JSON for programs of ours and yours, and for administrators.

Here belongs the translation of that contract (``docs/native.md``). Not here: any rule about tokens.
"""

from app.api.admin import instance_routes, own_routes, token_routes, user_routes
from app.api.admin.errors import DIALECT
from app.http.openapi import Document

DOCUMENT = Document(
    "native",
    "Daypass's own API",
    "Your tokens and, for server administrators, everybody's. Paths work with and without a slash at the end.",
    (own_routes.own, own_routes.minting, user_routes.users, token_routes.tokens, instance_routes.instance),
)

__all__ = ["DIALECT", "DOCUMENT"]
