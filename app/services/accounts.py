"""Users: signing in with a password, and what administrators do to accounts.

Here belong users and their rights. Not here: the tokens they own (``issuing``, ``revoking``).
"""

from collections.abc import Iterator, Mapping

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadCredentials, BadRequest, Conflict, NotFound
from app.domain.identity import Caller, Role, User, canonical_username
from app.services.audit import record
from app.services.idempotency import Idempotency, Once, Repeated
from app.services.passwords import Passwords
from app.services.throttling import LoginThrottle
from app.storage import sessions, users
from app.storage.database import Database
from app.storage.tables import UserRow

LOG = structlog.get_logger(__name__)

LAST_ADMINISTRATOR = "This is the last active administrator; make somebody else one first."

LONGEST_PROFILE = {"email": 254, "first_name": 150, "last_name": 150, "title": 150}
"""The most characters of what is said of a user; the columns hold no more."""


class Accounts:
    """Signs users in and administers them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        throttle: LoginThrottle,
        idempotency: Idempotency,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle
        self._idempotency = idempotency

    def authenticate(self, username: str, password: str, caller: Caller) -> User:
        """The active user with this name and password.

        Refuses with BadCredentials: unknown, wrong, deactivated and password-less are one and the same, in
        the answer and in its time. Refuses with RateLimited and Unavailable before the password is looked at.
        """
        name = canonical_username(username)
        account = name or username.lower()
        # Asked before there is a turn to wait for: attempts that are refused anyway must not fill the queue.
        is_known = self._throttle.expect(account, caller.address)
        with self._passwords.turn(is_known):
            attempt = self._throttle.begin(account, caller.address)
            with self._database.reading() as session:
                found = users.find_sign_in(session, name or "")
            matches = self._passwords.matches(password, found.password_hash)
            if found.user_id is None or not matches or not found.is_active:
                LOG.warning("sign_in_refused", user_id=found.user_id, address=caller.address)
                raise BadCredentials
            self._throttle.succeeded(attempt)
            if self._passwords.is_dated(found.password_hash or ""):
                self._upgrade_digest(found.user_id, found.password_hash, self._passwords.digest(password))
        with self._database.reading() as session:
            row = users.get(session, found.user_id)
            assert row is not None
            return users.as_user(row)

    def add(
        self,
        username: str,
        role: Role,
        password: str | None,
        caller: Caller,
        *,
        is_temporary: bool = False,
        **profile: str,
    ) -> User:
        """A new user; without a password for single sign-on and service accounts.

        `is_temporary`: the password was made for them, and the pages offer to change it. Refuses with BadRequest (not
        a user name, not a password, not printable) and Conflict (the name is taken).
        """
        user = self.add_once(username, role, password, caller, None, is_temporary=is_temporary, **profile)
        assert isinstance(user, User)
        return user

    def add_once(
        self,
        username: str,
        role: Role,
        password: str | None,
        caller: Caller,
        once: Once | None,
        *,
        is_temporary: bool = False,
        **profile: str,
    ) -> User | Repeated:
        """The same; where `once` was done before, the repeat, which holds the user name.

        Refuses with Conflict another request under that key as well.
        """
        name = canonical_username(username)
        if name is None:
            message = "A user name has 1 to 150 of a-z, 0-9 and . _ @ + -"
            raise BadRequest(message, {"username": [message]})
        _refuse_bad_profile(profile)
        digest = self._digest(password)
        try:
            with self._database.transaction() as session:
                now = self._clock()
                repeated = self._idempotency.begin(session, once, caller.user_id, name, now)
                if repeated is not None:
                    return repeated
                row = users.insert(session, name, role, digest, now, is_temporary, **profile)
                record(session, now, caller, "user.created", ("user", name), role=role)
        except IntegrityError:
            raise Conflict(f"There is a user called {name} already.") from None
        return users.as_user(row)

    def get(self, username: str) -> User:
        """By name; refuses with NotFound."""
        with self._database.reading() as session:
            return users.as_user(_existing(session, username))

    def by_id(self, user_id: int) -> User:
        """Refuses with NotFound."""
        with self._database.reading() as session:
            row = users.get(session, user_id)
            if row is None:
                raise NotFound("user")
            return users.as_user(row)

    def every(self) -> Iterator[User]:
        """All users in order of name."""
        with self._database.reading() as session:
            for row in users.every(session):
                yield users.as_user(row)

    def is_empty(self) -> bool:
        with self._database.reading() as session:
            return users.count(session) == 0

    def set_password(
        self, username: str, password: str, caller: Caller, keep_session: int | None = None, before: str | None = None
    ) -> User:
        """Replace the password. Tokens are not touched; sessions of the pages end, but the one with that id.

        Refuses with NotFound and BadRequest, and with BadCredentials unless the digest is still `before`, if given.
        """
        digest, act = self._digest(password), "user.password_changed"
        values = {"password_hash": digest, "has_temporary_password": False}
        return self._change(username, caller, act, keep_session, before, **values)

    def set_role(self, username: str, role: Role, caller: Caller) -> User:
        """Refuses with NotFound, and with Conflict for the last active administrator."""
        return self._change(username, caller, "user.role_changed", role=role)

    def disable(self, username: str, caller: Caller) -> User:
        """Nothing of the user works from now on; it works again when enabled. Refuses as :meth:`set_role`."""
        return self._change(username, caller, "user.disabled", is_active=False)

    def enable(self, username: str, caller: Caller) -> User:
        """Refuses with NotFound."""
        return self._change(username, caller, "user.enabled", is_active=True)

    def set_api_tokens(self, username: str, decision: str, caller: Caller) -> User:
        """Decide for one user (:class:`app.domain.identity.ApiTokens`). Refuses with NotFound."""
        return self._change(username, caller, "user.api_tokens_changed", api_tokens=decision)

    def administer(self, user_id: int, wanted: Mapping[str, str | bool], caller: Caller) -> User:
        """Change ``role``, ``is_active`` and ``api_tokens`` together, as far as named: all or none.

        An audit row for each that differs. Refuses with NotFound, and with Conflict for the last active administrator.
        """
        with self._database.transaction() as session:
            administrators = users.lock_administrators(session)
            row = users.get(session, user_id)
            if row is None:
                raise NotFound("user")
            for column, value in wanted.items():
                if getattr(row, column) != value:
                    setattr(row, column, value)
                    changed = {column: value}
                    record(session, self._clock(), caller, _action(column, value), ("user", row.username), **changed)
            _refuse_to_leave_none(administrators, row)
            if not row.is_active:
                sessions.end_of_user(session, row.id)
        return users.as_user(row)

    def _change(
        self,
        username: str,
        caller: Caller,
        action: str,
        keep_session: int | None = None,
        before: str | None = None,
        **values: str | bool | None,
    ) -> User:
        with self._database.transaction() as session:
            # Locked before reading who is an administrator: two changes at once must not leave none.
            administrators = users.lock_administrators(session)
            row = _existing(session, username)
            if before is not None and row.password_hash != before:
                raise BadCredentials
            for column, value in values.items():
                setattr(row, column, value)
            _refuse_to_leave_none(administrators, row)
            if "password_hash" in values or not row.is_active:
                sessions.end_of_user(session, row.id, but=keep_session)
            shown = {column: value for column, value in values.items() if column not in _NOT_AUDITED}
            record(session, self._clock(), caller, action, ("user", row.username), **shown)
        return users.as_user(row)

    def _digest(self, password: str | None) -> str | None:
        if password is None:
            return None
        self._passwords.accept(password)
        with self._passwords.turn():
            return self._passwords.digest(password)

    def _upgrade_digest(self, user_id: int, before: str | None, digest: str) -> None:
        with self._database.transaction() as session:
            users.replace_digest(session, user_id, before, digest)


_NOT_AUDITED = ("password_hash", "has_temporary_password")


def _refuse_bad_profile(profile: dict[str, str]) -> None:
    for member, value in profile.items():
        if len(value) > LONGEST_PROFILE[member] or not value.isprintable():
            message = f"{member} has at most {LONGEST_PROFILE[member]} characters, all of them printable."
            raise BadRequest(message, {member: [message]})


def _refuse_to_leave_none(administrators: list[int], changed: UserRow) -> None:
    stays = changed.is_active and changed.role == Role.SERVER_ADMIN
    if administrators == [changed.id] and not stays:
        raise Conflict(LAST_ADMINISTRATOR)


def _action(column: str, value: str | bool) -> str:
    if column == "is_active":
        return "user.enabled" if value else "user.disabled"
    return f"user.{column}_changed"


def _existing(session: Session, username: str) -> UserRow:
    row = users.find(session, canonical_username(username) or "")
    if row is None:
        raise NotFound("user")
    return row
