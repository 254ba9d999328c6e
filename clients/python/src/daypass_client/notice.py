"""What somebody should do about the refresh token: said once a day on this machine, however many processes use it.

Here belongs when to say it. Not here: whether it is so, which the server tells (``minting``).
"""

import logging
from collections.abc import Callable

from daypass_client.cache import Cache
from daypass_client.machine_clock import Clock, boot_id

LOG = logging.getLogger("daypass_client")

DAY = 86_400.0
WEEK = 7 * DAY
PATIENCE_SECONDS = 1.0


class Notice:
    """Lines in the log; in time before the end, also a call of `on_expiring` with the seconds left.

    `page`: where to do something about it.
    """

    def __init__(self, cache: Cache, page: str, clock: Clock, on_expiring: Callable[[float], None] | None) -> None:
        self._cache = cache
        self._page = page
        self._clock = clock
        self._on_expiring = on_expiring
        self._silent_until = 0.0
        self._shared_silent_until = 0.0

    def consider(self, ends_at: float | None) -> None:
        """Say in time that it ends. `ends_at`: by the machine's clock; None: nobody knows."""
        now = self._clock()
        if ends_at is None or ends_at - now >= WEEK or now < self._silent_until:
            return
        self._silent_until = now + DAY
        with self._cache.locked(PATIENCE_SECONDS):
            if not self._is_due("notice", now):
                return
        left = max(0.0, ends_at - now)
        LOG.warning("the refresh token ends in %.1f days: renew it at %s", left / DAY, self._page)
        if self._on_expiring is not None:
            self._on_expiring(left)

    def tell_shared(self) -> None:
        """Say that programs elsewhere use it too. The caller holds the cache's lock."""
        now = self._clock()
        if now < self._shared_silent_until:
            return
        self._shared_silent_until = now + DAY
        if self._is_due("shared", now):
            LOG.warning(
                "another program seems to use this refresh token, and each ends the access token of the other:"
                " make one for each at %s, or one that several jobs share",
                self._page,
            )

    def _is_due(self, name: str, now: float) -> bool:
        """Whether that was not said for a day; from now on it was. The cache's lock is held."""
        told = self._cache.read(name) or {}
        said_at = told.get("said_at")
        if told.get("boot") == boot_id() and isinstance(said_at, float | int) and 0 <= now - said_at < DAY:
            return False
        self._cache.write(name, {"boot": boot_id(), "said_at": now})
        return True
