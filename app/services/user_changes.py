"""What administrators change of a user, all or nothing, with an audit event for each kind of change.

Not here: passwords (``changing_passwords``) and deleting (``deleting_users``).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.emails import LONGEST as LONGEST_EMAIL
from app.domain.emails import normal_email
from app.domain.errors import Conflict
from app.domain.identity import Caller, Role
from app.domain.ladder import act_of_change
from app.domain.leavers import is_away
from app.domain.text import normal_text
from app.services.permitting import refuse_unless_allowed
from app.services.responsibility import ANSWERING_CHANGED, PEOPLE, answering, columns_of
from app.services.usernames import Usernames, normal_username, taken
from app.storage import sessions, users
from app.storage.audit import record
from app.storage.tables import UserRow

LAST_ADMINISTRATOR = "This is the last enabled administrator; make another user an administrator first."

OWN_NAMES = ("first_name", "last_name")
"""What users change of themselves."""

LONGEST_PROFILE = {"email": LONGEST_EMAIL, "first_name": 150, "last_name": 150, "title": 150}
"""The maximum number of characters of each member, as in the columns."""

WORDS = {"email": "e-mail", "first_name": "first name", "last_name": "last name"}
"""What they are called in the audit log."""

Values = Mapping[str, Any]


def normal_profile(profile: Mapping[str, str]) -> dict[str, str]:
    """E-mail, names and title as they are stored. Refuses with BadRequest."""
    return {
        each: normal_email(value) if each == "email" else normal_text(each, value, LONGEST_PROFILE[each])
        for each, value in profile.items()
    }


def normal_values(values: Values) -> dict[str, Any]:
    """Any values of a user as they are stored. Refuses with BadRequest."""
    normal = dict(values) | normal_profile({each: str(values[each]) for each in LONGEST_PROFILE if each in values})
    return normal | ({"username": normal_username(str(values["username"]))} if "username" in values else {})


def change(session: Session, row: UserRow, values: Values, now: datetime, caller: Caller, usernames: Usernames) -> None:
    """Change what differs of a user whose row is locked.

    `values`: normal ones. Refuses with NotPermitted, as :func:`columns_of`, and with Conflict a user name that is or
    was somebody else's.
    """
    values = columns_of(session, values, row, now)
    changed = differing(row, values) | _vouched_for(row, values, now)
    for column, value in changed.items():
        refuse_unless_allowed(session, act_of_change(column, getattr(row, column), value), caller)
    apply(session, row, changed, now, caller, usernames)


def apply(session: Session, row: UserRow, changed: Values, now: datetime, caller: Caller, usernames: Usernames) -> None:
    """Write values that differ, for a caller who may, with an event for each kind. Refuses as :func:`write`."""
    before = row.username
    write(session, row, changed, now, usernames)
    if not row.is_active:
        sessions.end_of_user(session, row.id)
    users.read_names(session, row)
    _record(session, changed, before, row, now, caller)


def change_own(session: Session, row: UserRow, names: Mapping[str, str], now: datetime, caller: Caller) -> None:
    """Change what differs of a user's own names, and of an e-mail that a provider says is theirs."""
    changed = differing(row, names)
    for column, value in changed.items():
        setattr(row, column, value)
    _record(session, changed, row.username, row, now, caller)


def write(session: Session, row: UserRow, changed: Values, now: datetime, usernames: Usernames) -> None:
    """Write these values. Who enables somebody that a provider knows vouches for them.

    Refuses with Conflict a user name that is or was somebody else's.
    """
    for column, value in changed.items():
        if column != "username":
            setattr(row, column, value)
    if changed.get("is_active"):
        row.left_at = None
        row.vouched_at = row.vouched_at and now
    if "username" not in changed:
        return
    try:
        usernames.rename(session, row, str(changed["username"]), now)
    except IntegrityError:
        raise taken(str(changed["username"])) from None


def refuse_to_leave_none(administrators: list[int], row: UserRow) -> None:
    """Refuse with Conflict what would leave no enabled administrator. `administrators`: those before."""
    stays = row.is_active and row.role == Role.SERVER_ADMIN
    if administrators == [row.id] and not stays:
        raise Conflict(LAST_ADMINISTRATOR)


def _vouched_for(row: UserRow, values: Values, now: datetime) -> dict[str, Any]:
    """What enabling changes of somebody who is not disabled, but has not signed in for too long."""
    is_enabled = values.get("is_active") is True and is_away(row.vouched_at, row.sign_in_valid_days, now)
    return {"is_active": True} if is_enabled else {}


def differing(row: UserRow, values: Values) -> dict[str, Any]:
    """Those that the row does not have."""
    return {column: value for column, value in values.items() if getattr(row, column) != value}


def _record(session: Session, changed: Values, username: str, row: UserRow, now: datetime, caller: Caller) -> None:
    for action, detail in _audited(changed, username, row):
        record(session, now, caller, action, ("user", row.username), **detail)


def _audited(changed: Values, username: str, row: UserRow) -> Iterator[tuple[str, dict[str, str | bool]]]:
    """The events. The log keeps what is in it: it has the names of what was edited, not the values."""
    edited = [column for column in changed if column in LONGEST_PROFILE]
    if edited:
        yield "user.edited", {"fields": ", ".join(WORDS.get(each, each) for each in edited)}
    if "username" in changed:
        yield "user.renamed", {"before": username, "after": str(changed["username"])}
    if PEOPLE & changed.keys():
        yield ANSWERING_CHANGED, dict(answering(row))
    for column, value in changed.items():
        if column == "is_active":
            yield ("user.enabled" if value else "user.disabled"), {column: value}
        elif column in ("role", "api_tokens"):
            yield f"user.{column}_changed", {column: value}
