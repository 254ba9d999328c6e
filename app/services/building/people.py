"""What administers users, service accounts among them."""

from app.services.accounts import Accounts
from app.services.building.ground import Ground
from app.services.deleting_users import DeletingUsers
from app.services.linking import AuditedPeople, Linking
from app.services.restoring import Restoring
from app.services.scim import build_scim
from app.services.service_accounts import ServiceAccounts
from app.services.sessions import Sessions
from app.services.user_list import UserList
from app.services.user_profiles import UserProfiles


class People:
    """By administrators, and by directories."""

    def __init__(self, on: Ground, accounts: Accounts, sessions: Sessions) -> None:
        database, clock = on.database, on.clock
        self.user_list = UserList(database, clock, on.pepper)
        self.user_profiles = UserProfiles(database, clock, accounts, sessions)
        self.service_accounts = ServiceAccounts(database, clock, on.idempotency, on.usernames)
        self.deleting_users = DeletingUsers(database, clock, on.deletion)
        audited = AuditedPeople(on.pepper)
        self.restoring = Restoring(database, clock, on.deletion, audited)
        self.linking = Linking(database, clock, audited)
        self.scim = build_scim(database, clock, on.ring, on.prefixes, on.idempotency, on.usernames)
