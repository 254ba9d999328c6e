"""Administrators link accounts to persons at providers, and unlink them.

Not here: who signs in (``joining``).
"""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.emails import RULE as EMAIL_RULE
from app.domain.emails import canonical_email
from app.domain.errors import BadRequest, Conflict, NotFound
from app.domain.identities import Links
from app.domain.identity import Caller, Kind, Role
from app.domain.ladder import Act
from app.domain.seals import Seal
from app.domain.text import refuse_secret, refuse_token
from app.services.first_sign_ins import LINKED
from app.services.named_users import changeable_user, existing_user
from app.services.permitting import refuse_unless_allowed
from app.storage import identities, sessions, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.tables import UserRow

UNLINKED = "user.unlinked"

SHOWN = 16
"""Hexadecimal digits of a digest."""

ISSUER = re.compile(r"https?://[!-~]{1,240}")
SUBJECT = re.compile(r"[ -~]{1,255}")

ISSUER_RULE = "The issuer is the provider's address, such as https://login.example.com, in at most 255 characters."
SUBJECT_RULE = "The subject is the provider's identifier of the person, 1 to 255 ASCII characters."
ONE_OF_BOTH = "Give either the subject or the e-mail."

NO_PROVIDER = "{} is a service account: nobody signs in to it."
LINKED_TO_ANOTHER = "This person signs in as {}: unlink that first."
NAMED_FOR_ANOTHER = "This e-mail is named for {}: unlink that first."


@dataclass(frozen=True)
class NamedPerson:
    """A person at a provider, by exactly one of `subject` and `email`. The issuer is compared as it is."""

    issuer: str
    subject: str = ""
    email: str = ""

    @property
    def detail(self) -> dict[str, str]:
        """For who may see it. Not for the audit log (:class:`AuditedPeople`)."""
        by = "subject" if self.subject else "e-mail"
        return {"issuer": self.issuer, "person": self.subject or self.email, "by": by}


def named_person(issuer: str, subject: str = "", email: str = "") -> NamedPerson:
    """Refuses with BadRequest what no provider can say."""
    issuer, subject, email = issuer.strip(), subject.strip(), email.strip()
    if not ISSUER.fullmatch(issuer):
        raise BadRequest(ISSUER_RULE, {"issuer": [ISSUER_RULE]})
    if bool(subject) is bool(email):
        raise BadRequest(ONE_OF_BOTH, {"subject": [ONE_OF_BOTH]})
    if subject and not SUBJECT.fullmatch(subject):
        raise BadRequest(SUBJECT_RULE, {"subject": [SUBJECT_RULE]})
    refuse_secret("issuer", issuer)
    refuse_token("subject", subject)
    key = canonical_email(email) if email else ""
    if key is None:
        raise BadRequest(EMAIL_RULE, {"email": [EMAIL_RULE]})
    return NamedPerson(issuer, subject, key)


class AuditedPeople:
    """Persons as the audit log names them: it holds no e-mail, but a digest of one. `key`: a secret of the instance."""

    def __init__(self, key: bytes) -> None:
        self._digest = Seal(key, "e-mail of a link").of

    def detail(self, person: NamedPerson) -> dict[str, str]:
        """The same for the same person."""
        if person.subject:
            return person.detail
        return person.detail | {"person": f"e-mail {self._digest(person.issuer, person.email)[:SHOWN]}"}


class Linking:
    """Links and unlinks."""

    def __init__(self, database: Database, clock: Clock, people: AuditedPeople) -> None:
        self._database = database
        self._clock = clock
        self._people = people

    def of(self, user: int | str) -> Links:
        """By id or name; refuses with NotFound."""
        with self._database.reading() as session:
            return links_of(session, existing_user(session, user).id)

    def link(self, user: int | str, person: NamedPerson, caller: Caller) -> Links:
        """Let this person sign in as a user, by id or name; what is so already changes nothing.

        By e-mail, once: the provider has to say that it is verified, and from then on the person is known by the
        subject. Named by e-mail again, the first sign-in is expected for the role that the user has now. Refuses with
        NotFound, NotPermitted, and Conflict: a deleted user, a service account, a person who signs in as another user.
        """
        try:
            with self._database.transaction() as session:
                row = changeable_user(session, user)
                refuse_unless_allowed(session, Act.LINK_USER, caller)
                if row.kind != Kind.PERSON:
                    raise Conflict(NO_PROVIDER.format(row.username))
                now = self._clock()
                write = _link_subject if person.subject else _expect_email
                if write(session, row, person, now, caller):
                    record(session, now, caller, LINKED, ("user", row.username), **self._people.detail(person))
                return links_of(session, row.id)
        except IntegrityError:  # another request linked the person at the same time
            raise Conflict(LINKED_TO_ANOTHER.format("another user")) from None

    def unlink(self, user: int | str, person: NamedPerson, caller: Caller) -> Links:
        """Let this person no longer sign in as a user; the sessions that they began end.

        Refuses with NotFound (the user; the link), NotPermitted, and with Conflict a deleted user.
        """
        with self._database.transaction() as session:
            row = changeable_user(session, user)
            refuse_unless_allowed(session, Act.UNLINK_USER, caller)
            if not unlink(session, row.id, person):
                raise NotFound("link")
            record(session, self._clock(), caller, UNLINKED, ("user", row.username), **self._people.detail(person))
            return links_of(session, row.id)


def links_of(session: Session, user_id: int) -> Links:
    return Links(identities.of_user(session, user_id), identities.expected_of_user(session, user_id))


def unlink(session: Session, user_id: int, person: NamedPerson) -> bool:
    """Unlink a user whose row is locked; False where this person is not linked to them."""
    if person.email:
        expected = identities.find_expected(session, person.issuer, person.email)
        is_theirs = expected is not None and expected.user_id == user_id
        return expected is not None and is_theirs and identities.no_longer_expect(session, expected.id)
    identity = identities.find(session, person.issuer, person.subject)
    if identity is None or identity.user_id != user_id:
        return False
    sessions.end_of_identity(session, identity.id)
    identities.remove(session, identity.id)
    return True


def _link_subject(session: Session, row: UserRow, person: NamedPerson, now: datetime, caller: Caller) -> bool:
    """False where they are linked already."""
    known = identities.find(session, person.issuer, person.subject)
    if known is None:
        identities.insert(session, row.id, person.issuer, person.subject, now, linked_by=caller.name)
        return True
    if known.user_id != row.id:
        raise Conflict(LINKED_TO_ANOTHER.format(_name_of(session, known.user_id)))
    return False


def _expect_email(session: Session, row: UserRow, person: NamedPerson, now: datetime, caller: Caller) -> bool:
    """False where they are expected already, for the same role."""
    is_administrator = row.role == Role.SERVER_ADMIN
    known = identities.find_expected(session, person.issuer, person.email)
    if known is not None and known.user_id != row.id:
        raise Conflict(NAMED_FOR_ANOTHER.format(_name_of(session, known.user_id)))
    if known is not None and known.for_administrator is is_administrator:
        return False
    if known is not None:
        identities.no_longer_expect(session, known.id)
    identities.expect(
        session, row.id, person.issuer, person.email, now, caller.name, for_administrator=is_administrator
    )
    return True


def _name_of(session: Session, user_id: int) -> str:
    row = users.get(session, user_id)
    return "another user" if row is None else row.username
