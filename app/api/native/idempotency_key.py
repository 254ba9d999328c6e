"""The header ``Idempotency-Key``. Not here: what a repeat is (``app.services.idempotency``)."""

import json
import re
from typing import Any

from flask import request

from app.domain.errors import BadRequest
from app.services.idempotency import IdempotencyKey

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x20-\x7e]{1,255}")
KEY_RULE = f"{HEADER} has 1 to 255 printable ASCII characters."


def idempotency_key(body: dict[str, Any]) -> IdempotencyKey | None:
    """The key of this request, bound to its `body`; None without the header. Refuses with BadRequest an invalid key."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise BadRequest(KEY_RULE, {HEADER: [KEY_RULE]})
    return IdempotencyKey(key, json.dumps([request.method, request.path.rstrip("/"), body], sort_keys=True))
