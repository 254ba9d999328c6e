"""An event of the audit log, as it is read. Not here: writing one (``app.services.audit``)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class AuditEvent:
    """`actor` did `action` (``<thing>.<past participle>``) to the object. `actor_id`: None for commands and jobs.

    `credential`: what the actor authenticated with; None where nothing was, and before Daypass recorded it.
    """

    id: int
    at: datetime
    actor: str
    actor_id: int | None
    action: str
    object_kind: str
    object_id: str
    address: str | None
    request_id: str | None
    result: str
    detail: dict[str, Any]
    credential: str | None = None
