"""The use cases of provisioning by SCIM, together. Not here: what each decides."""

from dataclasses import dataclass

from app.domain.clock import Clock
from app.domain.scim_tokens import ScimTokenFormat
from app.domain.secrets import KeyRing
from app.services.group_roles import GroupRoles
from app.services.idempotency import Idempotency
from app.services.provisioning import Provisioning
from app.services.provisioning_groups import GroupProvisioning
from app.services.scim_adoption import ScimAdoption
from app.services.scim_tokens import ScimTokens
from app.services.usernames import Usernames
from app.storage.database import Database


@dataclass(frozen=True)
class Scim:
    """`users`, `groups`: for directories; the rest for administrators."""

    users: Provisioning
    groups: GroupProvisioning
    tokens: ScimTokens
    roles: GroupRoles
    adoption: ScimAdoption


def build_scim(
    database: Database,
    clock: Clock,
    ring: KeyRing,
    prefixes: tuple[str, ...],
    idempotency: Idempotency,
    usernames: Usernames,
) -> Scim:
    """Create them. `prefixes`: of token text."""
    return Scim(
        users=Provisioning(database, clock, usernames),
        groups=GroupProvisioning(database, clock),
        tokens=ScimTokens(database, clock, ring, ScimTokenFormat(prefixes), idempotency),
        roles=GroupRoles(database, clock),
        adoption=ScimAdoption(database, clock),
    )
