"""Deleting a user: what is left is the row with its id, so that the history of tokens stands.

Tokens are revoked, sessions end, and personal data is removed, in one transaction. Not here: disabling, which can be
undone (``user_changes``), and the audit log, which keeps what is in it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import Conflict
from app.domain.identity import DELETED_NAME, ApiTokens, Caller, Role, User
from app.domain.ladder import Act
from app.domain.sessions import MOST as MOST_SESSIONS
from app.services.ended_credentials import as_of_now
from app.services.named_users import changeable_user
from app.services.permitting import refuse_unless_allowed
from app.services.responsibility import ANSWERING_CHANGED, answering
from app.services.revoking import Revoked
from app.services.throttling import LoginThrottle
from app.services.user_changes import LAST_ADMINISTRATOR
from app.services.usernames import Usernames
from app.storage import (
    access_tokens,
    deleted_users,
    former_usernames,
    identities,
    refresh_tokens,
    scim_groups,
    second_factors,
    service_accounts,
    sessions,
    users,
)
from app.storage.audit import record
from app.storage.database import Database
from app.storage.refresh_tokens import Revocation
from app.storage.tables import UserRow

WITH_THE_USER = "its owner was deleted"
ANSWERS_FOR = "{} answers for service accounts. Make another person responsible for them first: {}."
MOST = 50
"""Service accounts that a refusal lists."""
ONESELF = "Nobody can delete their own account: another administrator can."


@dataclass(frozen=True)
class Deleted:
    """`user`: as they are called now. `sessions`: how many ended. `accounts`: the ids of those they answered for."""

    user: User
    revoked: Revoked
    sessions: int
    accounts: list[int]


@dataclass(frozen=True)
class Deletion:
    """What deleting a user needs, behind whichever access guard."""

    throttle: LoginThrottle
    usernames: Usernames

    def delete(self, session: Session, row: UserRow, revocation: Revocation) -> Deleted:
        """Delete a user whose row is locked; ``revoked_at`` and so on as in `revocation`."""
        # The refresh tokens first: their locks keep mints from adding access tokens. And before the row is written: a
        # mint that adds one needs a lock on the row that a new user name does not leave.
        parents = refresh_tokens.revoke_of_user(session, row.id, revocation)
        revoked = Revoked(parents, access_tokens.revoke_of_user(session, row.id, revocation))
        open_ones = sessions.of_user(session, row.id, MOST_SESSIONS)
        sessions.end_of_user(session, row.id)
        self.throttle.forget(session, users.as_user(row), [each.address for each in open_ones])
        second_factors.delete_of_user(session, row.id)
        then, names = DELETED_NAME.format(row.id), [row.username, *former_usernames.of_user(session, row.id)]
        deleted_users.forget_places(session, row.id)
        deleted_users.forget_author(session, row.id, names, then)
        accounts = deleted_users.forget_answering(session, row.id)
        scim_groups.leave_all(session, row.id)
        identities.forget(session, row.id)
        self.usernames.forget(session, row, revocation.at)
        _remove_person(row, revocation.at)
        session.flush()
        ended = sum(not each.is_over(revocation.at) for each in open_ones)
        return Deleted(users.as_user(row), revoked, ended, accounts)


class DeletingUsers:
    """Deletes users."""

    def __init__(self, database: Database, clock: Clock, deletion: Deletion) -> None:
        self._database = database
        self._clock = clock
        self._deletion = deletion

    def delete(self, user: int | str, caller: Caller) -> Deleted:
        """Delete a user, by id or name. Their user names are kept from reuse.

        Refuses with NotFound, NotPermitted, and Conflict: deleted before, the caller, the last enabled administrator,
        and who is responsible for service accounts.
        """
        with self._database.transaction() as session:
            administrators = users.lock_administrators(session, self._clock())
            row = changeable_user(session, user)
            # It can't be undone, so the caller must still be who they were when the request began.
            refuse_unless_allowed(session, Act.DELETE_USER, as_of_now(session, caller))
            _refuse_what_needs_the_user(session, row, administrators, caller)
            now = self._clock()
            revocation = Revocation(now, caller.name, WITH_THE_USER)
            deleted = self._deletion.delete(session, row, revocation)
            record(session, now, caller, "user.deleted", ("user", row.username), **about(deleted))
            for account in filter(None, (users.get(session, each) for each in deleted.accounts)):
                users.read_names(session, account)
                record(session, now, caller, ANSWERING_CHANGED, ("user", account.username), **answering(account))
        return deleted


def _refuse_what_needs_the_user(session: Session, row: UserRow, administrators: list[int], caller: Caller) -> None:
    """Refuse with Conflict while something can't be without this user."""
    accounts = service_accounts.of_person(session, row.id, MOST)
    answered = [each.username for each in accounts if each.responsible_id == row.id]
    if answered:
        raise Conflict(ANSWERS_FOR.format(row.username, ", ".join(answered)))
    if row.id == caller.user_id:
        raise Conflict(ONESELF)
    if administrators == [row.id]:
        raise Conflict(LAST_ADMINISTRATOR)


def about(deleted: Deleted) -> dict[str, int]:
    """The details for the audit log."""
    revoked = deleted.revoked
    counts = {"refresh_tokens": revoked.refresh_tokens, "access_tokens": revoked.access_tokens}
    return {"user_id": deleted.user.id} | counts | {"sessions": deleted.sessions}


def _remove_person(row: UserRow, now: datetime) -> None:
    row.username, row.first_username, row.email = DELETED_NAME.format(row.id), None, ""
    row.first_name = row.last_name = row.title = ""
    row.password_hash, row.has_temporary_password, row.password_expires_at = None, False, None
    row.role, row.api_tokens, row.is_active = Role.VIEWER, ApiTokens.INHERIT, False
    row.last_login_at, row.vouched_at, row.deleted_at = None, None, now
    row.responsible_id = row.deputy_id = None
    row.managed_by = row.external_id = row.left_at = None
