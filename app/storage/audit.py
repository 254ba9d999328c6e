"""Appending to the audit log, in the transaction of the change. Reading it is in ``audit_list``."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from app.domain.audit import Result
from app.domain.identity import Caller
from app.domain.masking import mask, mask_identifier
from app.storage.audit_tables import AuditEventRow

OF_A_PROVIDER = "person"
"""The detail with somebody's subject at a provider, by which they are unlinked again after a restore."""

_INSERT = insert(cast(Table, AuditEventRow.__table__))


def record(
    session: Session,
    now: datetime,
    caller: Caller,
    action: str,
    subject: tuple[str, str],
    **detail: str | int | bool | None,
) -> None:
    """Append that `caller` did `action` to `subject`. If this fails, so does the change.

    `action`: ``<thing>.<past participle>``. `subject`: kind and handle, such as ``("user", "anna")``.
    `detail`: a secret that stands in it by mistake is masked.
    """
    _append(session, _values(now, caller, action, subject, Result.DONE, detail))


def record_of_each(
    session: Session,
    now: datetime,
    caller: Caller,
    action: str,
    subjects: Sequence[tuple[str, str]],
    **detail: str | int | bool | None,
) -> None:
    """The same of each of these, of which there can be thousands, in one go."""
    if subjects:
        values = _values(now, caller, action, subjects[0], Result.DONE, detail)
        _append(session, [values | {"object_kind": kind, "object_id": handle} for kind, handle in subjects])


def record_refused(
    session: Session,
    now: datetime,
    caller: Caller,
    action: str,
    subject: tuple[str, str],
    **detail: str | int | bool | None,
) -> None:
    """Append that `caller` tried it in vain, in the same way."""
    _append(session, _values(now, caller, action, subject, Result.REFUSED, detail))


def _append(session: Session, events: dict[str, Any] | list[dict[str, Any]]) -> None:
    session.execute(_INSERT, events)


def _values(
    now: datetime,
    caller: Caller,
    action: str,
    subject: tuple[str, str],
    result: Result,
    detail: dict[str, str | int | bool | None],
) -> dict[str, Any]:
    kind, handle = subject
    return {
        "at": now,
        "actor": caller.name,
        "actor_id": caller.user_id,
        "action": action,
        "object_kind": kind,
        "object_id": handle,
        "address": caller.address,
        "request_id": caller.request_id,
        "result": result,
        "detail": json.dumps({name: _masked(name, value) for name, value in detail.items()}, sort_keys=True),
        "credential": None if caller.credential is None else str(caller.credential),
    }


def _masked(name: str, value: str | int | bool | None) -> str | int | bool | None:
    if not isinstance(value, str):
        return value
    return mask_identifier(value) if name == OF_A_PROVIDER else mask(value)
