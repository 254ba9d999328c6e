"""Applying withdrawals to a restored database: tokens, users, passwords, settings. Never gives anything back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent
from app.domain.clock import utc_text
from app.domain.identity import Caller, Role
from app.domain.ladder import STRENGTH
from app.domain.policy import find_setting
from app.domain.setting import ON_OFF
from app.domain.text import count_of
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind, TokenStatus
from app.domain.withdrawals import Withdrawals
from app.storage import (
    access_tokens,
    listing,
    moving,
    new_secrets,
    reapplying,
    refresh_tokens,
    renaming,
    sessions,
    settings,
    users,
)
from app.storage.audit import record
from app.storage.liveness import TokenTable
from app.storage.moving import Movable
from app.storage.reapplying import CHUNK, Found
from app.storage.refresh_tokens import Revocation, old_secret_until
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow

REGENERATED = "its secret of the backup was replaced later"
REPLACED = "a newer access token had replaced it"
LABELS = ("name", "description")


@dataclass
class Reapplied:
    """The public ids of the tokens that were revoked, and sentences about the rest."""

    refresh_tokens: set[str] = field(default_factory=set)
    access_tokens: set[str] = field(default_factory=set)
    changes: list[str] = field(default_factory=list)
    not_applied: list[str] = field(default_factory=list)


class Reapplying:
    """Applies withdrawals in one transaction. A revocation keeps its time, its author and its reason.

    `has_run_on`: whether the database was used since it was restored, so that tokens may be later than an event.
    """

    def __init__(self, session: Session, now: datetime, caller: Caller, *, has_run_on: bool) -> None:
        self._session = session
        self._now = now
        self._caller = caller
        self._has_run_on = has_run_on
        self._done = Reapplied()
        self._lost = Withdrawals()

    def apply(self, lost: Withdrawals) -> Reapplied:
        """Apply all that can be; what can't is in ``not_applied``."""
        self._lost = lost
        self._move(lost)
        self._label(lost)
        self._revoke_refresh_tokens(lost)
        self._revoke_access_tokens(lost)
        for event, criteria in lost.by_filter:
            self._revoke_matching(event, criteria)
        for (username, column), event in lost.users.items():
            self._change_user(username, column, event)
        for username, event in lost.passwords.items():
            self._remove_password(username, event)
        for username, event in lost.answering.items():
            self._remove_people(username, event)
        for key, event in lost.settings.items():
            self._change_setting(key, event)
        for action, number in lost.unknown.items():
            self._done.not_applied.append(f"{count_of(number, 'event')} {action}.")
        return self._done

    def _move(self, lost: Withdrawals) -> None:
        """First of all, because all tokens of a user, and those that a filter matched, are of the owners of then."""
        held = [found for each in lost.moved if (found := moving.find(self._session, each)) is not None]
        for token in moving.lock(self._session, held):
            event = lost.moved[token.public_id]
            username, user_id = str(event.detail.get("after")), event.detail.get("after_id")
            target = users.find(self._session, username)
            if token.status == TokenStatus.REVOKED or user_id == token.user_id:
                continue
            if target is None or target.id != user_id:
                self._revoke_moved(token, event, f"it was moved to {username}, whom the backup does not have")
                continue
            moving.give(self._session, token, target.id)
            detail = {name: str(event.detail.get(name)) for name in ("before", "after")}
            self._record(event.action, (f"{token.kind}_token", token.public_id), event, **detail)
            self._done.changes.append(f"{token.public_id}: moved to {username}, as at {utc_text(event.at)}.")

    def _label(self, lost: Withdrawals) -> None:
        """As the filters of later revocations found them."""
        for (public_id, column), event in lost.labels.items():
            token, after = moving.find(self._session, public_id), str(event.detail.get("after"))
            if token is not None and renaming.label(self._session, token, {column: after or None}):
                self._record(event.action, (f"{token.kind}_token", public_id), event, after=after)

    def _revoke_moved(self, token: Movable, event: AuditEvent, reason: str) -> None:
        found = Found(token.id, token.public_id, event.at)
        is_refresh = token.kind == TokenKind.REFRESH
        (self._revoke_refresh_token if is_refresh else self._revoke_access_token)(found, event, reason)

    def _revoke_refresh_tokens(self, lost: Withdrawals) -> None:
        for found in _in_order(reapplying.refresh_tokens(self._session, lost.refresh_tokens)):
            self._revoke_refresh_token(found, lost.refresh_tokens[found.public_id])
        for found in _in_order(reapplying.refresh_tokens(self._session, lost.regenerated)):
            event = lost.regenerated[found.public_id]
            if self._is_earlier(found, event):
                self._revoke_refresh_token(found, event, REGENERATED)
        for found in _in_order(reapplying.refresh_tokens(self._session, lost.old_secrets)):
            self._end_old_secret(found, lost.old_secrets[found.public_id])
        for username, event in lost.of_users.items():
            if (user := users.find(self._session, username)) is None:
                continue
            refresh, access = reapplying.tokens_of_user(self._session, user.id)
            for found in filter(partial(self._was_ended, event=event), _in_order(refresh)):
                self._revoke_refresh_token(found, event)
            for found in filter(partial(self._was_ended, event=event), _in_order(access)):
                self._revoke_access_token(found, event)

    def _revoke_access_tokens(self, lost: Withdrawals) -> None:
        for found in _in_order(reapplying.access_tokens(self._session, lost.access_tokens)):
            self._revoke_access_token(found, lost.access_tokens[found.public_id])
        for parent, found in reapplying.unended_under(self._session, lost.minted):
            event = lost.minted[parent]
            if self._is_earlier(found, event) and found.public_id != event.object_id:
                self._revoke_access_token(found, event, REPLACED)

    def _revoke_matching(self, event: AuditEvent, criteria: TokenFilter) -> None:
        """The tokens that the filter matched then, judged by their state in the backup."""
        if criteria.kind is not TokenKind.ACCESS:
            for found in self._matching(RefreshTokenRow, criteria, event):
                self._revoke_refresh_token(found, event)
        if criteria.kind is not TokenKind.REFRESH:
            for found in self._matching(AccessTokenRow, criteria, event):
                self._revoke_access_token(found, event)

    def _matching(self, table: TokenTable, criteria: TokenFilter, event: AuditEvent) -> list[Found]:
        def read(beyond: int, limit: int) -> list[int]:
            if table is RefreshTokenRow:
                return listing.refresh_token_ids(self._session, criteria, event.at, beyond, limit)
            return [row for row, _ in listing.access_token_ids(self._session, criteria, event.at, beyond, limit)]

        found = reapplying.by_ids(self._session, table, _every(read))
        return [each for each in found if self._was_ended(each, event)]

    def _is_earlier(self, found: Found, event: AuditEvent) -> bool:
        """A backup is, whatever the clocks said."""
        return not self._has_run_on or found.changed_at < event.at

    def _was_ended(self, found: Found, event: AuditEvent) -> bool:
        """By an act about many tokens. What was moved or renamed later had not ended: it fits only since."""
        handle = found.public_id
        changes = (self._lost.moved.get(handle), *(self._lost.labels.get((handle, each)) for each in LABELS))
        return self._is_earlier(found, event) and all(each is None or each.id < event.id for each in changes)

    def _revoke_refresh_token(self, found: Found, event: AuditEvent, reason: str | None = None) -> None:
        revocation = _revocation(event, reason)
        parents = refresh_tokens.revoke_each(self._session, [found.id], revocation)
        children = access_tokens.revoke_under(self._session, [found.id], revocation)
        self._done.access_tokens.update(children)
        if parents:
            self._done.refresh_tokens.add(found.public_id)
            self._record("refresh_token.revoked", ("refresh_token", found.public_id), event, revocation.reason)

    def _end_old_secret(self, found: Found, event: AuditEvent) -> None:
        row = refresh_tokens.find(self._session, found.public_id)
        if row is None or not self._is_earlier(found, event) or old_secret_until(row, self._now) is None:
            return
        new_secrets.end_old_secret(self._session, row, self._now)
        self._record(event.action, ("refresh_token", found.public_id), event)
        self._done.changes.append(f"{found.public_id}: its old secret ended, as since {utc_text(event.at)}.")

    def _revoke_access_token(self, found: Found, event: AuditEvent, reason: str | None = None) -> None:
        revocation = _revocation(event, reason)
        for public_id in access_tokens.revoke_each(self._session, [found.id], revocation):
            self._done.access_tokens.add(public_id)
            self._record("access_token.revoked", ("access_token", public_id), event, revocation.reason)

    def _change_user(self, username: str, column: str, event: AuditEvent) -> None:
        user, value = users.find(self._session, username), event.detail.get(column, "")
        if user is None or not _takes_away(user, column, value):
            return
        administrators = users.lock_administrators(self._session)
        if column != "api_tokens" and administrators == [user.id]:
            then = f"{event.action} at {utc_text(event.at)}"
            self._done.not_applied.append(f"{username} is the last enabled administrator: {then} is not applied.")
            return
        setattr(user, column, value)
        self._session.flush()
        if column == "is_active":
            sessions.end_of_user(self._session, user.id)
        self._record(event.action, ("user", username), event, **{column: value})
        spelt = {"is_active": "disabled", "role": f"role {value}", "api_tokens": f"API tokens: {value}"}[column]
        self._done.changes.append(f"{username}: {spelt}, as since {utc_text(event.at)}.")

    def _remove_password(self, username: str, event: AuditEvent) -> None:
        user = users.find(self._session, username)
        if user is None or user.password_hash is None:
            return
        user.password_hash = None
        self._session.flush()
        self._record("user.password_removed", ("user", username), event)
        self._done.changes.append(
            f"{username}: the password of the backup, changed at {utc_text(event.at)}, was removed: "
            f"run `daypass user set-password {username}`."
        )

    def _remove_people(self, username: str, event: AuditEvent) -> None:
        """Those who answered for a service account and do not since; nobody is given it."""
        user, kept = users.find(self._session, username), {event.detail.get(each) for each in ("responsible", "deputy")}
        gone = [each for each in ("responsible", "deputy") if user and getattr(user, each) not in (None, *kept)]
        if user is None or not gone:
            return
        for each in gone:
            self._done.changes.append(f"{username}: {getattr(user, each)} does not answer for it any more.")
            setattr(user, f"{each}_id", None)
        users.read_names(self._session, user)
        names = {each: getattr(user, each) or "" for each in ("responsible", "deputy")}
        self._record("user.responsible_changed", ("user", username), event, **names)

    def _change_setting(self, key: str, event: AuditEvent) -> None:
        after, setting = str(event.detail.get("after")), find_setting(key)
        before = settings.stored(self._session).get(key, setting.default if setting else "")
        if before == after:
            return
        if setting is None or setting.choices != ON_OFF or after != "off":
            self._done.not_applied.append(f"{key} is {before} as in the backup, not {after}: see `daypass conf {key}`.")
            return
        settings.put(self._session, key, after, self._now, self._caller.name)
        self._record("instance_setting.changed", ("instance_setting", key), event, before=before, after=after)
        self._done.changes.append(f"{key}: off, as since {utc_text(event.at)}.")

    def _record(
        self, action: str, subject: tuple[str, str], event: AuditEvent, reason: str | None = None, **detail: str | bool
    ) -> None:
        given = detail if reason is None else detail | {"reason": reason}
        record(self._session, self._now, self._caller, action, subject, **given, reapplied=event.id)


def _takes_away(user: UserRow, column: str, value: object) -> bool:
    if column == "is_active":
        return value is False and user.is_active
    if column == "api_tokens":
        return value in STRENGTH and STRENGTH[value] < STRENGTH[user.api_tokens]
    return value in list(Role) and _is_weaker(Role(str(value)), Role(user.role))


def _is_weaker(role: Role, than: Role) -> bool:
    """Roles are in order, but for INTROSPECTOR, which has a permission that only administrators have."""
    if role is Role.INTROSPECTOR or than is Role.INTROSPECTOR:
        return (role, than) == (Role.INTROSPECTOR, Role.SERVER_ADMIN) or role not in (
            Role.SERVER_ADMIN,
            Role.INTROSPECTOR,
        )
    return list(Role).index(role) > list(Role).index(than)


def _revocation(event: AuditEvent, reason: str | None) -> Revocation:
    return Revocation(event.at, event.actor, (reason or str(event.detail.get("reason", "")))[:255])


def _in_order(found: Iterable[Found]) -> list[Found]:
    """Rows are locked in order of id, against deadlocks with others that lock several."""
    return sorted(found)


def _every(read: Callable[[int, int], list[int]]) -> list[int]:
    """All ids, read in batches. `read`: of an id and a number, those after it."""
    ids: list[int] = []
    while some := read(ids[-1] if ids else 0, CHUNK):
        ids += some
    return ids
