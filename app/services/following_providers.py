"""What an account takes from its provider at each sign-in: e-mail, names and role, and that it was vouched for.

Not here: whose account it is (``joining``).
"""

from contextlib import suppress
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.emails import canonical_email
from app.domain.errors import BadRequest
from app.domain.identity import Caller, Role
from app.domain.provisioned import DEFAULT_ROLE
from app.domain.sign_ins import ProvidedPerson
from app.services.last_administrators import NOBODY, Administrators, administrators_of, record_kept
from app.services.user_changes import change_own, normal_profile
from app.storage import users
from app.storage.audit import record
from app.storage.tables import UserRow

NO_ADMINISTRATOR = "there is no administrator yet"


def lock_administrators(session: Session, person: ProvidedPerson, now: datetime) -> Administrators:
    """Nobody where the person's provider decides no roles. Call it before any other row of a user is locked."""
    return administrators_of(session, users.lock_administrators(session, now), now) if person.maps_roles else NOBODY


def first_role(person: ProvidedPerson, administrators: Administrators) -> Role:
    """The role of an account that is created: a provider never makes the first administrator."""
    said = person.role if person.maps_roles else None
    is_first = said is Role.SERVER_ADMIN and not administrators.enabled
    return DEFAULT_ROLE if said is None or is_first else said


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
    session: Session, row: UserRow, person: ProvidedPerson, administrators: Administrators, now: datetime, known: Caller
) -> None:
    """Write what the provider says to a user whose row is locked. `known`: the user, with what proved them."""
    change_own(session, row, profile_of(session, person, row.id), now, known)
    row.vouched_at = now
    session.flush()  # who had been away counts from here on
    if person.maps_roles:
        _follow_role(session, row, person.role or DEFAULT_ROLE, administrators, now, known)
        session.flush()


def _follow_role(
    session: Session, row: UserRow, said: Role, administrators: Administrators, now: datetime, known: Caller
) -> None:
    if row.role == said:
        return
    because = _why_kept(session, row, said, administrators, now)
    if because:
        record_kept(session, now, known, row.username, Role(row.role), said, because)
        return
    row.role = said
    record(session, now, known, "user.role_changed", ("user", row.username), role=said)


def _why_kept(session: Session, row: UserRow, said: Role, administrators: Administrators, now: datetime) -> str:
    """Why the account keeps its role, whatever the provider says; empty where it does not."""
    if said is Role.SERVER_ADMIN:
        return "" if administrators.enabled else NO_ADMINISTRATOR
    present = administrators_of(session, users.lock_administrators(session, now), now)  # again: this one is back
    return present.why_kept(row.id)
