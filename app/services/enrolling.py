"""Adding a second factor to one's account, its recovery codes, and removing it; and resetting that of another.

A secret that is offered is not stored: it is in the form of the page that shows it, encrypted, until a code of it is
entered. So one that is abandoned leaves nothing. Not here: checking codes at a sign-in (``second_factors``).
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadCredentials, BadRequest, Conflict
from app.domain.identity import Caller, User
from app.domain.ladder import Act
from app.domain.second_factors import accepted_steps, in_groups, new_recovery_codes, recovery_code, timed_code
from app.domain.sessions import WebSession
from app.services.named_users import changeable_user
from app.services.permitting import refuse_unless_allowed
from app.services.second_factors import FactorSecrets, step_of
from app.storage import second_factors, sessions, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.tables import UserRow

WRONG = "Incorrect code. Enter the one that the app shows now; if this goes on, compare the clocks of app and server."
OVER = "This page is no longer valid. Begin again, and remove what you added to your app."
MEANWHILE = "Your second factor was changed meanwhile, in another tab or by an administrator. This change was not made."
NONE_TO_KEEP = "You have no second factor."
NO_PASSWORD = "You have no password here. Set up a second factor where you sign in."
OWN = "Remove your own second factor under Account Settings, Security."
HAS_NONE = "{} has no second factor."


@dataclass(frozen=True)
class Offer:
    """A secret for an authenticator app. `sealed`: the same for the form that confirms it."""

    secret: str = field(repr=False)
    sealed: str = field(repr=False)

    @property
    def in_groups(self) -> str:
        """The secret as people type it."""
        return in_groups(self.secret)


@dataclass(frozen=True)
class OwnFactor:
    """What a person sees of their own. `added_at`: None without one. `codes_left`: recovery codes."""

    added_at: datetime | None
    codes_left: int
    has_password: bool


class Enrolling:
    """Adds and removes second factors."""

    def __init__(self, database: Database, clock: Clock, secrets: FactorSecrets) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets

    def own(self, user_id: int) -> OwnFactor:
        """Of the user with this id."""
        with self._database.reading() as session:
            row, user = second_factors.find(session, user_id), users.get(session, user_id)
            left = second_factors.count_recovery_codes(session, user_id)
            has_password = user is not None and user.password_hash is not None
            return OwnFactor(row.added_at if row is not None and row.secret else None, left, has_password)

    def offer(self, known: WebSession, caller: Caller) -> Offer:
        """A new secret. Refuses with NotPermitted, and with Conflict a user without a password."""
        from pyotp import random_base32  # at the first one, as in second_factors

        with self._database.reading() as session:
            refuse_unless_allowed(session, Act.ADD_SECOND_FACTOR, caller)
            _refuse_without_password(users.get(session, known.user.id))
            row = second_factors.find(session, known.user.id)
        secret, number = random_base32(), 0 if row is None else row.number
        return Offer(secret, self._secrets.offer(_page_of(known), f"{number} {secret}"))

    def opened(self, known: WebSession, sealed: str) -> Offer:
        """One that was offered in this session. Refuses with Conflict any other text."""
        return Offer(self._open(known, sealed)[1], sealed)

    def add(self, known: WebSession, sealed: str, code: str, caller: Caller) -> list[str]:
        """Add what was offered, in place of one of before; the recovery codes. The user's other sessions end.

        Refuses with NotPermitted, BadRequest (field ``code``), and with Conflict where the factor was changed since it
        was offered.
        """
        number, secret = self._open(known, sealed)
        typed, codes = timed_code(code), new_recovery_codes()
        step = None if typed is None else step_of(secret, typed, accepted_steps(self._clock()))
        if step is None:
            raise BadRequest(WRONG, {"code": [WRONG]})
        with self._database.transaction() as session:
            row, now = self._held(session, Act.ADD_SECOND_FACTOR, known, caller), self._clock()
            _refuse_without_password(row)
            before = second_factors.find(session, row.id)
            is_another = before is not None and before.secret is not None
            if not second_factors.put(session, row.id, number, self._secrets.encrypt(row.id, secret), step, now):
                raise Conflict(MEANWHILE)
            self._put_codes(session, row.id, codes)
            sessions.end_of_user(session, row.id, but=known.id)
            record(session, now, caller, "second_factor.added", ("user", row.username), is_another=is_another)
        return codes

    def replace_recovery_codes(self, known: WebSession, caller: Caller) -> list[str]:
        """New ones, in place of those of before. Refuses with NotPermitted, and with Conflict without a factor."""
        codes = new_recovery_codes()
        with self._database.transaction() as session:
            row = self._held(session, Act.REPLACE_RECOVERY_CODES, known, caller)
            if second_factors.stored(session, row.id) is None:
                raise Conflict(NONE_TO_KEEP)
            self._put_codes(session, row.id, codes)
            subject = ("user", row.username)
            record(session, self._clock(), caller, "second_factor.recovery_codes_replaced", subject)
        return codes

    def remove(self, known: WebSession, caller: Caller) -> None:
        """The password alone signs in again. Refuses as :meth:`replace_recovery_codes`."""
        with self._database.transaction() as session:
            row = self._held(session, Act.REMOVE_SECOND_FACTOR, known, caller)
            if not second_factors.remove(session, row.id):
                raise Conflict(NONE_TO_KEEP)
            record(session, self._clock(), caller, "second_factor.removed", ("user", row.username))

    def reset(self, user: int | str, caller: Caller) -> User:
        """Remove that of another, by id or name, who lost it: told to them on their pages. Their sessions end.

        Refuses with NotFound, NotPermitted, and Conflict: the caller's own, a deleted user, and one without.
        """
        with self._database.transaction() as session:
            row, now = changeable_user(session, user), self._clock()
            refuse_unless_allowed(session, Act.RESET_SECOND_FACTOR, caller)
            if row.id == caller.user_id:
                raise Conflict(OWN)
            if not second_factors.remove(session, row.id, at=now, by=caller.name[:150]):
                raise Conflict(HAS_NONE.format(row.username))
            sessions.end_of_user(session, row.id)
            record(session, now, caller, "second_factor.reset", ("user", row.username))
        return users.as_user(row)

    def forget_reset(self, known: WebSession) -> None:
        """The person has read that somebody reset it."""
        with self._database.transaction() as session:
            second_factors.forget_reset(session, known.user.id)

    def unreadable(self) -> int:
        """How many were encrypted under another key, so that their owners can't sign in."""
        with self._database.reading() as session:
            return sum(self._secrets.decrypt(owner, secret) is None for owner, secret in second_factors.every(session))

    def _held(self, session: Session, act: Act, known: WebSession, caller: Caller) -> UserRow:
        """The user's locked row, if the caller may do that."""
        row = users.get_and_lock(session, known.user.id)
        if row is None:
            raise BadCredentials
        refuse_unless_allowed(session, act, caller)
        return row

    def _open(self, known: WebSession, sealed: str) -> tuple[int, str]:
        number, _, secret = (self._secrets.offered(_page_of(known), sealed) or "").partition(" ")
        if not secret:
            raise Conflict(OVER)
        return int(number), secret

    def _put_codes(self, session: Session, user_id: int, codes: list[str]) -> None:
        digests = [self._secrets.digest(user_id, recovery_code(each) or "") for each in codes]
        second_factors.put_recovery_codes(session, user_id, digests)


def _page_of(known: WebSession) -> str:
    return f"user {known.user.id}, session {known.id}"


def _refuse_without_password(row: UserRow | None) -> None:
    if row is None or row.password_hash is None:
        raise Conflict(NO_PASSWORD)
