"""Recording backups, and after a restore taking away again what was taken away since, in one audited transaction.

Not here: the files (``app.storage.backup``, ``app.storage.replacing``), and what events took away
(``app.domain.withdrawals``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent
from app.domain.clock import Clock, utc_text
from app.domain.errors import Conflict
from app.domain.identity import Caller
from app.domain.withdrawals import Withdrawals, withdrawals
from app.services.reapplying import Reapplied, Reapplying
from app.storage import access_tokens, reapplying, refresh_tokens, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.refresh_tokens import Revocation

REVOKED_ALL = "all tokens were revoked after a restore"


@dataclass(frozen=True)
class Restored:
    """What was done to a restored database. `sessions`: web sessions that ended."""

    refresh_tokens: int = 0
    access_tokens: int = 0
    sessions: int = 0
    changes: list[str] = field(default_factory=list)
    """What else was taken away, a sentence each."""
    not_applied: list[str] = field(default_factory=list)
    """What was taken away since the backup and is not now, a sentence each."""


class Restoring:
    """Completes a restore. `about`: details for the audit log."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def record_backup(self, caller: Caller, name: str, **about: str | int) -> None:
        """Record that a backup was made. Refuses with Unavailable."""
        with self._database.transaction() as session:
            record(session, self._clock(), caller, "database.backed_up", ("database", name[:150]), **about)

    def keep(self, caller: Caller, **about: str | None) -> Restored:
        """Leave tokens and users as they are in the backup; sessions end."""
        with self._database.transaction() as session:
            return self._finish(session, Restored(), caller, about)

    def revoke_all(self, caller: Caller, **about: str | None) -> Restored:
        """Revoke all tokens: access tokens that are active, and refresh tokens, which could be regenerated."""
        with self._database.transaction() as session:
            now = self._clock()
            revocation = Revocation(now, caller.name, REVOKED_ALL)
            totals = [0, 0]
            for user in list(users.every(session)):
                counts = (
                    refresh_tokens.revoke_of_user(session, user.id, revocation),
                    access_tokens.revoke_of_user(session, user.id, revocation),
                )
                totals = [total + count for total, count in zip(totals, counts, strict=True)]
                if any(counts):
                    detail: dict[str, str | int] = {"refresh_tokens": counts[0], "access_tokens": counts[1]}
                    subject = ("user", user.username)
                    record(session, now, caller, "user.tokens_revoked", subject, reason=REVOKED_ALL, **detail)
            return self._finish(session, Restored(totals[0], totals[1]), caller, about)

    def reapply(self, events: Iterable[AuditEvent], caller: Caller, **about: str | None) -> Restored:
        """Take away again what these events took away since the backup. Refuses with Conflict a log that is not its."""
        known = {(event.id, event.at, event.action, event.object_id): event for event in events}
        ordered = sorted(known.values(), key=lambda event: (event.id, event.at))
        with self._database.transaction() as session:
            since, has_run_on = self._since_the_backup(session, ordered)
            lost: Withdrawals = withdrawals(since)
            done: Reapplied = Reapplying(session, self._clock(), caller, has_run_on=has_run_on).apply(lost)
            revoked = len(done.refresh_tokens), len(done.access_tokens)
            restored = Restored(revoked[0], revoked[1], 0, done.changes, done.not_applied)
            return self._finish(session, restored, caller, about | {"events_since": str(len(since))})

    def _since_the_backup(self, session: Session, ordered: Sequence[AuditEvent]) -> tuple[list[AuditEvent], bool]:
        """The events after the last one that the database has, too; whether it has later ones of its own."""
        latest = reapplying.latest_event(session)
        for place in reversed(range(len(ordered))):
            event = ordered[place]
            if latest is None or event.id > latest.id:
                continue
            if reapplying.has_event(session, event.id, event.at, event.action, event.object_id):
                return [each for each in ordered[place:] if each.id > event.id], latest.id > event.id
        since = "" if latest is None else f" --since {utc_text(latest.at)}"
        raise Conflict(
            "The exported audit log has no event in common with the backup: it begins after it, or is another "
            f"database's. Export it with `daypass audit export{since}` or earlier, or put several exports in one file."
        )

    def _finish(self, session: Session, done: Restored, caller: Caller, about: dict[str, str | None]) -> Restored:
        sessions = reapplying.end_sessions(session)
        counts: dict[str, int] = {"refresh_tokens": done.refresh_tokens, "access_tokens": done.access_tokens}
        counts |= {"sessions": sessions, "changes": len(done.changes), "not_applied": len(done.not_applied)}
        subject = ("database", (about.pop("name", None) or "daypass")[:150])
        record(session, self._clock(), caller, "database.restored", subject, **about, **counts)
        return Restored(done.refresh_tokens, done.access_tokens, sessions, done.changes, done.not_applied)
