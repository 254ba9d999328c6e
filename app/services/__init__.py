"""The use cases: one method and one transaction each, audit row included; entry points use :class:`Services`.

Here belong decisions that need both rules and storage. Not here: HTTP, the command line, deployment settings.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.domain.clock import Clock
from app.services.building.checking import Checking
from app.services.building.ground import NO_PARTIES, Ground
from app.services.building.operating import Operating
from app.services.building.people import People
from app.services.building.signing_in import SigningIn
from app.services.building.tokens import Tokens
from app.services.passwords import Passwords
from app.storage.database import Database

if TYPE_CHECKING:
    from app.providers.relying_party import RelyingParty


class Services(Operating, Checking, SigningIn, People, Tokens):
    """All use cases, one instance per process. Each room says which it has."""

    def __init__(self, on: Ground) -> None:
        Operating.__init__(self, on)
        Checking.__init__(self, on)
        SigningIn.__init__(self, on, self.sightings)
        People.__init__(self, on, self.accounts, self.sessions)
        Tokens.__init__(self, on, self, self.accounts, self.clock_agreement)

    def close(self) -> None:
        """Write what is buffered, and close connections."""
        self.bulk_revocations.close()
        self.last_use.close()
        self.verifier.close()


def build_services(
    database: Database,
    clock: Clock,
    *,
    token_keys: dict[str, bytes],
    pepper: bytes,
    prefixes: tuple[str, ...],
    passwords: Passwords,
    parties: Mapping[str, "RelyingParty"] = NO_PARTIES,
) -> Services:
    """Create the use cases from the values of ``config.Settings``; `parties`: Daypass as a client of each provider."""
    return Services(
        Ground(
            database,
            clock,
            token_keys=token_keys,
            pepper=pepper,
            prefixes=prefixes,
            passwords=passwords,
            parties=parties,
        )
    )
