"""Whether a refusal says that the access token has ended, so that another one helps.

Not here: minting it, and repeating the request (``requests_auth``, ``httpx_auth``).
"""

import json
from collections.abc import Mapping

ENDED = frozenset({"token_expired", "token_revoked", "token_superseded", "token_unknown"})

ALATION_SAYS = "Authentication credentials were not provided."
"""What Alation, which gives no reason, says with its 403."""

TRIES = 2
"""How often a request is repeated: a second time only where another process's token was tried in between."""


def needs_body(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the reason can stand in the body. Else it is not read, in case the caller wants to stream it."""
    return status in (401, 403) and "X-Auth-Reason" not in headers and "json" in headers.get("Content-Type", "")


def says_ended(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the answer is a refusal because of an access token that has ended."""
    if status not in (401, 403):
        return False
    if told := headers.get("X-Auth-Reason"):
        return told in ENDED
    try:
        members = json.loads(body)
    except ValueError:
        return False
    if not isinstance(members, dict):
        return False
    if "reason" in members:
        return members["reason"] in ENDED
    return status == 403 and members.get("detail") == ALATION_SAYS
