"""Searching the audit log in bounded time, whatever its size: newest first, in keyset pages.

An index finds events by actor, by object, among those that are not of mints, and by time. What no index finds is looked
for among the newest ones, and a :class:`Reach` says since when.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select, union, union_all
from sqlalchemy.orm import Session, aliased

from app.domain.audit import Result
from app.domain.audit_search import AROUND, MINTS, AuditSearch
from app.domain.audit_words import actions_with
from app.domain.handles import public_id_in
from app.domain.policy import INSTANCE_SETTINGS
from app.storage.audit_tables import NOT_DONE, NOT_MINTED, OF_NO_USER, AuditEventRow
from app.storage.tables import UserRow
from app.storage.text_search import has_part
from app.storage.user_list import is_named
from app.storage.user_table import FormerUsernameRow

MOST_FOR_IDS, MOST_FOR_NAMES = 300_000, 50_000
"""How many events are read one by one, at most: for an address or a request's id, and for many names."""

MOST_NAMES = 20
"""Of so many names that hold the text, each one's events are found by index; of more, by reading one by one."""

MOST_COUNTED = 1_000

MOST_IN_PERIOD = 50_000
"""Of a period with more events, the last id is that of the last so many by time; no clock is off by so much."""

REQUEST_ID = re.compile(r"[0-9a-f]{32}")

Conditions = Sequence[ColumnElement[bool]]


@dataclass(frozen=True)
class Reach:
    """Where a search looks. `common`: conditions of all events; `branches`: more of them, one branch must hold.

    `since`: of the first event that is looked at, where some are left out; None where none is.
    """

    common: Conditions
    branches: Sequence[Conditions]
    since: datetime | None = None


def reach(session: Session, search: AuditSearch) -> Reach | None:
    """None where no event can match."""
    since, until = _period(session, search)
    lowest, highest = _ids_within(session, since, until)
    if highest is None:
        return None
    common = [AuditEventRow.id <= highest, *_common(search), *_within(since, until)]
    if lowest is not None:
        common.append(AuditEventRow.id >= lowest)
    if search.text is None:
        return Reach(common, [[]])
    names = session.scalars(_names_with(search.text).limit(MOST_NAMES + 1)).all()
    branches = list(_indexed(search.text, names))
    most, one_by_one = _unindexed(search.text, names)
    if one_by_one is None:
        return Reach(common, branches)
    first = highest - most + 1
    branches.append([AuditEventRow.id >= first, one_by_one])
    begin = _first_time(session, first) if first > (lowest or 1) else None
    return Reach(common, branches, begin if begin and (since is None or begin > since) else None)


def page(
    session: Session, where: Reach, row_id: int | None, limit: int, *, is_backwards: bool = False
) -> list[AuditEventRow]:
    """At most `limit` events, newest first, after the one with this id; backwards, before, in reverse."""
    beyond: list[ColumnElement[bool]] = []
    if row_id is not None:
        beyond = [AuditEventRow.id > row_id if is_backwards else AuditEventRow.id < row_id]
    order = AuditEventRow.id.asc() if is_backwards else AuditEventRow.id.desc()
    parts = [select(AuditEventRow.id).where(*where.common, *beyond, *each) for each in where.branches]
    if not parts:
        return []
    query = select(AuditEventRow).where(AuditEventRow.id.in_(_together(parts, order, limit)))
    return list(session.scalars(query.order_by(order).limit(limit)))


def count(session: Session, where: Reach, above: int | None = None) -> int:
    """How many match, at most MOST_COUNTED and one; `above`: those with a greater id only."""
    beyond = [] if above is None else [AuditEventRow.id > above]
    parts = [select(AuditEventRow.id).where(*where.common, *beyond, *each) for each in where.branches]
    if not parts:
        return 0
    most = MOST_COUNTED + 1
    limited = [select(part.order_by(AuditEventRow.id.desc()).limit(most).subquery()) for part in parts]
    ids = union(*limited).subquery() if len(limited) > 1 else limited[0].subquery()
    return session.scalar(select(func.count()).select_from(select(ids.c.id).limit(most).subquery())) or 0


def _together(parts: Sequence[Select[Any]], order: ColumnElement[int], limit: int) -> Any:
    """The ids of all parts, of which each has as many as there can be on a page."""
    limited = [select(part.order_by(order).limit(limit).subquery()) for part in parts]
    return select(union_all(*limited).subquery()) if len(limited) > 1 else limited[0]


def _period(session: Session, search: AuditSearch) -> tuple[datetime | None, datetime | None]:
    since, until = search.since, search.until
    if search.around is not None and (at := _time_of(session, search.around)) is not None:
        since = max(since or at - AROUND, at - AROUND)
        until = min(until or at + AROUND, at + AROUND)
    return since, until


def _ids_within(session: Session, since: datetime | None, until: datetime | None) -> tuple[int | None, int | None]:
    """The first id and the last of a period, by the index of the time: so no newer event is read. None: not bounded."""
    if since is None and until is None:
        return None, session.scalar(select(func.max(AuditEventRow.id)))
    query = select(AuditEventRow.id).where(*_within(since, until)).order_by(AuditEventRow.at.desc())
    last = query.limit(MOST_IN_PERIOD).subquery()
    low, high, number = session.execute(select(func.min(last.c.id), func.max(last.c.id), func.count())).one()
    return None if number == MOST_IN_PERIOD else low, high


def _within(since: datetime | None, until: datetime | None) -> Iterator[ColumnElement[bool]]:
    if since is not None:
        yield AuditEventRow.at >= since
    if until is not None:
        yield AuditEventRow.at < until


def _common(search: AuditSearch) -> Iterator[ColumnElement[bool]]:
    row = AuditEventRow
    exact = (
        (row.actor, search.actor),
        (row.action, search.action),
        (row.object_id, search.object_id),
        (row.request_id, search.request_id),
        (row.result, search.result),
    )
    yield from (column == value for column, value in exact if value is not None)
    # Conditions of indexes, as text: else SQLite does not see that they have all.
    if search.result not in (None, Result.DONE):
        yield literal_column(NOT_DONE)
    elif search.without_mints or search.action not in (None, MINTS):
        yield literal_column(NOT_MINTED)


def _names_with(text: str) -> Select[str]:
    """Users whose user name, e-mail or name holds this part, also by their former names; commands and jobs.

    The latter are read by leaping over the events of each in the index.
    """
    each, next_one = aliased(AuditEventRow), aliased(AuditEventRow)
    of_no_user: ColumnElement[bool] = literal_column(OF_NO_USER)
    leaps = select(func.min(each.actor).label("actor")).where(of_no_user).cte("leaps", recursive=True)
    following = select(func.min(next_one.actor)).where(of_no_user, next_one.actor > leaps.c.actor).scalar_subquery()
    leaps = leaps.union_all(select(following).where(leaps.c.actor.is_not(None)))
    actors = select(leaps.c.actor).where(has_part(leaps.c.actor, text))
    former = FormerUsernameRow
    by_former = select(former.user_id).where(former.username.is_not(None), has_part(former.username, text))
    is_meant = is_named(text) | UserRow.id.in_(by_former)
    present = select(UserRow.username.label("name")).where(is_meant)
    earlier = select(former.username).join(UserRow, UserRow.id == former.user_id)
    both = union(present, earlier.where(former.username.is_not(None), is_meant), actors).subquery()
    return select(both.c.name)


def _indexed(text: str, names: Sequence[str]) -> Iterator[Conditions]:
    """Where the text is a part of a name or an action, or an id."""
    if len(names) <= MOST_NAMES:
        for name in {*names, text}:  # the text as a whole may also be the name of a backup, a table or a stream
            yield [AuditEventRow.actor == name]
            yield [AuditEventRow.object_id == name]
    settings = [each.key for each in INSTANCE_SETTINGS if text.casefold() in f"{each.key} {each.label}".casefold()]
    public_id = public_id_in(text)
    for object_id in (*settings, *([public_id] if public_id else [])):
        yield [AuditEventRow.object_id == object_id]
    actions = actions_with(text)
    if MINTS in actions:
        yield [AuditEventRow.action == MINTS]
    if rare := [each for each in actions if each != MINTS]:
        yield [AuditEventRow.action.in_(rare), literal_column(NOT_MINTED)]


def _unindexed(text: str, names: Sequence[str]) -> tuple[int, ColumnElement[bool] | None]:
    """What must be read one by one, and among how many: the id of a request, an address, a part of many names."""
    if REQUEST_ID.fullmatch(text):
        return MOST_FOR_IDS, AuditEventRow.request_id == text
    if _is_address(text):
        return MOST_FOR_IDS, AuditEventRow.address == text
    if len(names) > MOST_NAMES:
        wanted = select(_names_with(text).cte("wanted").c.name)  # read once for both
        # As expressions: else SQLite reads all events of each name by index, to sort them.
        columns = (AuditEventRow.actor + "", AuditEventRow.object_id + "")
        return MOST_FOR_NAMES, or_(*(column.in_(wanted) for column in columns))
    return 0, None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _time_of(session: Session, row_id: int) -> datetime | None:
    return session.scalar(select(AuditEventRow.at).where(AuditEventRow.id == row_id))


def _first_time(session: Session, first: int) -> datetime | None:
    return session.scalar(select(AuditEventRow.at).where(AuditEventRow.id >= first).order_by(AuditEventRow.id).limit(1))
