"""Users: authentication by password, and changes of accounts.

Not here: their passwords (``changing_passwords``), and their tokens (``issuing``, ``revoking``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError

from app.domain.audit import SIGN_IN_REFUSED, SIGN_IN_THROTTLED
from app.domain.clock import Clock
from app.domain.errors import BadCredentials, BadRequest, Conflict, RateLimited, TemporaryPassword
from app.domain.identity import Caller, Role, User, canonical_username
from app.domain.ladder import Act, act_of_change
from app.domain.passwords import EXPIRED, TEMPORARY
from app.domain.text import normal_text, refuse_secret
from app.services.idempotency import Idempotency, IdempotencyKey
from app.services.passwords import Passwords
from app.services.permitting import refuse_unless_allowed
from app.services.refused_sign_ins import reason_of, subject_of
from app.services.responsibility import PEOPLE, columns_of, existing_user
from app.services.sightings import Sightings
from app.services.throttling import Attempt, Claim, LoginThrottle
from app.storage import sessions, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.tables import UserRow

LOG = structlog.get_logger(__name__)

LAST_ADMINISTRATOR = "This is the last enabled administrator; make another user an administrator first."

LONGEST_PROFILE = {"email": 254, "first_name": 150, "last_name": 150, "title": 150}
"""The maximum number of characters of each member, as in the columns."""


@dataclass(frozen=True)
class Proof:
    """Proof that this user's password was entered; valid while the stored digest is `digest`."""

    user: User
    digest: str = field(repr=False)


class Accounts:
    """Authenticates and administers users."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        throttle: LoginThrottle,
        idempotency: Idempotency,
        sightings: Sightings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self.throttle = throttle
        self._idempotency = idempotency
        self._sightings = sightings

    def authenticate(self, username: str, password: str, caller: Caller, device: str | None = None) -> Proof:
        """Authenticate an enabled user by name and password.

        `device`: proves that this account signed in from there before (``known_devices``).

        Refuses with BadCredentials, with no difference, in time either, between an unknown user, a wrong password, a
        disabled account and one without a password; with RateLimited and Unavailable before the password is checked;
        and the right password, where it was temporary and has expired, with TemporaryPassword.
        """
        try:
            return self._authenticate(username, password, caller, device)
        except RateLimited:
            with self._database.reading() as session:
                found, _ = users.find_sign_in(session, canonical_username(username) or "")
            self._sightings.note(SIGN_IN_THROTTLED, subject_of(found), caller)
            raise

    def _authenticate(self, username: str, password: str, caller: Caller, device: str | None) -> Proof:
        claim = Claim(canonical_username(username) or username, caller.address, device)
        # Checked before the queue, so that attempts which are refused anyway do not fill it.
        standing = self.throttle.check(claim)
        with self._passwords.place(standing.holders, standing.is_known) as place:
            while True:
                with place.turn():
                    attempt = self.throttle.begin(claim)
                    if attempt is not None:
                        return self._decide(attempt, password, caller)
                place.rest()

    def add(
        self,
        username: str,
        role: Role,
        password: str | None,
        caller: Caller,
        key: IdempotencyKey | None = None,
        *,
        is_temporary: bool = False,
        **profile: str,
    ) -> User:
        """Add a user; without a password for single sign-on and service accounts.

        `is_temporary`: somebody else chose the password (:meth:`ChangingPasswords.set`). Refuses with BadRequest (user
        name, password or profile), NotPermitted, and Conflict (the name is taken; another request under the same
        `key`). Raises Repeated.
        """
        name, profile = new_username(username), normal_profile(profile)
        with self._database.reading() as session:  # before the work of digesting
            refuse_unless_allowed(session, Act.CREATE_USER, caller)
        digest = (
            None
            if password is None
            else self._passwords.digest_new(password, name, *profile.values(), holder=caller.name)
        )
        try:
            with self._database.transaction() as session:
                refuse_unless_allowed(session, Act.CREATE_USER, caller)  # again: a turn to digest can take seconds
                now = self._clock()
                self._idempotency.refuse_repeat(session, key, caller.user_id, ("user", name), now)
                expires_at = now + TEMPORARY if password is not None and is_temporary and role.has_pages else None
                row = users.insert(session, name, role, digest, now, expires_at, **profile)
                record(session, now, caller, "user.created", ("user", name), role=role)
        except IntegrityError:
            raise Conflict(f"There is already a user called {name}.") from None
        return users.as_user(row)

    def get(self, username: str) -> User:
        """By name; refuses with NotFound."""
        with self._database.reading() as session:
            return users.as_user(existing_user(session, username))

    def by_id(self, user_id: int) -> User:
        """Refuses with NotFound."""
        with self._database.reading() as session:
            return users.as_user(existing_user(session, user_id))

    def every(self) -> Iterator[User]:
        """All users in order of user name."""
        with self._database.reading() as session:
            for row in users.every(session):
                yield users.as_user(row)

    def is_empty(self) -> bool:
        with self._database.reading() as session:
            return users.count(session) == 0

    def change(self, user: int | str, values: Mapping[str, str | bool], caller: Caller) -> User:
        """Change ``role``, ``is_active``, ``api_tokens``, or the ``responsible`` person and the ``deputy`` of a service
        account (user names; an empty one for no deputy): all of `values` or none. `user`: the id or the name.

        Adds an audit row for each value that differs. Refuses with NotFound, with Conflict for the last enabled
        administrator, and as :func:`columns_of`.
        """
        with self._database.transaction() as session:
            # Locked before reading the administrators: two changes at once must not leave none.
            administrators = users.lock_administrators(session)
            row = existing_user(session, user)
            values = columns_of(session, values, row)
            changed = {column: value for column, value in values.items() if getattr(row, column) != value}
            for column, value in changed.items():
                refuse_unless_allowed(session, act_of_change(column, getattr(row, column), value), caller)
            for column, value in changed.items():
                setattr(row, column, value)
            _refuse_to_leave_none(administrators, row)
            if not row.is_active:
                sessions.end_of_user(session, row.id)
            users.read_names(session, row)
            for name, detail in _audited(changed, row):
                record(session, self._clock(), caller, name, ("user", row.username), **detail)
        return users.as_user(row)

    def _decide(self, attempt: Attempt, password: str, caller: Caller) -> Proof:
        """What becomes of an attempt that was counted."""
        name = canonical_username(attempt.claim.account) or ""
        try:
            proof = self._prove(name, password, caller)
            _refuse_expired(proof.user, self._clock())
        except (BadCredentials, TemporaryPassword):
            self.throttle.failed(attempt, caller)
            raise
        self.throttle.succeeded(attempt)
        while self._passwords.is_dated(proof.digest):
            proof = self._upgrade_digest(proof, password, caller)
        return proof

    def _prove(self, name: str, password: str, caller: Caller) -> Proof:
        """Takes the same time for an unknown user. Call it within a turn."""
        with self._database.reading() as session:
            user, digest = users.find_sign_in(session, name)
        matches = self._passwords.matches(password, digest)
        if user is None or digest is None or not matches or not user.is_active:
            LOG.warning("sign_in_refused", user_id=user.id if user else None, address=caller.address)
            reason = reason_of(user, digest, matches)
            self._sightings.note(SIGN_IN_REFUSED, subject_of(user), caller, reason=reason)
            raise BadCredentials
        return Proof(user, digest)

    def _upgrade_digest(self, proof: Proof, password: str, caller: Caller) -> Proof:
        digest = self._passwords.digest(password)
        with self._database.transaction() as session:
            is_kept = users.replace_digest(session, proof.user.id, proof.digest, digest)
        # Otherwise the password was changed meanwhile, or another sign-in upgraded the digest.
        return Proof(proof.user, digest) if is_kept else self._prove(proof.user.username, password, caller)


def _audited(changed: Mapping[str, Any], row: UserRow) -> Iterator[tuple[str, dict[str, str | bool]]]:
    if PEOPLE & changed.keys():
        yield "user.responsible_changed", {"responsible": row.responsible or "", "deputy": row.deputy or ""}
    for column, value in changed.items():
        if column in PEOPLE:
            continue
        if column == "is_active":
            yield ("user.enabled" if value else "user.disabled"), {column: value}
        else:
            yield f"user.{column}_changed", {column: value}


def new_username(username: str) -> str:
    """Its canonical form; refuses with BadRequest what is none, and a secret."""
    name = canonical_username(username)
    if name is None:
        message = "A user name has 1 to 150 of a-z, 0-9 and . _ @ + -"
        raise BadRequest(message, {"username": [message]})
    refuse_secret("username", username, "A user name")
    return name


def normal_profile(profile: Mapping[str, str]) -> dict[str, str]:
    """Refuses with BadRequest the members that are no text of their length."""
    return {each: normal_text(each, value, LONGEST_PROFILE[each]) for each, value in profile.items()}


def _refuse_expired(user: User, now: datetime) -> None:
    if user.password_expires_at is not None and now >= user.password_expires_at:
        raise TemporaryPassword(EXPIRED)


def _refuse_to_leave_none(administrators: list[int], changed: UserRow) -> None:
    stays = changed.is_active and changed.role == Role.SERVER_ADMIN
    if administrators == [changed.id] and not stays:
        raise Conflict(LAST_ADMINISTRATOR)
