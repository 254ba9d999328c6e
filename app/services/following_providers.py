"""What an account takes from its provider at each sign-in: e-mail, names and role, and that it was vouched for.

Not here: whose account it is (``joining``).
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.emails import canonical_email
from app.domain.errors import BadRequest
from app.domain.identity import Caller, Role
from app.domain.sign_ins import ProvidedPerson
from app.services.user_changes import change_own, normal_profile
from app.storage import identities, users
from app.storage.audit import record
from app.storage.tables import UserRow

ROLE_KEPT = "user.role_kept"

NO_ADMINISTRATOR = "there is no administrator yet"
LAST_ADMINISTRATOR = "the last administrator"
LAST_WITH_A_PASSWORD = "the last administrator with a password"

WITHOUT_A_MAP = Role.VIEWER
"""The role of a new person, and of one to whom a provider that decides roles gives none."""


@dataclass(frozen=True)
class Standing:
    """`administrators`: the ids of the enabled ones, whose rows are locked; none where the provider maps no roles."""

    administrators: tuple[int, ...] = ()


def lock_standing(session: Session, person: ProvidedPerson, now: datetime) -> Standing:
    """Call it before any other row of a user is locked."""
    return Standing(tuple(users.lock_administrators(session, now))) if person.maps_roles else Standing()


def first_role(person: ProvidedPerson, standing: Standing) -> Role:
    """The role of an account that is created: a provider never makes the first administrator."""
    said = person.role if person.maps_roles else None
    is_first = said is Role.SERVER_ADMIN and not standing.administrators
    return WITHOUT_A_MAP if said is None or is_first else said


def profile_of(session: Session, person: ProvidedPerson, user_id: int | None = None) -> dict[str, str]:
    """E-mail and names as they are stored, without those that the provider does not say or that are not accepted.

    And without an e-mail of another enabled person: it could sign in neither with a password.
    """
    said = {"email": person.email, "first_name": person.first_name, "last_name": person.last_name}
    profile: dict[str, str] = {}
    for column, text in said.items():
        with suppress(BadRequest):
            profile |= normal_profile({column: text.strip()}) if text.strip() else {}
    email = canonical_email(profile.get("email", ""))
    if email is not None and users.is_email_of_another(session, email, user_id):
        del profile["email"]
    return profile


def follow(
    session: Session, row: UserRow, person: ProvidedPerson, standing: Standing, now: datetime, known: Caller
) -> None:
    """Write what the provider says to a user whose row is locked. `known`: the user, with what proved them."""
    change_own(session, row, profile_of(session, person, row.id), now, known)
    row.vouched_at = now
    session.flush()  # who had been away counts from here on
    if person.maps_roles:
        _follow_role(session, row, person.role or WITHOUT_A_MAP, standing, now, known)
        session.flush()


def _follow_role(session: Session, row: UserRow, said: Role, standing: Standing, now: datetime, known: Caller) -> None:
    if row.role == said:
        return
    subject, because = ("user", row.username), _why_kept(session, row, said, standing, now)
    if because:
        record(session, now, known, ROLE_KEPT, subject, role=row.role, said=said, because=because)
        return
    row.role = said
    record(session, now, known, "user.role_changed", subject, role=said)


def _why_kept(session: Session, row: UserRow, said: Role, standing: Standing, now: datetime) -> str:
    """Why the account keeps its role, whatever the provider says; empty where it does not."""
    if said is Role.SERVER_ADMIN:
        return "" if standing.administrators else NO_ADMINISTRATOR
    if users.lock_administrators(session, now) == [row.id]:  # again: this one may have been away
        return LAST_ADMINISTRATOR
    return LAST_WITH_A_PASSWORD if identities.local_administrators(session, now) == [row.id] else ""
