"""Which routes are of an API compatibility layer, and so under the host of an API in the kits of ``deploy/`` too."""

from app.api import native
from app.routing import DIALECTS

METADATA = "/.well-known/oauth-authorization-server"
"""Of OAuth's endpoints. That of a protected resource is not there: an API's is its own (RFC 9728)."""


def is_of_a_layer(route: str) -> bool:
    """Whether the route is."""
    prefixes = tuple(dialect.DIALECT.prefix for dialect in DIALECTS if dialect is not native)
    return route.rstrip("/") == METADATA or route.startswith(prefixes)
