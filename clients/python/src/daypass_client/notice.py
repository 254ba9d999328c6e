"""Saying in time that the refresh token ends: once a day on this machine, however many processes use it.

Here belongs when to say it. Not here: when it ends, which the server tells (``minting``).
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
    """A line in the log, and a call of `on_expiring` with the seconds left. `page`: where to do something about it."""

    def __init__(self, cache: Cache, page: str, clock: Clock, on_expiring: Callable[[float], None] | None) -> None:
        self._cache = cache
        self._page = page
        self._clock = clock
        self._on_expiring = on_expiring
        self._silent_until = 0.0

    def consider(self, ends_at: float | None) -> None:
        """Say it if it is due. `ends_at`: by the machine's clock; None: nobody knows."""
        now = self._clock()
        if ends_at is None or ends_at - now >= WEEK or now < self._silent_until:
            return
        self._silent_until = now + DAY
        with self._cache.locked(PATIENCE_SECONDS):
            if self._was_said(now):
                return
            self._cache.write("notice", {"boot": boot_id(), "said_at": now})
        left = max(0.0, ends_at - now)
        LOG.warning("the refresh token ends in %.1f days: renew it at %s", left / DAY, self._page)
        if self._on_expiring is not None:
            self._on_expiring(left)

    def _was_said(self, now: float) -> bool:
        told = self._cache.read("notice") or {}
        said_at = told.get("said_at")
        return told.get("boot") == boot_id() and isinstance(said_at, float | int) and 0 <= now - said_at < DAY
