"""The native API, ``/api/v1/…``: JSON for scripts and administrators.

``routes`` and ``schemas`` are for a caller's own tokens, ``service_routes`` for those of service accounts,
``checking_routes`` for gateways, ``admin_routes``, ``by_filter_routes``, ``link_routes`` and their schemas for
administrators; the contract is in ``docs/native.md``. Not here: rules about tokens (``app.services``).
"""

from app.api.native import admin_routes, by_filter_routes, checking_routes, link_routes, routes, service_routes
from app.api.native.errors import DIALECT
from app.http.openapi import Document

DOCUMENT = Document(
    "native",
    "Daypass's own API",
    "Your tokens and, for server administrators, all tokens. Paths work with and without a trailing slash.",
    (
        routes.own,
        routes.minting,
        service_routes.accounts,
        checking_routes.checking,
        link_routes.BLUEPRINT,
        by_filter_routes.BLUEPRINT,
        admin_routes.instance,
    ),
)

__all__ = ["DIALECT", "DOCUMENT"]
