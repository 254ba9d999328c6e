"""An example of each operation for curl, with what is required and nothing else. A reader puts in their own values."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from app.web.api_reference import Node, Operation

VALUES: dict[str, Any] = {
    "access_token_reissue": "overlap",
    "confirmation": "the preview's",
    "filter": {"owner": "anna"},
    "grant_type": "client_credentials",
    "is_active": False,
    "issuer": "https://login.example.com",
    "key": "retention_days",
    "lifetimeSeconds": 86400,
    "lifetime_days": 30,
    "name": "nightly-etl",
    "password": "your password",
    "reason": "left the team",
    "responsible": "anna",
    "role": "STEWARD",
    "to": "svc-etl",
    "user_id": 42,
    "username": "anna",
    "value": 90,
}
"""What examples send, by the name of the member."""

SECRETS = {"refresh_token": "r", "secret": "r", "api_access_token": "a", "token": "a"}
"""The letter of the kind of token that stands there."""

SEVERAL = {"tokens": "token"}
"""Members that are lists, and the member whose value each of their items is."""

CREDENTIALS = {"basic": ["-u", "anna"], "client": ["-u", '"$CLIENT_ID:$CLIENT_SECRET"']}
"""By the name of the scheme; an access token for all others."""

FORM = "application/x-www-form-urlencoded"


def curl_example(operation: Operation, base_url: str, prefix: str) -> str:
    """The command. `base_url`: of this instance, without a slash at the end. `prefix`: what its tokens begin with."""
    return " \\\n  ".join(" ".join(each) for each in _options(operation, base_url, prefix))


def _options(operation: Operation, base_url: str, prefix: str) -> Iterator[list[str]]:
    path = operation.path
    for each in operation.parameters:
        path = path.replace(f"{{{each.name}}}", str(VALUES.get(each.name, each.name.upper())))
    method = [] if operation.method == "GET" else ["-X", operation.method]
    yield ["curl", *method, f"'{base_url}{path}'"]
    if operation.schemes:
        yield CREDENTIALS.get(operation.schemes[0], ["-H", '"TOKEN: $ACCESS_TOKEN"'])
    body = _body(operation.schema, prefix)
    if operation.media_type == FORM:
        yield from (["-d", shlex.quote(f"{name}={value}")] for name, value in body.items())
    elif operation.media_type:
        yield ["-H", shlex.quote(f"Content-Type: {operation.media_type}")]
        yield ["-d", shlex.quote(json.dumps(body, ensure_ascii=False))]


def _body(schema: Node, prefix: str) -> dict[str, Any]:
    members = schema.get("properties", {})
    required = schema.get("required") or list(members)[:1]
    return {name: _value(name, prefix) for name in members if name in required}


def _value(name: str, prefix: str) -> Any:
    if name in SEVERAL:
        return [_value(SEVERAL[name], prefix)]
    return f"{prefix}{SECRETS[name]}_…" if name in SECRETS else VALUES[name]
