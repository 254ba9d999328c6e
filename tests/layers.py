"""Which routes are of an API compatibility layer, and so under the host of an API in the kits of ``deploy/`` too."""

from app.api import native
from app.factory import DIALECTS


def is_of_a_layer(route: str) -> bool:
    """Whether the route is. The metadata of a protected resource is not: that of an API is the API's own (RFC 9728)."""
    prefixes = [dialect.DIALECT.prefix for dialect in DIALECTS if dialect is not native]
    return route.startswith((*prefixes, "/.well-known/oauth-authorization-server"))
