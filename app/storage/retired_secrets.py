"""Queries on the digests of secrets that were replaced. Not here: what follows from one (``held_tokens``)."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.orm import Session

from app.domain.secrets import Mac
from app.storage.secret_tables import RetiredSecretRow

TABLE = cast(Table, RetiredSecretRow.__table__)


def add(session: Session, refresh_token_id: int, mac: Mac, now: datetime) -> None:
    """Keep the digest of a secret that is replaced now."""
    values = {"refresh_token_id": refresh_token_id, "key_id": mac.key_id, "mac": mac.digest, "retired_at": now}
    session.execute(insert(TABLE), values)


def find(session: Session, refresh_token_id: int, macs: Sequence[Mac]) -> RetiredSecretRow | None:
    """The one with any of these digests, in constant time however many there are.

    The database's comparison is no oracle: nobody without the keys can choose a digest.
    """
    row = RetiredSecretRow
    query = select(row).where(row.refresh_token_id == refresh_token_id, row.mac.in_([mac.digest for mac in macs]))
    return session.scalars(query.limit(1)).one_or_none()


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` that were replaced at or before `cutoff`; how many."""
    old = select(RetiredSecretRow.id).where(RetiredSecretRow.retired_at <= cutoff).limit(most)
    ids = list(session.scalars(old.with_for_update(skip_locked=True)))
    session.execute(delete(RetiredSecretRow).where(RetiredSecretRow.id.in_(ids)))
    return len(ids)
