"""Applying to the tokens of a restored database what was done to them since the backup: moved, named, revoked.

Not here: finding what is to be moved and named (``reapplying_moves``).
"""

from datetime import datetime
from functools import partial
from typing import Protocol

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent
from app.domain.clock import utc_text
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.domain.withdrawals import Withdrawals
from app.services.reapplied import Reapplied
from app.services.reapplying_moves import label_again, move_again, was_changed_later
from app.storage import access_tokens, listing, new_secrets, reapplying, refresh_tokens, users
from app.storage.liveness import TokenTable
from app.storage.reapplying import Found
from app.storage.refresh_tokens import Revocation
from app.storage.tables import AccessTokenRow, RefreshTokenRow

REGENERATED = "its secret of the backup was replaced later"
REPLACED = "a newer access token had replaced it"


class Recording(Protocol):
    """Adds the audit row of what an event asked for."""

    def __call__(
        self, action: str, subject: tuple[str, str], event: AuditEvent, reason: str | None = None, **detail: str | int
    ) -> None: ...


class ReapplyingTokens:
    """Applies withdrawals to tokens. `record`: adds an audit row; `done`, `has_run_on`: as in :class:`Reapplying`."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        lost: Withdrawals,
        done: Reapplied,
        record: Recording,
        *,
        has_run_on: bool,
    ) -> None:
        self._session, self._now, self._lost = session, now, lost
        self._done, self._record, self._has_run_on = done, record, has_run_on

    def apply(self) -> None:
        """Moves and names first: revocations are by owner, and by filter, too."""
        self._move()
        self._label()
        self._revoke_refresh_tokens()
        self._revoke_access_tokens()
        for event, criteria in self._lost.by_filter:
            self._revoke_matching(event, criteria)

    def _move(self) -> None:
        for token, event, is_done in move_again(self._session, self._lost, has_run_on=self._has_run_on):
            after, subject = str(event.detail.get("after")), (f"{token.kind}_token", token.public_id)
            if not is_done:
                revoke = self._revoke_refresh_token if token.kind == TokenKind.REFRESH else self._revoke_access_token
                found = Found(token.id, token.public_id, event.at)
                revoke(found, event, f"it was moved to {after}, whom the backup does not have")
                continue
            self._record(event.action, subject, event, before=str(event.detail.get("before")), after=after)
            self._done.changes.append(f"{token.public_id}: moved to {after}, as at {utc_text(event.at)}.")

    def _label(self) -> None:
        for token, event, _ in label_again(self._session, self._lost):
            subject = (f"{token.kind}_token", token.public_id)
            self._record(event.action, subject, event, after=str(event.detail.get("after")))

    def _revoke_refresh_tokens(self) -> None:
        for found in reapplying.in_order(reapplying.refresh_tokens(self._session, self._lost.refresh_tokens)):
            self._revoke_refresh_token(found, self._lost.refresh_tokens[found.public_id])
        for found in reapplying.in_order(reapplying.refresh_tokens(self._session, self._lost.regenerated)):
            event = self._lost.regenerated[found.public_id]
            if self._is_earlier(found, event):
                self._revoke_refresh_token(found, event, REGENERATED)
        for found in reapplying.in_order(reapplying.refresh_tokens(self._session, self._lost.old_secrets)):
            event, token = self._lost.old_secrets[found.public_id], found.public_id
            if self._is_earlier(found, event) and _end_old_secret(self._session, token, self._now):
                self._record(event.action, ("refresh_token", token), event)
        for username, event in self._lost.of_users.items():
            if (user := users.find(self._session, username)) is None:
                continue
            refresh, access = reapplying.tokens_of_user(self._session, user.id)
            for found in filter(partial(self._was_ended, event=event), reapplying.in_order(refresh)):
                self._revoke_refresh_token(found, event)
            for found in filter(partial(self._was_ended, event=event), reapplying.in_order(access)):
                self._revoke_access_token(found, event)

    def _revoke_access_tokens(self) -> None:
        for found in reapplying.in_order(reapplying.access_tokens(self._session, self._lost.access_tokens)):
            self._revoke_access_token(found, self._lost.access_tokens[found.public_id])
        for parent, found in reapplying.unended_under(self._session, self._lost.minted):
            event = self._lost.minted[parent]
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
        revocation = revocation_of(event, reason)
        parents = refresh_tokens.revoke_each(self._session, [found.id], revocation)
        children = access_tokens.revoke_under(self._session, [found.id], revocation)
        self._done.access_tokens.update(children)
        if parents:
            self._done.refresh_tokens.add(found.public_id)
            self._record("refresh_token.revoked", ("refresh_token", found.public_id), event, revocation.reason)

    def _revoke_access_token(self, found: Found, event: AuditEvent, reason: str | None = None) -> None:
        revocation = revocation_of(event, reason)
        for public_id in access_tokens.revoke_each(self._session, [found.id], revocation):
            self._done.access_tokens.add(public_id)
            self._record("access_token.revoked", ("access_token", public_id), event, revocation.reason)


def _end_old_secret(session: Session, public_id: str, now: datetime) -> bool:
    """Whether there was one that works."""
    row = refresh_tokens.find(session, public_id)
    if row is None or refresh_tokens.old_secret_until(row, now) is None:
        return False
    new_secrets.end_old_secret(session, row, now)
    return True


def revocation_of(event: AuditEvent, reason: str | None) -> Revocation:
    """As the event says: its time, its author and its reason, unless there is another."""
    return Revocation(event.at, event.actor, (reason or str(event.detail.get("reason", "")))[:255])
