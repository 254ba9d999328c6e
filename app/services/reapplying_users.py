"""What a lost event about a user takes away from the user of a restored database, and nothing else.

Not here: recording it (``reapplying``).
"""

from app.domain.audit import AuditEvent
from app.domain.identity import Role
from app.domain.ladder import STRENGTH
from app.storage.tables import UserRow

ANSWERING = ("responsible", "deputy")


def takes_away(user: UserRow, column: str, value: object) -> bool:
    """Whether a change of this column leaves the user less than now."""
    if column == "is_active":
        return value is False and user.is_active
    if column == "api_tokens":
        return value in STRENGTH and STRENGTH[value] < STRENGTH[user.api_tokens]
    return value in list(Role) and _is_weaker(Role(str(value)), Role(user.role))


def _is_weaker(role: Role, than: Role) -> bool:
    """Roles are in order, but for INTROSPECTOR, which has a permission that only administrators have."""
    if role is Role.INTROSPECTOR or than is Role.INTROSPECTOR:
        return (role, than) == (Role.INTROSPECTOR, Role.SERVER_ADMIN) or role not in (
            Role.SERVER_ADMIN,
            Role.INTROSPECTOR,
        )
    return list(Role).index(role) > list(Role).index(than)


def remove_people_but(account: UserRow, event: AuditEvent) -> list[str]:
    """Remove those who answer for a service account, but the ones of the event; their user names."""
    kept = {event.detail.get(each) for each in ANSWERING}
    gone = [each for each in ANSWERING if getattr(account, each) not in (None, *kept)]
    names = [getattr(account, each) for each in gone]
    for each in gone:
        setattr(account, f"{each}_id", None)
    return names
