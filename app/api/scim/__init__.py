"""The SCIM dialect, ``/scim/v2/…``: a directory creates, changes and disables users and groups (RFC 7643, RFC 7644).

``docs/scim.md``. It has no OpenAPI document: ``/Schemas`` and ``/ResourceTypes`` are the document that clients of SCIM
read.
"""

from app.api.scim.errors import DIALECT
from app.api.scim.routes import BLUEPRINTS

__all__ = ["BLUEPRINTS", "DIALECT"]
