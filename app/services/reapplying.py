"""Applying withdrawals to a restored database: tokens, users, passwords, settings. Never gives anything back."""

from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent
from app.domain.clock import utc_text
from app.domain.identity import Caller
from app.domain.policy import find_setting
from app.domain.setting import ON_OFF
from app.domain.text import count_of
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.domain.withdrawals import Withdrawals, takes_away
from app.services.deleting_users import WITH_THE_USER, Deletion, about
from app.services.linking import AuditedPeople
from app.services.reapplied import Reapplied
from app.services.reapplying_factors import apply_spent_codes, outdated_by, take_back_outdated
from app.services.reapplying_moves import label_again, move_again, was_changed_later
from app.services.reapplying_scim import take_from_scim_again
from app.services.reapplying_secrets import end_old_secret_again
from app.services.reapplying_users import remove_people_but, unlink_again
from app.services.responsibility import ANSWERING_CHANGED, answering
from app.storage import access_tokens, listing, reapplying, refresh_tokens, sessions, settings, users
from app.storage.audit import record
from app.storage.liveness import TokenTable
from app.storage.reapplying import Found
from app.storage.refresh_tokens import Revocation
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow

REGENERATED = "its secret of the backup was replaced later"
REPLACED = "a newer access token had replaced it"


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
        self._lost = Withdrawals()

    def apply(self, lost: Withdrawals) -> Reapplied:
        """Apply all that can be; what can't is in ``not_applied``."""
        self._lost = lost
        for username, event in lost.renamed.items():
            self._rename(username, event)
        self._move(lost)
        self._label(lost)
        self._revoke_refresh_tokens(lost)
        self._revoke_access_tokens(lost)
        for event, criteria in lost.by_filter:
            self._revoke_matching(event, criteria)
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

    def _move(self, lost: Withdrawals) -> None:
        for token, event, is_done in move_again(self._session, lost, has_run_on=self._has_run_on):
            after, subject = str(event.detail.get("after")), (f"{token.kind}_token", token.public_id)
            if not is_done:
                revoke = self._revoke_refresh_token if token.kind == TokenKind.REFRESH else self._revoke_access_token
                found = Found(token.id, token.public_id, event.at)
                revoke(found, event, f"it was moved to {after}, whom the backup does not have")
                continue
            self._record(event.action, subject, event, before=str(event.detail.get("before")), after=after)
            self._done.changes.append(f"{token.public_id}: moved to {after}, as at {utc_text(event.at)}.")

    def _label(self, lost: Withdrawals) -> None:
        for token, event, _ in label_again(self._session, lost):
            subject = (f"{token.kind}_token", token.public_id)
            self._record(event.action, subject, event, after=str(event.detail.get("after")))

    def _revoke_refresh_tokens(self, lost: Withdrawals) -> None:
        for found in reapplying.in_order(reapplying.refresh_tokens(self._session, lost.refresh_tokens)):
            self._revoke_refresh_token(found, lost.refresh_tokens[found.public_id])
        for found in reapplying.in_order(reapplying.refresh_tokens(self._session, lost.regenerated)):
            event = lost.regenerated[found.public_id]
            if self._is_earlier(found, event):
                self._revoke_refresh_token(found, event, REGENERATED)
        for found in reapplying.in_order(reapplying.refresh_tokens(self._session, lost.old_secrets)):
            event, token = lost.old_secrets[found.public_id], found.public_id
            if self._is_earlier(found, event) and end_old_secret_again(self._session, token, self._now):
                self._record(event.action, ("refresh_token", token), event)
        for username, event in lost.of_users.items():
            if (user := users.find(self._session, username)) is None:
                continue
            refresh, access = reapplying.tokens_of_user(self._session, user.id)
            for found in filter(partial(self._was_ended, event=event), reapplying.in_order(refresh)):
                self._revoke_refresh_token(found, event)
            for found in filter(partial(self._was_ended, event=event), reapplying.in_order(access)):
                self._revoke_access_token(found, event)

    def _revoke_access_tokens(self, lost: Withdrawals) -> None:
        for found in reapplying.in_order(reapplying.access_tokens(self._session, lost.access_tokens)):
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

        found = reapplying.by_ids(self._session, table, reapplying.every(read))
        return [each for each in found if self._was_ended(each, event)]

    def _is_earlier(self, found: Found, event: AuditEvent) -> bool:
        """A backup is, whatever the clocks said."""
        return not self._has_run_on or found.changed_at < event.at

    def _was_ended(self, found: Found, event: AuditEvent) -> bool:
        """By an act about many tokens."""
        return self._is_earlier(found, event) and not was_changed_later(self._lost, found.public_id, event)

    def _revoke_refresh_token(self, found: Found, event: AuditEvent, reason: str | None = None) -> None:
        revocation = _revocation(event, reason)
        parents = refresh_tokens.revoke_each(self._session, [found.id], revocation)
        children = access_tokens.revoke_under(self._session, [found.id], revocation)
        self._done.access_tokens.update(children)
        if parents:
            self._done.refresh_tokens.add(found.public_id)
            self._record("refresh_token.revoked", ("refresh_token", found.public_id), event, revocation.reason)

    def _revoke_access_token(self, found: Found, event: AuditEvent, reason: str | None = None) -> None:
        revocation = _revocation(event, reason)
        for public_id in access_tokens.revoke_each(self._session, [found.id], revocation):
            self._done.access_tokens.add(public_id)
            self._record("access_token.revoked", ("access_token", public_id), event, revocation.reason)

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
        deleted = self._deletion.delete(self._session, user, _revocation(event, WITH_THE_USER))
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


def _revocation(event: AuditEvent, reason: str | None) -> Revocation:
    return Revocation(event.at, event.actor, (reason or str(event.detail.get("reason", "")))[:255])
