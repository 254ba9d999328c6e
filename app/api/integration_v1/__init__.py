"""The Alation dialect, ``/integration/v1/…``: what clients written for Alation send and need.

Here belongs the translation of that contract (``docs/alation.md``). Not here: any rule about tokens.
"""

from app.api.integration_v1 import routes
from app.api.integration_v1.errors import DIALECT

BLUEPRINTS = (routes.token_endpoints, routes.resources)

__all__ = ["BLUEPRINTS", "DIALECT"]
