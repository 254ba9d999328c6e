"""Attempts at passwords and codes: each is counted, has its turn, and is decided.

Not here: what an attempt is counted by (``throttling``), who has a turn when (``hashing_places``), and the decision.
"""

from collections.abc import Callable
from typing import TypeVar

from app.domain.audit import SIGN_IN_THROTTLED
from app.domain.errors import RateLimited
from app.domain.identity import Caller, User
from app.services.passwords import Passwords
from app.services.refused_sign_ins import subject_of
from app.services.sightings import Sightings
from app.services.throttling import Attempt, Claim, LoginThrottle

T = TypeVar("T")


class Attempts:
    """Makes attempts. Codes have turns as passwords do: so many at once wait for each other, and for nobody else's."""

    def __init__(self, passwords: Passwords, throttle: LoginThrottle, sightings: Sightings) -> None:
        self._passwords = passwords
        self._throttle = throttle
        self._sightings = sightings

    def make(self, claim: Claim, user: User | None, caller: Caller, decide: Callable[[Attempt], T]) -> T:
        """What `decide` makes of an attempt that was counted; it keeps or gives back what was counted.

        `user`: whom the claim is about, if anybody. Refuses with RateLimited and Unavailable before that.
        """
        try:
            return self._make(claim, decide)
        except RateLimited:
            self._sightings.note(SIGN_IN_THROTTLED, subject_of(user), caller)
            raise

    def _make(self, claim: Claim, decide: Callable[[Attempt], T]) -> T:
        # Checked before the queue, so that attempts which are refused anyway do not fill it.
        standing = self._throttle.check(claim)
        with self._passwords.place(standing.holders, standing.is_known) as place:
            while True:
                with place.turn():
                    attempt = self._throttle.begin(claim)
                    if attempt is not None:
                        return decide(attempt)
                place.rest()
