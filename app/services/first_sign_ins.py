"""The account of a person whom no account knows yet: the one that an administrator named, or a new one.

Not here: those who are known, and their sessions (``joining``).
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.credentials import BY_PROVIDER
from app.domain.emails import canonical_email
from app.domain.errors import Conflict, SignInRefused
from app.domain.identity import Caller, Role
from app.domain.provided_names import candidates, username_from
from app.domain.sign_ins import ProvidedPerson
from app.services.following_providers import first_role, profile_of
from app.services.instance_settings import read_policy
from app.services.last_administrators import Administrators
from app.services.usernames import Usernames
from app.storage import identities, named, users
from app.storage.audit import record
from app.storage.tables import IdentityRow, UserRow

LINKED = "user.linked"

NO_ACCOUNT = (
    "You have no account here yet, and Daypass creates none by itself. Ask a server administrator to link one to you: "
    "you are {subject} at {issuer}."
)
NOT_NAMED_FOR_ADMINISTRATOR = (
    "The account that you were named for became an administrator's since. Ask a server administrator to name you again."
)
DISABLED = "Your account is disabled. A server administrator can enable it."

SOMEBODY_ELSE = (
    "The account that the directory created for you is linked to somebody else at {issuer}. Ask a server administrator "
    "to unlink that person."
)
BY_SCIM = "scim"
"""Who named a person whom the directory created: no user's name, as nobody can be asked."""

NAMES_AT_ONCE, MOST_NAMES_AT_ONCE = 100, 5_000


class Account(NamedTuple):
    """A user whose row is locked, and the person's identity."""

    row: UserRow
    identity: IdentityRow


class FirstSignIns:
    """Finds or creates accounts. Raises IntegrityError where another first sign-in came before: try again."""

    def __init__(self, usernames: Usernames) -> None:
        self._usernames = usernames

    def account_of(
        self, session: Session, person: ProvidedPerson, administrators: Administrators, now: datetime, caller: Caller
    ) -> Account | None:
        """The account; None where it changed meanwhile, so that the sign-in is tried again.

        Refuses with SignInRefused: ``no_account``, ``disabled``, ``not_named_for_administrator``.
        """
        email = canonical_email(person.email)
        expected = email and identities.find_expected(session, person.issuer, email)
        if expected:
            return self._expected(session, person, expected.user_id, email or "", now, caller)
        managed = person.provisioned and identities.of_provisioned(session, *person.provisioned)
        if managed:
            return self._managed(session, managed, person, now, caller)
        if person.provisioned and identities.was_provisioned(session, *person.provisioned):
            raise SignInRefused(DISABLED, "disabled")  # an account of their own would undo what the directory did
        if not read_policy(session).oidc_create_users:
            raise SignInRefused(NO_ACCOUNT.format(subject=person.subject, issuer=person.issuer), "no_account")
        return self._created(session, person, administrators, now, caller)

    def _expected(
        self, session: Session, person: ProvidedPerson, user_id: int, email: str, now: datetime, caller: Caller
    ) -> Account | None:
        """Once only: then the person is known by issuer and subject, also if somebody else gets the e-mail."""
        row = users.hold(session, user_id)
        expected = identities.find_expected(session, person.issuer, email)  # as it is behind the lock
        if row is None or expected is None or expected.user_id != row.id:
            return None
        refuse_disabled(row)
        if row.role == Role.SERVER_ADMIN and not expected.for_administrator:
            raise SignInRefused(NOT_NAMED_FOR_ADMINISTRATOR, "not_named_for_administrator")
        linked_by = expected.linked_by
        identities.no_longer_expect(session, expected.id)
        return self._link(session, row, person, now, caller, linked_by)

    def _managed(
        self, session: Session, row: UserRow, person: ProvidedPerson, now: datetime, caller: Caller
    ) -> Account:
        """Whom the directory created for this person: the first at each provider, and nobody after."""
        refuse_disabled(row)
        if row.role == Role.SERVER_ADMIN and row.password_hash is not None:  # a local one, who was handed to SCIM
            raise SignInRefused(NO_ACCOUNT.format(subject=person.subject, issuer=person.issuer), "no_account")
        if identities.has_of_issuer(session, row.id, person.issuer):
            raise SignInRefused(SOMEBODY_ELSE.format(issuer=person.issuer), "no_account")
        return self._link(session, row, person, now, caller, BY_SCIM)

    def _created(
        self, session: Session, person: ProvidedPerson, administrators: Administrators, now: datetime, caller: Caller
    ) -> Account:
        role = first_role(person, administrators)
        row = self._insert(session, person, role, now)
        self._usernames.refuse_former(session, row.username, row.id)
        known, subject = caller.as_user(row.id, row.username, BY_PROVIDER), ("user", row.username)
        record(session, now, known, "user.created", subject, role=role, provider=person.provider)
        return self._link(session, row, person, now, caller)

    def _insert(self, session: Session, person: ProvidedPerson, role: Role, now: datetime) -> UserRow:
        """With the first name that is free; others may take some at the same time."""
        profile: dict[str, Any] = dict(profile_of(session, person))
        for name in islice(self._free_names(session, person), NAMES_AT_ONCE):
            with suppress(IntegrityError), session.begin_nested():
                return users.insert(session, name, role, None, now, **profile)
        raise Conflict("Too many have taken such names at the same time.")

    def _link(
        self,
        session: Session,
        row: UserRow,
        person: ProvidedPerson,
        now: datetime,
        caller: Caller,
        linked_by: str | None = None,
    ) -> Account:
        identity = identities.insert(session, row.id, person.issuer, person.subject, now, person.provider, linked_by)
        detail = {"issuer": person.issuer, "person": person.subject} | ({"named_by": linked_by} if linked_by else {})
        known = caller.as_user(row.id, row.username, BY_PROVIDER)
        record(session, now, known, LINKED, ("user", row.username), **detail)
        return Account(row, identity)

    def _free_names(self, session: Session, person: ProvidedPerson) -> Iterator[str]:
        """Nobody's user name, present or former, and no other person's e-mail, which would no longer sign them in."""
        names = candidates(username_from(person.username, person.email.partition("@")[0]))
        at_once = NAMES_AT_ONCE
        while True:
            some = list(islice(names, at_once))
            at_once = min(at_once * 4, MOST_NAMES_AT_ONCE)  # the ten thousandth of a name needs few statements, too
            taken = named.ids_of_users_ever(session, some)
            for name in some:
                is_kept = name in taken or self._usernames.is_former(session, name)
                if not is_kept and not users.is_email_of_another(session, canonical_email(name) or ""):
                    yield name


def refuse_disabled(row: UserRow) -> None:
    """Refuse with SignInRefused a user who is disabled."""
    if not row.is_active:
        raise SignInRefused(DISABLED, "disabled")
