"""Who no longer answers for a service account of a restored database. Not here: recording it (``reapplying``)."""

from app.domain.audit import AuditEvent
from app.services.responsibility import NAMES
from app.storage.tables import UserRow


def remove_people_but(account: UserRow, event: AuditEvent) -> list[str]:
    """Remove those who answer for a service account, but the ones of the event; their user names."""
    kept = {event.detail.get(each) for each in NAMES}
    gone = [each for each in NAMES if getattr(account, each) not in (None, *kept)]
    names = [getattr(account, each) for each in gone]
    for each in gone:
        setattr(account, f"{each}_id", None)
    return names
