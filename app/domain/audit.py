"""An event of the audit log, as it is read. Not here: writing one (``app.storage.audit``), seals (``audit_seals``)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Result(StrEnum):
    """What became of an act. REFUSED: it was tried, and changed nothing."""

    DONE = "done"
    REFUSED = "refused"


class Stream(StrEnum):
    """Events that are kept equally long. Each stream has its own chain of seals."""

    ORDINARY = "ordinary"
    HIGH_VOLUME = "high-volume"


SIGN_IN_REFUSED = "sign_in.refused"
SIGN_IN_THROTTLED = "sign_in.throttled"
SUPERSEDED_PRESENTED = "access_token.superseded_presented"
PRESENTED_AS_ACCESS = "refresh_token.presented_as_access"
ADMINISTRATION_REFUSED = "administration.refused"

PROVIDER_REFUSED, LOGOUT_REFUSED = "provider.sign_in_refused", "provider.logout_refused"
"""Sampled too, and in the ordinary stream."""

SIGHTINGS = (SIGN_IN_REFUSED, SIGN_IN_THROTTLED, SUPERSEDED_PRESENTED, PRESENTED_AS_ACCESS, ADMINISTRATION_REFUSED)
"""What was tried in vain. Anybody can cause these at will, so they are sampled (``app.services.sightings``)."""

HIGH_VOLUME = frozenset({"access_token.minted", *SIGHTINGS})
"""Mints, because programs cause thousands a day, and sightings, because strangers do. All others change what people
decided, and are few. The triggers of migration 0014 have the same list: another action needs a migration.
"""


def stream_of(action: str) -> Stream:
    """The stream of events with this action."""
    return Stream.HIGH_VOLUME if action in HIGH_VOLUME else Stream.ORDINARY


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
