"""SCIM after a restore: what administrators took away since the backup, tokens and roles of groups, or all tokens."""

from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent
from app.domain.clock import utc_text
from app.domain.identity import Caller
from app.domain.withdrawals import Withdrawals
from app.storage import scim_groups, scim_tokens
from app.storage.audit import record as record_event


def take_from_scim_again(
    session: Session, lost: Withdrawals, record: Callable[[str, tuple[str, str], AuditEvent], None]
) -> Iterator[str]:
    """A sentence for each that was applied and recorded. Roles of users are in other events."""
    for public_id, event in lost.scim_tokens.items():
        token = scim_tokens.hold(session, public_id)
        if token is not None and token.revoked_at is None:
            token.revoked_at, token.revoked_by = event.at, event.actor
            record(event.action, ("scim_token", public_id), event)
            yield f"SCIM token {public_id}: revoked, as at {utc_text(event.at)}."
    for group, event in lost.unmapped.items():
        if scim_groups.remove_role(session, group) is not None:
            record(event.action, ("scim_group", group), event)
            yield f"The group {group} gives no role, as since {utc_text(event.at)}."


def revoke_scim_tokens(session: Session, now: datetime, caller: Caller) -> list[str]:
    """Revoke all; a sentence about each."""
    sentences = []
    for token in scim_tokens.unrevoked(session):
        token.revoked_at, token.revoked_by = now, caller.name
        subject = ("scim_token", token.public_id)
        record_event(session, now, caller, "scim_token.revoked", subject, name=token.name)
        sentences.append(f"SCIM token {token.public_id}, {token.name}: revoked.")
    return sentences
