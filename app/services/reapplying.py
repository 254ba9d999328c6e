"""Applying withdrawals to a restored database, in order: users, passwords, settings. Never gives anything back.

Not here: tokens (``reapplying_tokens``).
"""

from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent
from app.domain.clock import utc_text
from app.domain.identity import Caller
from app.domain.policy import find_setting
from app.domain.setting import ON_OFF
from app.domain.text import count_of
from app.domain.withdrawals import Withdrawals, takes_away
from app.services.deleting_users import WITH_THE_USER, Deletion, about
from app.services.linking import AuditedPeople
from app.services.reapplied import Reapplied
from app.services.reapplying_factors import apply_spent_codes, outdated_by, take_back_outdated
from app.services.reapplying_scim import take_from_scim_again
from app.services.reapplying_tokens import ReapplyingTokens, revocation_of
from app.services.reapplying_users import remove_people_but, unlink_again
from app.services.responsibility import ANSWERING_CHANGED, answering
from app.storage import sessions, settings, users
from app.storage.audit import record
from app.storage.tables import UserRow


class Reapplying:
    """Applies withdrawals in one transaction. A revocation keeps its time, its author and its reason.

    `has_run_on`: whether the database was used since it was restored, so that tokens may be later than an event.
    """

    def __init__(
        self,
        session: Session,
        now: datetime,
        caller: Caller,
        deletion: Deletion,
        people: AuditedPeople,
        *,
        has_run_on: bool,
    ) -> None:
        self._session, self._now, self._caller = session, now, caller
        self._deletion, self._people = deletion, people
        self._has_run_on = has_run_on
        self._done = Reapplied()

    def apply(self, lost: Withdrawals) -> Reapplied:
        """Apply all that can be; what can't is in ``not_applied``."""
        for username, event in lost.renamed.items():
            self._rename(username, event)
        has_run_on, done = self._has_run_on, self._done
        ReapplyingTokens(self._session, self._now, lost, done, self._record, has_run_on=has_run_on).apply()
        for (username, column), event in lost.users.items():
            self._change_user(username, column, event)
        for username, event in (lost.passwords | take_back_outdated(self._session, lost)).items():
            self._remove_password(username, event)
        apply_spent_codes(self._session, lost, self._done)
        for username, event in lost.answering.items():
            self._remove_people(username, event)
        for event in lost.unlinked.values():
            self._unlink(event)
        for user_id, event in lost.deleted.items():
            self._delete(user_id, event)
        for key, event in lost.settings.items():
            self._change_setting(key, event)
        self._done.changes += take_from_scim_again(self._session, lost, self._record)
        for action, number in lost.unknown.items():
            self._done.not_applied.append(f"{count_of(number, 'event')} {action}.")
        return self._done

    def _change_user(self, username: str, column: str, event: AuditEvent) -> None:
        user, value = users.find(self._session, username), event.detail.get(column, "")
        if user is None or not takes_away(column, getattr(user, column), value):
            return
        administrators = users.lock_administrators(self._session, self._now)
        if column != "api_tokens" and self._is_last(user, administrators, event):
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
            f"{username}: the password of the backup, {outdated_by(event)} at {utc_text(event.at)}, was removed: "
            f"run `daypass user set-password {username}`."
        )

    def _rename(self, username: str, event: AuditEvent) -> None:
        user = users.find(self._session, username)
        if user is None or username == event.object_id:
            return
        if users.find(self._session, event.object_id) is not None:
            self._done.not_applied.append(f"{username} is not renamed: there is another {event.object_id}.")
            return
        self._deletion.usernames.rename(self._session, user, event.object_id, self._now)
        self._record(event.action, ("user", event.object_id), event, before=username, after=event.object_id)
        self._done.changes.append(f"{username}: renamed to {event.object_id}, as since {utc_text(event.at)}.")

    def _delete(self, user_id: int, event: AuditEvent) -> None:
        administrators = users.lock_administrators(self._session, self._now)
        user = users.hold(self._session, user_id)
        if user is None or user.deleted_at is not None or (self._has_run_on and user.created_at >= event.at):
            return
        if self._is_last(user, administrators, event):
            return
        deleted = self._deletion.delete(self._session, user, revocation_of(event, WITH_THE_USER))
        self._record(event.action, ("user", deleted.user.username), event, None, **about(deleted))
        self._done.changes.append(f"{deleted.user.username}: deleted, as since {utc_text(event.at)}.")

    def _is_last(self, user: UserRow, administrators: list[int], event: AuditEvent) -> bool:
        """Whether a user is the only one of these administrators, so that the event is not applied."""
        if administrators != [user.id]:
            return False
        then = f"{event.action} at {utc_text(event.at)}"
        self._done.not_applied.append(f"{user.username} is the last enabled administrator: {then} is not applied.")
        return True

    def _remove_people(self, username: str, event: AuditEvent) -> None:
        """Those who answered for a service account and do not since; nobody is given it."""
        user = users.find(self._session, username)
        gone = [] if user is None else remove_people_but(user, event)
        if user is None or not gone:
            return
        self._done.changes += [f"{username}: {each} does not answer for it any more." for each in gone]
        users.read_names(self._session, user)
        self._record(ANSWERING_CHANGED, ("user", username), event, **answering(user))

    def _unlink(self, event: AuditEvent) -> None:
        if (done := unlink_again(self._session, event, self._people, has_run_on=self._has_run_on)) is None:
            return
        username, person = done
        self._record(event.action, ("user", username), event, **self._people.detail(person))
        self._done.changes.append(f"{username}: unlinked from {person.subject or person.email} at {person.issuer}.")

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
        self, action: str, subject: tuple[str, str], event: AuditEvent, reason: str | None = None, **detail: str | int
    ) -> None:
        given = detail if reason is None else detail | {"reason": reason}
        record(self._session, self._now, self._caller, action, subject, **given, reapplied=event.id)
