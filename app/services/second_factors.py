"""Second factors: who must show one, and whether a code is right. Each code is accepted once.

Not here: adding and removing one (``enrolling``), and what a code looks like (``app.domain.second_factors``).
"""

import hmac
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.orm import Session

from app.domain.audit import SIGN_IN_REFUSED
from app.domain.clock import Clock
from app.domain.credentials import BY_PASSWORD
from app.domain.errors import BadCredentials, Refusal, SecondFactorRequired, WrongCode
from app.domain.identity import Caller, User
from app.domain.seals import Seal
from app.domain.second_factors import FactorStanding, accepted_steps, latest_step, recovery_code, timed_code
from app.services.attempts import Attempts
from app.services.instance_settings import read_policy
from app.services.refused_sign_ins import subject_of
from app.services.sightings import Sightings
from app.services.throttling import Attempt, Claim, LoginThrottle
from app.storage import second_factors, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.tables import UserRow

if TYPE_CHECKING:
    from app.services.encryption import Encryption

T = TypeVar("T")

CAN_BE_ALLOWED = "A server administrator can allow it: daypass conf password_api_with_second_factor -s on."
HAS_ONE = f"This account has a second factor: its password alone is not accepted here. Use the pages. {CAN_BE_ALLOWED}"
NEEDS_ONE = (
    "Administrators need a second factor: the password alone is not accepted here. Sign in on the pages to add one. "
    f"{CAN_BE_ALLOWED}"
)


class FactorSecrets:
    """Encrypts the secrets of second factors, and digests recovery codes. `key`: a secret of the instance.

    A secret is encrypted for the user's id, which never changes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._codes = Seal(key, "recovery code")

    def encrypt(self, user_id: int, secret: str) -> str:
        return self._stored.encrypt(secret, str(user_id))

    def decrypt(self, user_id: int, stored: str) -> str | None:
        """None where it was encrypted under another key."""
        return self._stored.decrypt(stored, str(user_id))

    def offer(self, whose: str, secret: str) -> str:
        """A secret that is not stored yet, for the form of `whose` page."""
        return self._offered.encrypt(secret, whose)

    def offered(self, whose: str, text: str) -> str | None:
        return self._offered.decrypt(text, whose)

    def digest(self, user_id: int, code: str) -> str:
        """Of a recovery code."""
        return self._codes.of(str(user_id), code)

    @cached_property
    def _stored(self) -> "Encryption":
        return _encryption(self._key, "second factor")

    @cached_property
    def _offered(self) -> "Encryption":
        return _encryption(self._key, "offered second factor")


def _encryption(key: bytes, purpose: str) -> "Encryption":
    # At the first code: loading cryptography takes some MB of memory, and most workers never see one.
    from app.services.encryption import Encryption

    return Encryption(key, purpose)


def step_of(secret: str, code: str, steps: range) -> int | None:
    """The last of these steps with this code, compared in constant time; None for another code."""
    from pyotp import HOTP  # as above

    codes = HOTP(secret)
    fitting = [step for step in steps if hmac.compare_digest(codes.at(step), code)]
    return fitting[-1] if fitting else None


def password_alone(session: Session, user: User) -> tuple[FactorStanding, bool]:
    """The user's second factor, and whether the APIs accept the password without it."""
    standing = second_factors.standing(session, user.id)
    is_due = standing.is_on or (standing.is_required and user.is_administrator)
    return standing, not is_due or read_policy(session).password_api_with_second_factor


class SecondFactors:
    """Asks for them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        secrets: FactorSecrets,
        throttle: LoginThrottle,
        attempts: Attempts,
        sightings: Sightings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets
        self._throttle = throttle
        self._attempts = attempts
        self._sightings = sightings

    def after_password(
        self, attempt: Attempt, user: User, caller: Caller, asks_code: bool, about: dict[str, str]
    ) -> bool:
        """Whether a code is asked for next, now that the password is right; the attempt is given back.

        Where the password is not all that it takes, the network does not become known by it. Unless `asks_code`,
        refuses with SecondFactorRequired an account that has, or needs, a second factor, while the setting says so.
        `about`: for the audit log.
        """
        with self._database.reading() as session:
            standing, is_enough = password_alone(session, user)
        if not asks_code and not is_enough:
            self._throttle.give_back(attempt)
            self._sightings.note(SIGN_IN_REFUSED, subject_of(user), caller, reason="password alone", **about)
            raise SecondFactorRequired(HAS_ONE if standing.is_on else NEEDS_ONE)
        needs_code = asks_code and standing.is_on
        (self._throttle.give_back if needs_code else self._throttle.succeeded)(attempt)
        return needs_code

    def after_code(
        self, user: User, typed: str, caller: Caller, device: str | None, then: Callable[[Session, UserRow], T]
    ) -> T:
        """What `then` does in the transaction that uses up the code, in which the user's row is locked.

        `device`: as :meth:`Accounts.authenticate`. Counted as an attempt at the password is: refuses with WrongCode,
        BadCredentials (disabled), RateLimited and Unavailable, and as `then`.
        """
        if not typed.strip():
            raise WrongCode  # nothing was tried
        claim = Claim(user.counted_by, caller.address, device)
        return self._attempts.make(claim, user, caller, lambda each: self._decide(each, user, typed, caller, then))

    def _decide(
        self, attempt: Attempt, user: User, typed: str, caller: Caller, then: Callable[[Session, UserRow], T]
    ) -> T:
        try:
            with self._database.transaction() as session:
                row = users.get_and_lock(session, user.id)
                if row is None:
                    raise BadCredentials
                self.spend(session, user, typed, caller)
                done = then(session, row)
        except WrongCode:
            self._throttle.failed(attempt, caller)
            self._sightings.note(SIGN_IN_REFUSED, subject_of(user), caller, reason="wrong code")
            raise
        except Refusal:
            self._throttle.give_back(attempt)
            raise
        self._throttle.succeeded(attempt)
        return done

    def spend(self, session: Session, user: User, typed: str, caller: Caller) -> None:
        """Use up a code of a user whose row is locked. Refuses with WrongCode."""
        stored, code, now = second_factors.stored(session, user.id), timed_code(typed), self._clock()
        if stored is None:
            raise WrongCode
        if code is None:
            self._spend_recovery_code(session, user, typed, caller)
            return
        secret = self._secrets.decrypt(user.id, stored.secret)
        step = None if secret is None else step_of(secret, code, accepted_steps(now))
        if step is None or not second_factors.spend(session, user.id, stored.secret, step, latest_step(now)):
            raise WrongCode

    def _spend_recovery_code(self, session: Session, user: User, typed: str, caller: Caller) -> None:
        code = recovery_code(typed)
        if code is None or not second_factors.spend_recovery_code(
            session, user.id, self._secrets.digest(user.id, code)
        ):
            raise WrongCode
        left = second_factors.count_recovery_codes(session, user.id)
        known = caller if caller.user_id else caller.as_user(user.id, user.username, BY_PASSWORD)
        record(session, self._clock(), known, "second_factor.used_recovery_code", ("user", user.username), left=left)
