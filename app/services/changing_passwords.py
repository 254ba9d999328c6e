"""New passwords: a user's own, and one that somebody else sets, which is temporary.

Not here: the rules (``app.domain.passwords``), digests (``passwords``), and signing in (``accounts``).
"""

from dataclasses import dataclass

from app.domain.clock import Clock
from app.domain.errors import BadCredentials, BadRequest, Conflict
from app.domain.identity import Caller, User
from app.domain.ladder import Act
from app.domain.passwords import TEMPORARY
from app.domain.service_accounts import NO_PASSWORD
from app.domain.sessions import WebSession
from app.services.accounts import Accounts
from app.services.named_users import changeable_user, existing_user
from app.services.password_proofs import Proof
from app.services.passwords import Passwords
from app.services.permitting import refuse_unless_allowed
from app.services.revoking import Revoked, revoke_tokens_of
from app.services.second_factors import SecondFactors
from app.services.sessions import device_in
from app.storage import identities, sessions, users
from app.storage.audit import record
from app.storage.database import Database

WITH_THE_PASSWORD = "revoked with a change of the password"
SAME = "The new password is the same as the current one: choose another one."
OWN = "Change your own password under Account Settings, where the current one is asked for."


@dataclass(frozen=True)
class PasswordSet:
    """A user with a new password. `revoked`: None unless that was asked for."""

    user: User
    revoked: Revoked | None


class ChangingPasswords:
    """Sets passwords. Each change ends the user's web sessions, and the user's tokens too where that is asked for."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        accounts: Accounts,
        second_factors: SecondFactors,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._accounts = accounts
        self._second_factors = second_factors

    def generate(self, *names: str) -> str:
        """A random password for a user with these names, such as the user name."""
        return self._passwords.generate(*names)

    def change(
        self,
        known: WebSession,
        present: str,
        new: str,
        caller: Caller,
        *,
        code: str = "",
        revokes_tokens: bool = False,
    ) -> PasswordSet:
        """Change the user's own password; their other sessions end.

        `code`: of a second factor, if there is one and none was entered recently. Refuses as
        :meth:`Accounts.authenticate` (the current one) and :meth:`SecondFactors.after_code`, and with BadRequest (the
        new one).
        """
        if present == new:
            raise BadRequest(SAME, {"password": [SAME]})
        device = device_in(known)
        proof = self._accounts.authenticate(known.user.username, present, caller, device, asks_code=True)
        if proof.needs_code and not (caller.credential and caller.credential.is_fresh):
            self._passwords.validate(new, *_names_of(known.user))  # before a code is used up for it
            self._second_factors.after_code(known.user, code, caller, device, lambda *_: None)
        # The proof keeps a password that an administrator sets meanwhile.
        return self._set(known.user, new, caller, proof=proof, keeps=known.id, revokes_tokens=revokes_tokens)

    def set(
        self,
        user: int | str,
        password: str,
        caller: Caller,
        *,
        is_temporary: bool = False,
        revokes_tokens: bool = False,
    ) -> PasswordSet:
        """Set somebody's password, by id or name; their sessions end.

        `is_temporary`: accepted for TEMPORARY; the pages require another one. An introspector's is
        not: the role has no pages. Whom no provider knows is a local user then, who need not sign in with one
        (``app.domain.leavers``). Refuses with NotFound, NotPermitted, BadRequest, and with Conflict the
        caller's own, and one for a service account.
        """
        with self._database.reading() as session:
            known = users.as_user(existing_user(session, user))
            if known.id == caller.user_id:
                raise Conflict(OWN)
            if known.is_service:
                raise Conflict(NO_PASSWORD.format(known.username))
            refuse_unless_allowed(session, Act.SET_PASSWORD, caller)
        is_temporary = is_temporary and known.role.has_pages
        return self._set(known, password, caller, is_temporary=is_temporary, revokes_tokens=revokes_tokens)

    def _set(
        self,
        user: User,
        password: str,
        caller: Caller,
        *,
        is_temporary: bool = False,
        revokes_tokens: bool,
        proof: Proof | None = None,
        keeps: int | None = None,
    ) -> PasswordSet:
        """`proof`: refused with BadCredentials where it is not valid any more. `keeps`: the session that goes on."""
        digest = self._passwords.digest_new(password, *_names_of(user), holder=caller.name)
        with self._database.transaction() as session:
            row = changeable_user(session, user.id)
            if proof is not None and row.password_hash != proof.digest:
                raise BadCredentials
            if proof is None:  # again: a turn to digest can take seconds
                refuse_unless_allowed(session, Act.SET_PASSWORD, caller)
            now = self._clock()
            row.password_hash, row.has_temporary_password = digest, is_temporary
            if proof is None and not identities.is_linked(session, row.id):
                row.vouched_at = None  # a local user: no provider signs them in
            row.password_expires_at = now + TEMPORARY if is_temporary else None
            sessions.end_of_user(session, row.id, but=keeps)
            record(session, now, caller, "user.password_changed", ("user", row.username), is_temporary=is_temporary)
            revoked = revoke_tokens_of(session, row, WITH_THE_PASSWORD, now, caller) if revokes_tokens else None
        return PasswordSet(users.as_user(row), revoked)


def _names_of(user: User) -> tuple[str, ...]:
    return user.username, user.email, user.first_name, user.last_name
