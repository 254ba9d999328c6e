"""Local users whom administrators let SCIM manage, and those whom they take back."""

from app.domain.clock import Clock
from app.domain.errors import BadRequest, Conflict
from app.domain.identity import Caller, Kind, User
from app.domain.ladder import Act
from app.domain.provisioned import Managed
from app.services.named_users import changeable_user
from app.services.permitting import refuse_unless_allowed
from app.storage import scim_groups, users
from app.storage.audit import record
from app.storage.database import Database

ONLY_PEOPLE = "{} is a service account: SCIM manages people only."
MANAGED = "SCIM manages {} already."
NOT_MANAGED = "SCIM does not manage {}."


class ScimAdoption:
    """Hands users to SCIM, and takes them back. Role, tokens and password stay; a group may change the role later."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def adopt(self, user: int | str, caller: Caller) -> User:
        """Let SCIM find and manage a local user, by id or name, by the user name.

        Refuses with NotFound, NotPermitted, BadRequest (a service account) and Conflict (managed, or deleted).
        """
        with self._database.transaction() as session:
            now = self._clock()
            users.lock_administrators(session, now)
            refuse_unless_allowed(session, Act.HAND_TO_SCIM, caller)
            row = changeable_user(session, user)
            if row.kind != Kind.PERSON:
                raise BadRequest(ONLY_PEOPLE.format(row.username))
            if row.managed_by == Managed.SCIM:
                raise Conflict(MANAGED.format(row.username))
            row.managed_by = Managed.SCIM
            record(session, now, caller, "user.handed_to_scim", ("user", row.username))
        return users.as_user(row)

    def release(self, user: int | str, caller: Caller) -> User:
        """Make a user local, whom SCIM does not see any more. Refuses in the same way."""
        with self._database.transaction() as session:
            now = self._clock()
            users.lock_administrators(session, now)
            refuse_unless_allowed(session, Act.HAND_TO_SCIM, caller)
            row = changeable_user(session, user)
            if row.managed_by is None:
                raise Conflict(NOT_MANAGED.format(row.username))
            scim_groups.leave_all(session, row.id)
            row.managed_by = row.external_id = row.left_at = None
            record(session, now, caller, "user.taken_from_scim", ("user", row.username))
        return users.as_user(row)
