"""What happened to a token, for its detail page. Not here: reading it (``app.services.token_history``)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Step(StrEnum):
    """What happened. REQUESTED: an access token, with this refresh token; FIRST_REQUESTED: the first one of all."""

    CREATED = "created"
    FIRST_REQUESTED = "first requested"
    REQUESTED = "requested"
    REGENERATED = "regenerated"
    ROTATED = "rotated"
    OLD_SECRET_ENDED = "old secret ended"
    MOVED = "moved"
    RENAMED = "renamed"
    DESCRIBED = "described"
    FOUND_SHARED = "found shared"
    SECRET_FOUND = "secret found"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Entry:
    """One line of a timeline.

    `by`: a user name, ``cli:<system user>`` or ``job:<name>``; empty where nobody acted, or who is not known.
    `is_own`: the owner did it, or one of their programs. `means`: the credential, in words, of the owner's own acts.
    `address`: of the client. `note`: why a token was revoked, where its secret was found, which addresses share it,
    the owners or the names before and after, until when (RFC 3339) the secret from before a rotation was to work.
    """

    at: datetime
    step: Step
    by: str = ""
    is_own: bool = False
    means: str = ""
    address: str | None = None
    note: str = ""
