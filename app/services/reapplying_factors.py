"""Second factors of a restored database that changed after its backup. Not here: recording it (``reapplying``)."""

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent
from app.domain.clock import utc_text
from app.domain.withdrawals import Withdrawals
from app.services.reapplied import Reapplied
from app.storage import second_factors, users

ADDED = "second_factor.added"


def take_back_outdated(session: Session, lost: Withdrawals) -> dict[str, AuditEvent]:
    """Remove the second factors of users who added another since; their names, and the events.

    Nobody else has the secret of one that was added since, so it can't be had back. The password of the backup must not
    sign in without it, or with the app that it replaced.
    """
    outdated = {}
    for username, event in lost.second_factors.items():
        user = users.find(session, username)
        row = None if user is None else second_factors.find(session, user.id)
        is_present = row is not None and row.secret is not None and row.added_at == event.at
        if user is not None and event.action == ADDED and not is_present:
            second_factors.remove(session, user.id)
            outdated[username] = event
    return outdated


def outdated_by(event: AuditEvent) -> str:
    """Why a password of the backup is worth nothing."""
    return "to which a second factor was added" if event.action == ADDED else "changed"


def asked_again(session: Session, lost: Withdrawals) -> list[str]:
    """A sentence about each second factor of the backup that was removed since: it is asked for again."""
    sentences = []
    for username, event in lost.second_factors.items():
        user = users.find(session, username)
        if event.action != ADDED and user is not None and second_factors.stored(session, user.id) is not None:
            sentences.append(
                f"{username}: the second factor of the backup, removed at {utc_text(event.at)}, is asked for again. If "
                f"it is lost, run `daypass user reset-second-factor {username}`."
            )
    return sentences


def remove_spent_codes(session: Session, lost: Withdrawals) -> list[str]:
    """Remove the recovery codes of users who used or replaced some since; a sentence about each."""
    done = []
    for username in lost.recovery_codes:
        user = users.find(session, username)
        if user is not None and second_factors.count_recovery_codes(session, user.id):
            second_factors.remove_recovery_codes(session, user.id)
            done.append(f"{username}: the recovery codes of the backup were removed.")
    return done


def apply_spent_codes(session: Session, lost: Withdrawals, done: Reapplied) -> None:
    """Remove spent recovery codes; what that changed, and what is asked for again."""
    done.changes += remove_spent_codes(session, lost)
    done.not_applied += asked_again(session, lost)
