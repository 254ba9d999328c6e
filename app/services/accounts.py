"""Users: authentication by password, and changes of accounts.

Not here: whether a password is right (``password_proofs``), another one (``changing_passwords``), and their tokens
(``issuing``, ``revoking``).
"""

from collections.abc import Iterator, Mapping

from sqlalchemy.exc import IntegrityError

from app.domain.clock import Clock
from app.domain.errors import NotFound
from app.domain.identity import Caller, Role, User
from app.domain.ladder import Act
from app.domain.passwords import TEMPORARY
from app.services.attempts import Attempts
from app.services.ended_credentials import as_of_now
from app.services.idempotency import Idempotency, IdempotencyKey
from app.services.named_users import changeable_user, existing_user
from app.services.password_proofs import PasswordProofs, Proof, counted_by
from app.services.passwords import Passwords
from app.services.permitting import refuse_unless_allowed
from app.services.responsibility import lock_for
from app.services.second_factors import SecondFactors
from app.services.sightings import Sightings
from app.services.throttling import Claim, LoginThrottle
from app.services.user_changes import (
    OWN_NAMES,
    Values,
    change,
    change_own,
    normal_profile,
    normal_values,
    refuse_to_leave_none,
)
from app.services.usernames import Usernames, normal_username, taken
from app.storage import users
from app.storage.audit import record
from app.storage.database import Database


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
        usernames: Usernames,
        attempts: Attempts,
        second_factors: SecondFactors,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self.throttle = throttle
        self._idempotency = idempotency
        self.sightings = sightings
        self._usernames = usernames
        self._attempts = attempts
        self._proofs = PasswordProofs(database, clock, passwords, throttle, sightings, second_factors)

    def counted_by(self, typed: str) -> str:
        """What attempts with this user name or e-mail are counted by, and devices known by (:class:`Claim`)."""
        return counted_by(self._proofs.find(typed), typed)

    def authenticate(
        self, username: str, password: str, caller: Caller, device: str | None = None, *, asks_code: bool = False
    ) -> Proof:
        """Authenticate an enabled user by user name, or by an e-mail that no other enabled user has, and password.

        `device`: proves that this account signed in from there before (``known_devices``). `asks_code`: the
        caller asks for a code next, where :attr:`Proof.needs_code`.

        Refuses with BadCredentials, with no difference, in time either, between an unknown user, an e-mail of several,
        a wrong password, a disabled account and one without a password; with RateLimited and Unavailable before the
        password is checked; and the right password, where it was temporary and has expired, with TemporaryPassword, and
        where it is not enough, with SecondFactorRequired; and that of somebody who must sign in with single sign-on
        first, with SignInRefused.
        """
        found = self._proofs.find(username)
        claim = Claim(counted_by(found, username), caller.address, device)
        return self._attempts.make(
            claim,
            found.user,
            caller,
            lambda attempt: self._proofs.decide(attempt, username, password, caller, asks_code),
        )

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
        name, profile = normal_username(username), normal_profile(profile)
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
                self._usernames.refuse_former(session, name, row.id)
                record(session, now, caller, "user.created", ("user", name), role=role)
        except IntegrityError:
            raise taken(name) from None
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

    def administrators(self) -> list[User]:
        """The enabled ones, in order of user name."""
        with self._database.reading() as session:
            return [users.as_user(row) for row in users.administrators(session)]

    def is_empty(self) -> bool:
        with self._database.reading() as session:
            return users.count(session) == 0

    def get_ever(self, username: str) -> User:
        """By present or former name, or as a deleted user is called; refuses with NotFound."""
        with self._database.reading() as session:
            row = users.find_ever(session, username)
            if row is None:
                raise NotFound("user")
            return users.as_user(row)

    def change(self, user: int | str, values: Values, caller: Caller) -> User:
        """Change role, state, API tokens, user name, e-mail, names or title: all of `values` or none, by column.

        ``responsible`` and ``deputy`` (user names; an empty one for no deputy) are of a service account. `user`: the id
        or the name. Adds an audit row for each kind of change. Refuses with NotFound, BadRequest, NotPermitted, and
        with Conflict the last enabled administrator, a user name that is or was somebody else's, and a deleted user.
        """
        values = normal_values(values)
        with self._database.transaction() as session:
            # Locked before reading the administrators: two changes at once must not leave none.
            administrators = users.lock_administrators(session, self._clock())
            lock_for(session, user, values)
            row = changeable_user(session, user)
            change(session, row, values, self._clock(), caller, self._usernames)
            refuse_to_leave_none(administrators, row)
        return users.as_user(row)

    def change_own_names(self, user_id: int, values: Mapping[str, str], caller: Caller) -> User:
        """Change the caller's own first and last name. Refuses with BadRequest, and as :func:`as_of_now`."""
        normal = normal_profile({each: values[each] for each in OWN_NAMES})
        with self._database.transaction() as session:
            row = changeable_user(session, user_id)
            as_of_now(session, caller)
            change_own(session, row, normal, self._clock(), caller)
        return users.as_user(row)
