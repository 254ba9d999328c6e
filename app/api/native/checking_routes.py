"""The route that checks many tokens at once."""

from typing import Any

from flask import Response, jsonify

from app.api.native import checking_schemas
from app.api.native.errors import CHECKING, CHECKING_ERRORS, PREFIX
from app.http.acts import does
from app.http.body import LARGEST_BATCH_BODY
from app.http.context import services
from app.http.guards import GuardedBlueprint
from app.http.oauth_guards import OF_ALL
from app.http.openapi import JsonParser


class BatchParser(JsonParser):
    """Loads the larger body of many tokens, which only who has authenticated sends."""

    largest = LARGEST_BATCH_BODY


checking = GuardedBlueprint(
    CHECKING,
    __name__,
    url_prefix=PREFIX,
    guard=OF_ALL,
    errors=CHECKING_ERRORS,
    title="Checking tokens",
    parser=BatchParser(),
)


@checking.post("verify-batch")
@checking.arguments(checking_schemas.Batch)
@checking.response(200, checking_schemas.BatchOut)
@does()
def verify_batch(body: dict[str, Any]) -> Response:
    """Check up to 1,000 access tokens, as an administrator or introspector. None counts as used."""
    verdicts = services().batch_verifying.verify(body["tokens"])
    return jsonify({"results": [*map(checking_schemas.verdict_members, verdicts)]})
