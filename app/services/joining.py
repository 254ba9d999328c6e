"""Whose account a person of a provider is: sign-in, and fresh proof, by what a provider said.

An account is found by issuer and subject, which are never reused; never by e-mail alone. Not here: a person's first
sign-in (``first_sign_ins``), what the account takes from the provider (``following_providers``), administrators who
link accounts (``linking``), and the judgement of the provider's answers (``app.providers``).
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.clock import CLOCK_TOLERANCE, Clock
from app.domain.credentials import BY_PROVIDER
from app.domain.devices import device_of
from app.domain.errors import Conflict, SessionEnded, SignInRefused, Unavailable
from app.domain.identity import Caller, Kind
from app.domain.sessions import FRESH, WebSession
from app.domain.sign_ins import Arrival, ProvidedPerson, SignInMethod
from app.services.beginning import BeginningSessions
from app.services.first_sign_ins import Account, FirstSignIns, refuse_disabled
from app.services.following_providers import follow, lock_administrators
from app.services.last_administrators import Administrators
from app.services.usernames import Usernames
from app.storage import identities, sessions, users
from app.storage.database import Database

if TYPE_CHECKING:
    from app.services.encryption import Encryption

MOST_TRIES = 10
"""Each fails only where another sign-in, or an administrator, came before."""

SERVICE_ACCOUNT = "This account is a service account: nobody signs in to it."
ANOTHER_PERSON = (
    "You signed in at {provider} as somebody else than the user of this session. Nothing was changed. Sign out there, "
    "and try again."
)
NOT_FRESH = (
    "{provider} did not ask you to sign in again: it does not say that you did so in the last ten minutes. Nothing was "
    "changed. Sign out there, and try again."
)


@dataclass(frozen=True)
class LogoutHint:
    """What the logout at a provider asks for. `provider`: its name here."""

    provider: str
    issuer: str
    id_token: str | None = field(default=None, repr=False)


class Joining:
    """Signs people in by their provider. `key`: a secret of the instance."""

    def __init__(
        self, database: Database, clock: Clock, beginning: BeginningSessions, usernames: Usernames, key: bytes
    ) -> None:
        self._database = database
        self._clock = clock
        self._beginning = beginning
        self._first = FirstSignIns(usernames)
        self._key = key

    @cached_property
    def _id_tokens(self) -> "Encryption":
        from app.services.encryption import Encryption  # large, and needed only where a provider signs people in

        return Encryption(self._key, "ID token")

    def sign_in(self, person: ProvidedPerson, caller: Caller, before: str | None, user_agent: str | None = None) -> str:
        """Create a session for this person's account, and write what the provider says of it; the session's cookie.

        `before`: the previous cookie, whose session ends. Refuses with SignInRefused (its `why` is one of
        ``no_account``, ``disabled``, ``service_account``, ``not_named_for_administrator``) and Unavailable.
        """
        for _ in range(MOST_TRIES):
            with suppress(IntegrityError, Conflict), self._database.transaction() as session:
                cookie = self._sign_in(session, person, caller, before, device_of(user_agent))
                if cookie is not None:
                    return cookie
        raise Unavailable("the account is being changed")

    def prove(self, known: WebSession, person: ProvidedPerson, caller: Caller) -> str:
        """The person signed in at the provider again: the new cookie of this session, which is fresh as of then.

        Refuses with SignInRefused (``another_person``, ``not_fresh``) and SessionEnded.
        """
        with self._database.transaction() as session:
            now = self._clock()
            administrators = lock_administrators(session, person, now)
            account = _known(session, person)
            if account is None or account.row.id != known.user.id:
                raise SignInRefused(ANOTHER_PERSON.format(provider=person.provider), "another_person")
            if not account.row.is_active:
                raise SessionEnded
            proved_at = _proved_at(person, now)
            if proved_at is None or now >= proved_at + FRESH:
                raise SignInRefused(NOT_FRESH.format(provider=person.provider), "not_fresh")
            arrival = self._arrive(session, account, person, administrators, now, caller)
            return self._beginning.renew(session, known, proved_at, arrival)

    def logout_hint(self, known: WebSession) -> LogoutHint | None:
        """None for a session that no provider began, and where the person is not linked to it any more."""
        if known.identity_id is None:
            return None
        with self._database.reading() as session:
            identity = identities.find_numbered(session, known.user.id, known.identity_id)
            stored = sessions.id_token_of(session, known.id)
        if identity is None:
            return None
        token = stored and self._id_tokens.decrypt(stored, str(known.user.id))
        return LogoutHint(identity.provider, identity.issuer, token or None)

    def _sign_in(
        self, session: Session, person: ProvidedPerson, caller: Caller, before: str | None, device: str
    ) -> str | None:
        """None where an account changed meanwhile, and nothing was written."""
        now = self._clock()
        administrators = lock_administrators(session, person, now)
        is_known = identities.find(session, person.issuer, person.subject) is not None
        known = _known(session, person) if is_known else None
        account = known if is_known else self._first.account_of(session, person, administrators, now, caller)
        if account is None:
            return None
        refuse_disabled(account.row)
        if account.row.kind != Kind.PERSON:
            raise SignInRefused(SERVICE_ACCOUNT, "service_account")
        arrival = self._arrive(session, account, person, administrators, now, caller)
        return self._beginning.begin(session, account.row, arrival, caller, now, before, device)

    def _arrive(
        self,
        session: Session,
        account: Account,
        person: ProvidedPerson,
        administrators: Administrators,
        now: datetime,
        caller: Caller,
    ) -> Arrival:
        """Write what the provider says of the person."""
        row, identity = account
        follow(session, row, person, administrators, now, caller.as_user(row.id, row.username, BY_PROVIDER))
        identity.provider, identity.last_sign_in_at = person.provider, now
        token = person.id_token and self._id_tokens.encrypt(person.id_token, str(row.id))
        return Arrival(
            SignInMethod.PROVIDER,
            identity_id=identity.id,
            provider_session=person.session,
            id_token=token,
            proved_at=_proved_at(person, now) or now - FRESH,  # who may have signed in there long ago is not fresh here
            detail={"provider": person.provider},
        )


def _known(session: Session, person: ProvidedPerson) -> Account | None:
    """The account that knows this person; None where there is none, or it was unlinked meanwhile."""
    before = identities.find(session, person.issuer, person.subject)
    row = None if before is None else users.hold(session, before.user_id)
    identity = identities.find(session, person.issuer, person.subject)  # as it is behind the lock
    if row is None or identity is None or identity.user_id != row.id:
        return None
    return Account(row, identity)


def _proved_at(person: ProvidedPerson, now: datetime) -> datetime | None:
    """When the person last proved at the provider who they are; None where it does not say, or says the future."""
    said = person.signed_in_at
    return None if said is None or said > now + CLOCK_TOLERANCE else min(said, now)
