"""Moving and renaming tokens of a restored database again, before revocations by owner or by name are applied.

Not here: recording it, and revoking (``reapplying``).
"""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent
from app.domain.tokens import TokenStatus
from app.domain.withdrawals import Withdrawals
from app.storage import both_tiers, moving, renaming, users
from app.storage.both_tiers import StoredToken

LABELS = ("name", "description")


class Changed(NamedTuple):
    """A token and the event that changed it. `is_done`: False where the new owner is not in the database."""

    token: StoredToken
    event: AuditEvent
    is_done: bool = True


def move_again(session: Session, lost: Withdrawals, *, has_run_on: bool) -> Iterator[Changed]:
    """Give tokens to their last owner. `has_run_on`: the database may have given an id to another user since."""
    held = [found for each in lost.moved if (found := both_tiers.find(session, each)) is not None]
    for token in both_tiers.lock(session, held):
        event = lost.moved[token.public_id]
        owner_id = int(event.detail.get("after_id") or 0)
        if token.status == TokenStatus.REVOKED or owner_id == token.user_id:
            continue
        owner = users.get(session, owner_id)
        is_known = owner is not None and (not has_run_on or owner.username == event.detail.get("after"))
        if is_known:
            moving.give(session, token, owner_id)
        yield Changed(token, event, is_known)


def label_again(session: Session, lost: Withdrawals) -> Iterator[Changed]:
    """Give tokens their last names and descriptions, which filters look for."""
    for (public_id, column), event in lost.labels.items():
        token, after = both_tiers.find(session, public_id), str(event.detail.get("after"))
        if token is not None and renaming.label(session, token, {column: after or None}):
            yield Changed(token, event)


def was_changed_later(lost: Withdrawals, public_id: str, event: AuditEvent) -> bool:
    """Whether a token was moved or renamed after this act: what had ended by it could not be."""
    changes = (lost.moved.get(public_id), *(lost.labels.get((public_id, each)) for each in LABELS))
    return any(each is not None and each.id > event.id for each in changes)
