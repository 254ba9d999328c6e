"""Whether a refusal says that the access token is not active, so that another one helps."""

import json
from collections.abc import Mapping

ENDED = frozenset({"token_expired", "token_revoked", "token_superseded", "token_unknown"})

ALATION_SAYS = "Authentication credentials were not provided."
"""The detail of Alation's 403, which has no reason."""

TRIES = 2
"""How often a request is repeated: a second time only if the first repetition had another process's token."""


def needs_body(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the reason can be in the body. If not, the body is not read, since the caller may stream it."""
    return status in (401, 403) and "X-Auth-Reason" not in headers and "json" in headers.get("Content-Type", "")


def says_ended(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the answer is a refusal because the access token is not active."""
    if status not in (401, 403):
        return False
    if reason := headers.get("X-Auth-Reason"):
        return reason in ENDED
    try:
        members = json.loads(body)
    except ValueError:
        return False
    if not isinstance(members, dict):
        return False
    if "reason" in members:
        return members["reason"] in ENDED
    return status == 403 and members.get("detail") == ALATION_SAYS
