"""Recording backups, and after a restore taking away again what was taken away since, in one audited transaction.

Not here: the files (``app.storage.backup``, ``app.storage.replacing``), and what events took away
(``app.domain.withdrawals``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent, Stream, stream_of
from app.domain.audit_seals import AuditSeal
from app.domain.clock import Clock, utc_text
from app.domain.errors import Conflict
from app.domain.identity import Caller
from app.domain.withdrawals import Withdrawals, withdrawals
from app.services.deleting_users import Deletion
from app.services.linking import AuditedPeople
from app.services.reapplied import Reapplied
from app.services.reapplying import Reapplying
from app.services.reapplying_scim import revoke_scim_tokens
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

    def __init__(self, database: Database, clock: Clock, deletion: Deletion, people: AuditedPeople) -> None:
        self._database = database
        self._clock = clock
        self._deletion = deletion
        self._people = people

    def record_backup(self, caller: Caller, name: str, **about: str | int) -> None:
        """Record that a backup was made. Refuses with Unavailable."""
        with self._database.transaction() as session:
            record(session, self._clock(), caller, "database.backed_up", ("database", name[:150]), **about)

    def keep(self, caller: Caller, **about: str | None) -> Restored:
        """Leave tokens and users as they are in the backup; sessions end."""
        with self._database.transaction() as session:
            return self._finish(session, Restored(), caller, about)

    def revoke_all(self, caller: Caller, **about: str | None) -> Restored:
        """Revoke all tokens: access tokens that are active, refresh tokens, which could be regenerated, and SCIM's."""
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
            changes = revoke_scim_tokens(session, now, caller)
            return self._finish(session, Restored(totals[0], totals[1], changes=changes), caller, about)

    def reapply(
        self, events: Iterable[AuditEvent], caller: Caller, removed: Sequence[AuditSeal] = (), **about: str | None
    ) -> Restored:
        """Take away again what these events took away since the backup. Refuses with Conflict a log that is not its.

        `removed`: the seals of what retention had removed from that log.
        """
        known = {(event.id, event.at, event.action, event.object_id): event for event in events}
        ordered = sorted(known.values(), key=lambda event: (event.id, event.at))
        with self._database.transaction() as session:
            since, has_run_on, missing = self._since_the_backup(session, ordered, removed)
            lost: Withdrawals = withdrawals(since)
            with_them = (self._deletion, self._people)
            applying = Reapplying(session, self._clock(), caller, *with_them, has_run_on=has_run_on)
            done: Reapplied = applying.apply(lost)
            revoked = len(done.refresh_tokens), len(done.access_tokens)
            restored = Restored(revoked[0], revoked[1], 0, done.changes, [*missing, *done.not_applied])
            return self._finish(session, restored, caller, about | {"events_since": str(len(since))})

    def _since_the_backup(
        self, session: Session, ordered: Sequence[AuditEvent], removed: Sequence[AuditSeal]
    ) -> tuple[list[AuditEvent], bool, list[str]]:
        """The events after the last one that the database has, too; whether it has later ones of its own.

        At last, sentences about events after the backup that are missing.
        """
        latest = reapplying.latest_event(session)
        for place in reversed(range(len(ordered))):
            event = ordered[place]
            if latest is None or event.id > latest.id:
                continue
            if reapplying.has_event(session, event.id, event.at, event.action, event.object_id):
                since = [each for each in ordered[place:] if each.id > event.id]
                missing = [_missing(seal) for seal in removed if _is_gap(seal, latest.id, since)]
                return since, reapplying.has_later_event(session, event.id, removed), missing
        given = "" if latest is None else f" --since {utc_text(latest.at)}"
        raise Conflict(
            "The exported audit log has no event in common with the backup: it begins after it, or is another "
            f"database's. Export it with `daypass audit export{given}` or earlier, or put several exports in one file."
        )

    def _finish(self, session: Session, done: Restored, caller: Caller, about: dict[str, str | None]) -> Restored:
        sessions = reapplying.end_sessions(session)
        counts: dict[str, int] = {"refresh_tokens": done.refresh_tokens, "access_tokens": done.access_tokens}
        counts |= {"sessions": sessions, "changes": len(done.changes), "not_applied": len(done.not_applied)}
        subject = ("database", (about.pop("name", None) or "daypass")[:150])
        record(session, self._clock(), caller, "database.restored", subject, **about, **counts)
        return Restored(done.refresh_tokens, done.access_tokens, sessions, done.changes, done.not_applied)


def _is_gap(seal: AuditSeal, latest: int, since: Sequence[AuditEvent]) -> bool:
    """Whether events after the id `latest` are missing that were removed; an earlier export may have them."""
    of_stream = (event.id for event in since if stream_of(event.action) is seal.stream)
    return seal.last_id > latest and not any(event_id <= seal.last_id for event_id in of_stream)


def _missing(seal: AuditSeal) -> str:
    until = utc_text(seal.sealed_at, "seconds")
    follows = "access tokens of the backup that were replaced until then may work"
    if seal.stream is Stream.ORDINARY:
        follows = "tokens of the backup that were revoked until then may work, and users be as they were"
    return f"The {seal.stream} events up to {until} were removed by retention: {follows}."
