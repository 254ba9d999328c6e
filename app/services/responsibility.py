"""Who answers for a service account: the responsible person and the deputy, as names and as ids.

Not here: what they may do (``acting_for``), and the accounts themselves (``service_accounts``).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import BadRequest
from app.domain.identity import Kind, canonical_username
from app.storage import named, users
from app.storage.tables import UserRow

NAMES = ("responsible", "deputy")
PEOPLE = frozenset({"responsible_id", "deputy_id"})

ANSWERING_CHANGED = "user.responsible_changed"

REQUIRED = "A service account needs a responsible person: an active user who is a person."
NO_ACTIVE_PERSON = "There is no active person called {}."
NOT_TWICE = "The deputy is another person than the responsible one."
ONLY_SERVICE = "{} is a person: only service accounts have a responsible person and a deputy."


def lock_together(session: Session, names: Iterable[str | None], user_ids: Iterable[int] = ()) -> None:
    """Lock service accounts and those who answer for them, or will, in the order of all who lock several users."""
    canonical = {canonical_username(name) or "" for name in names if name}
    users.lock_several(session, {*named.ids_of_users(session, canonical).values(), *user_ids})


def lock_for(session: Session, user: int | str, values: Mapping[str, Any]) -> None:
    """The same for a change of this user, by id or name, if it says who answers for an account."""
    if not set(NAMES) & values.keys():
        return
    people = [values.get(name) for name in NAMES]
    lock_together(session, *([people, [user]] if isinstance(user, int) else [[*people, user]]))


def people(session: Session, responsible: str, deputy: str | None, now: datetime) -> dict[str, int | None]:
    """The columns of a new service account. Refuses with BadRequest a name that is no active person's."""
    lock_together(session, (responsible, deputy))
    first = _person(session, "responsible", responsible, now)
    return _refuse_one_for_both({"responsible_id": first, "deputy_id": _deputy(session, deputy, now)})


def columns_of(session: Session, values: Mapping[str, Any], row: UserRow, now: datetime) -> dict[str, Any]:
    """What changes of a user are in columns: the names of ``responsible`` and ``deputy`` become ids.

    Refuses as :func:`people`, and with BadRequest a person's.
    """
    columns, given = dict(values), set(NAMES) & values.keys()
    if not given:
        return columns
    if row.kind != Kind.SERVICE:
        message = ONLY_SERVICE.format(row.username)
        raise BadRequest(message, {name: [message] for name in given})
    if "responsible" in given:
        columns["responsible_id"] = _person(session, "responsible", columns.pop("responsible") or "", now)
    if "deputy" in given:
        columns["deputy_id"] = _deputy(session, columns.pop("deputy"), now)
    both = {column: columns.get(column, getattr(row, column)) for column in PEOPLE}
    _refuse_one_for_both(both)
    return columns


def answering(account: UserRow) -> dict[str, str]:
    """Who answers for an account, for the audit log."""
    return {"responsible": account.responsible or "", "deputy": account.deputy or ""}


def _deputy(session: Session, name: str | None, now: datetime) -> int | None:
    return _person(session, "deputy", name, now) if name else None


def _person(session: Session, member: str, name: str, now: datetime) -> int:
    """The id of an active person, whose row stays locked, so that they are not disabled meanwhile unseen."""
    row = users.hold(session, canonical_username(name) or "")
    if row is None or not users.as_user(row).is_enabled(now) or row.kind != Kind.PERSON:
        message = NO_ACTIVE_PERSON.format(name) if name else REQUIRED
        raise BadRequest(message, {member: [message]})
    return row.id


def _refuse_one_for_both(columns: dict[str, int | None]) -> dict[str, int | None]:
    if columns["deputy_id"] is not None and columns["deputy_id"] == columns["responsible_id"]:
        raise BadRequest(NOT_TWICE, {"deputy": [NOT_TWICE]})
    return columns
