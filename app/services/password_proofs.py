"""Whether a password proves who somebody is. Not here: counting attempts, and whose turn it is (``attempts``)."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from app.domain.audit import SIGN_IN_REFUSED
from app.domain.clock import Clock
from app.domain.emails import canonical_email
from app.domain.errors import BadCredentials, SignInRefused, TemporaryPassword
from app.domain.identity import Caller, User, canonical_username
from app.domain.leavers import AWAY, FIRST_SIGN_IN
from app.domain.passwords import EXPIRED
from app.services.passwords import Passwords
from app.services.refused_sign_ins import reason_of, signed_in_by, subject_of
from app.services.second_factors import SecondFactors
from app.services.sightings import Sightings
from app.services.throttling import Attempt, LoginThrottle
from app.storage import users
from app.storage.database import Database
from app.storage.users import SignIn

LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Proof:
    """Proof that this user's password was entered; valid while the stored digest is `digest`.

    `detail`: for the audit log, by what the user signed in where it was not the user name. `needs_code`: the account
    has a second factor, and its password alone opens nothing.
    """

    user: User
    digest: str = field(repr=False)
    detail: dict[str, str] = field(default_factory=dict)
    needs_code: bool = False


class PasswordProofs:
    """Compares passwords with what is stored, and says what a right one is worth."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        throttle: LoginThrottle,
        sightings: Sightings,
        second_factors: SecondFactors,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle
        self._sightings = sightings
        self._second_factors = second_factors

    def find(self, typed: str) -> SignIn:
        """By user name or e-mail."""
        with self._database.reading() as session:
            return users.find_sign_in(session, canonical_username(typed), canonical_email(typed))

    def decide(self, attempt: Attempt, typed: str, password: str, caller: Caller, asks_code: bool) -> Proof:
        """What becomes of an attempt that was counted, within its turn. Refuses as :meth:`Accounts.authenticate`."""
        try:
            proof = self._prove(typed, attempt.claim.account, password, caller)
            self._refuse_away(proof, caller)
            _refuse_expired(proof.user, self._clock())
        except (BadCredentials, SignInRefused, TemporaryPassword):
            self._throttle.failed(attempt, caller)
            raise
        needs_code = self._second_factors.after_password(attempt, proof.user, caller, asks_code, proof.detail)
        proof = replace(proof, needs_code=needs_code)
        while self._passwords.is_dated(proof.digest):
            proof = self._upgrade_digest(proof, typed, password, caller)
        return proof

    def _prove(self, typed: str, account: str, password: str, caller: Caller) -> Proof:
        """Takes the same time for an unknown user. Call it within a turn."""
        user, digest = self.find(typed)
        if user is not None and user.counted_by != account:  # renamed, or another e-mail, since it was counted
            user, digest = None, None
        matches = self._passwords.matches(password, digest)
        if user is None or digest is None or not matches or not user.is_active:
            LOG.warning("sign_in_refused", user_id=user.id if user else None, address=caller.address)
            reason = reason_of(user, digest, matches)
            self._sightings.note(SIGN_IN_REFUSED, subject_of(user), caller, reason=reason, **signed_in_by(user, typed))
            raise BadCredentials
        return Proof(user, digest, signed_in_by(user, typed))

    def _refuse_away(self, proof: Proof, caller: Caller) -> None:
        """A password is no sign-in at the provider: who has left the organisation may still know it."""
        if proof.user.is_away(self._clock()):
            self._sightings.note(SIGN_IN_REFUSED, subject_of(proof.user), caller, reason=AWAY, **proof.detail)
            raise SignInRefused(FIRST_SIGN_IN, AWAY)

    def _upgrade_digest(self, proof: Proof, typed: str, password: str, caller: Caller) -> Proof:
        digest = self._passwords.digest(password)
        with self._database.transaction() as session:
            is_kept = users.replace_digest(session, proof.user.id, proof.digest, digest)
        # Otherwise the password was changed meanwhile, or another sign-in upgraded the digest.
        if is_kept:
            return replace(proof, digest=digest)
        return replace(self._prove(typed, proof.user.counted_by, password, caller), needs_code=proof.needs_code)


def counted_by(found: SignIn, typed: str) -> str:
    """What attempts with this user name or e-mail are counted by (:class:`app.services.throttling.Claim`)."""
    return found.user.counted_by if found.user else canonical_username(typed) or canonical_email(typed) or typed


def _refuse_expired(user: User, now: datetime) -> None:
    if user.password_expires_at is not None and now >= user.password_expires_at:
        raise TemporaryPassword(EXPIRED)
