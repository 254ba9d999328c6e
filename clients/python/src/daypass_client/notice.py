"""Warnings about the refresh token, logged once a day per machine: it expires soon, others use it, and so on."""

import logging
from collections.abc import Callable

from daypass_client.cache import Cache
from daypass_client.machine_clock import Clock, boot_id

LOG = logging.getLogger("daypass_client")

DAY = 86_400.0
WEEK = 7 * DAY
PATIENCE_SECONDS = 1.0


class Notice:
    """Warnings in the log, with `page` as the place to act; `on_expiring` is called with the seconds left."""

    def __init__(self, cache: Cache, page: str, clock: Clock, on_expiring: Callable[[float], None] | None) -> None:
        self._cache = cache
        self._page = page
        self._clock = clock
        self._on_expiring = on_expiring
        self._silent_until = 0.0
        self._told_until: dict[str, float] = {}

    def consider(self, ends_at: float | None) -> None:
        """Warn less than a week before the refresh token expires. `ends_at`: by the machine's clock; None: unknown."""
        now = self._clock()
        if ends_at is None or ends_at - now >= WEEK or now < self._silent_until:
            return
        self._silent_until = now + DAY
        with self._cache.locked(PATIENCE_SECONDS):
            if not self._is_due("notice", now):
                return
        left = max(0.0, ends_at - now)
        LOG.warning("the refresh token expires in %.1f days: regenerate it at %s", left / DAY, self._page)
        if self._on_expiring is not None:
            self._on_expiring(left)

    def tell(self, name: str, message: str) -> None:
        """Log a warning of this name; `message` may have the place to act as ``{page}``. Under the cache's lock."""
        now = self._clock()
        if now < self._told_until.get(name, 0.0):
            return
        self._told_until[name] = now + DAY
        if self._is_due(name, now):
            LOG.warning("%s", message.replace("{page}", self._page))

    def tell_shared(self) -> None:
        """Warn that other programs seem to use the refresh token too."""
        self.tell(
            "shared",
            "another program seems to use this refresh token, and each replaces the other's access token:"
            " create one for each at {page}, or one that several jobs share",
        )

    def _is_due(self, name: str, now: float) -> bool:
        """Whether the last notice is a day old; if so, record a new one. The caller holds the cache's lock."""
        last = self._cache.read(name) or {}
        said_at = last.get("said_at")
        if last.get("boot") == boot_id() and isinstance(said_at, float | int) and 0 <= now - said_at < DAY:
            return False
        self._cache.write(name, {"boot": boot_id(), "said_at": now})
        return True
