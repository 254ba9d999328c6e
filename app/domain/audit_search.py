"""What a list of audit events is narrowed to. The SQL is in ``app.storage.audit_search``."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.audit import Result

SEARCHED = "user names, commands and jobs, token ids, settings, actions, addresses and request ids"
"""In what the search looks, for people: parts of names and actions, the whole of ids and addresses."""

AROUND = timedelta(minutes=10)
"""How far from an event the others of its request are at most."""

MINTS = "access_token.minted"
"""By far the most events: programs cause them, people may want to see the others."""


@dataclass(frozen=True)
class AuditSearch:
    """`text`: see SEARCHED. The names are whole. `around`: the id of an event near which those of its request are.

    `since` is inclusive, `until` is not.
    """

    text: str | None = None
    actor: str | None = None
    action: str | None = None
    object_id: str | None = None
    request_id: str | None = None
    around: int | None = None
    result: Result | None = None
    since: datetime | None = None
    until: datetime | None = None
    without_mints: bool = False
