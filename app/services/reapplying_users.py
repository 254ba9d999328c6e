"""Who no longer answers for a service account of a restored database, and who no longer signs in as a user.

Not here: recording it (``reapplying``).
"""

from sqlalchemy.orm import Session

from app.domain.audit import AuditEvent
from app.services.linking import AuditedPeople, NamedPerson, unlink
from app.services.responsibility import NAMES
from app.storage import identities, users
from app.storage.tables import UserRow


def remove_people_but(account: UserRow, event: AuditEvent) -> list[str]:
    """Remove those who answer for a service account, but the ones of the event; their user names."""
    kept = {event.detail.get(each) for each in NAMES}
    gone = [each for each in NAMES if getattr(account, each) not in (None, *kept)]
    names = [getattr(account, each) for each in gone]
    for each in gone:
        setattr(account, f"{each}_id", None)
    return names


def unlink_again(
    session: Session, event: AuditEvent, people: AuditedPeople, *, has_run_on: bool
) -> tuple[str, NamedPerson] | None:
    """Unlink the person of the event from whom they sign in as in the database: the user's name, and the person.

    None where they sign in as nobody, or were linked again since the restore.
    """
    named = _person_of(session, event, people)
    find, person = (identities.find_expected, named.email) if named.email else (identities.find, named.subject)
    found = find(session, named.issuer, person)
    user = None if found is None else users.hold(session, found.user_id)
    if found is None or user is None or (has_run_on and found.created_at >= event.at):
        return None
    unlink(session, user.id, named)
    return user.username, named


def _person_of(session: Session, event: AuditEvent, people: AuditedPeople) -> NamedPerson:
    """An e-mail is among those that are expected, if it is to be found at all."""
    issuer, person = str(event.detail.get("issuer")), str(event.detail.get("person"))
    if event.detail.get("by") != "e-mail":
        return NamedPerson(issuer, person)
    expected = (NamedPerson(issuer, email=email) for email in identities.expected_emails(session, issuer))
    return next((each for each in expected if people.detail(each)["person"] == person), NamedPerson(issuer))
