"""The check, and what requests record in memory; one thread writes all of it."""

from app.services.building.ground import Ground
from app.services.check_counts import CheckCounts
from app.services.last_use import LastUse
from app.services.sightings import Sightings
from app.services.strays import Strays
from app.services.verifying import TokenVerifier


class Checking:
    """What every request with a token goes through."""

    def __init__(self, on: Ground) -> None:
        self.check_counts = CheckCounts(on.database, on.clock)
        self.sightings = Sightings(on.database, on.clock)
        self.strays = Strays(on.database, on.clock, on.ring, on.format)
        self.last_use = LastUse(on.database, self.check_counts.flush, self.sightings.flush, self.strays.flush)
        self.check_counts.begin = self.sightings.begin = self.strays.begin = self.last_use.start
        self.verifier = TokenVerifier(on.lookup, on.clock, on.ring, on.format, self.check_counts)
