"""``/openapi/…`` serves the API documents while ``openapi_enabled`` is on.

Not here: generating them (``openapi``), and the pages that show them (``app.web.documents``).
"""

from functools import cache

from flask import Response, jsonify

from app.domain.errors import FeatureOff, NotFound
from app.http.compression import from_memory
from app.http.context import services
from app.http.guards import ANYBODY, GuardedBlueprint
from app.http.openapi import Documents

FEATURE_OFF = (
    "The API documents are turned off. A server administrator can turn them on: daypass conf openapi_enabled -s on."
)


def documents_blueprint(documents: Documents) -> GuardedBlueprint:
    """Routes for these documents, by name."""
    blueprint = GuardedBlueprint("documents", __name__, guard=ANYBODY)
    blueprint.before_request(refuse_while_off)

    @cache
    def text(name: str) -> bytes:
        """Written once: anybody may ask, and it takes as long as a hundred checks."""
        return jsonify(documents[name]).get_data()

    @blueprint.get("/openapi/<name>/")
    def openapi(name: str) -> Response:
        """The document."""
        refuse_unknown(documents, name)
        return from_memory(text(name), "application/json")

    return blueprint


def refuse_while_off() -> None:
    """Refuse with FeatureOff while ``openapi_enabled`` is off."""
    if not services().instance_settings.policy().openapi_enabled:
        raise FeatureOff(FEATURE_OFF)


def refuse_unknown(documents: Documents, name: str) -> None:
    """Refuse with NotFound a name of none."""
    if name not in documents:
        raise NotFound("document")
