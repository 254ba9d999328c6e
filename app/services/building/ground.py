"""What the use cases are built on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.domain.clock import Clock
from app.domain.secrets import KeyRing, TokenFormat
from app.services.deleting_users import Deletion
from app.services.idempotency import Idempotency
from app.services.passwords import Passwords
from app.services.throttling import LoginThrottle
from app.services.usernames import Usernames
from app.storage.check import TokenLookup
from app.storage.database import Database

if TYPE_CHECKING:
    from app.providers.relying_party import RelyingParty

NO_PARTIES: Mapping[str, "RelyingParty"] = {}


class Ground:
    """The values of ``config.Settings``, and what several use cases share that no entry point calls."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        token_keys: dict[str, bytes],
        pepper: bytes,
        prefixes: tuple[str, ...],
        passwords: Passwords,
        parties: Mapping[str, "RelyingParty"],
    ) -> None:
        """`parties`: Daypass as a client of each provider."""
        self.database, self.clock, self.token_keys, self.pepper = database, clock, token_keys, pepper
        self.prefixes, self.passwords, self.parties = prefixes, passwords, parties
        self.ring, self.format, self.lookup = KeyRing(token_keys), TokenFormat(prefixes), TokenLookup(database)
        self.throttle = LoginThrottle(database, clock, pepper)
        self.idempotency, self.usernames = Idempotency(pepper), Usernames(pepper)
        self.deletion = Deletion(self.throttle, self.usernames)
