"""When to rotate a refresh token, once per machine, and what to say where that is not possible."""

from collections.abc import Callable
from dataclasses import replace

from daypass_client.cache import Cache
from daypass_client.credential import Credential
from daypass_client.errors import DaypassError, NotNow, WrongAddress
from daypass_client.held import Held, mark_of, refresh_members
from daypass_client.machine_clock import Clock, boot_id
from daypass_client.minting import RefreshLife
from daypass_client.notice import Notice

ROTATE_AT = 0.8
"""As a part of the life of the refresh token."""

NEXT_TRY_SECONDS = 300.0
"""After a rotation that was not possible; at most, where trying again may help."""

FIRST_PAUSE_SECONDS = 1.0
"""Where it may; then twice as long each time."""

NEWS_SECONDS = 12 * 3600.0
"""An access token is replaced after that at the latest: the server says then whether another machine has rotated."""

LOCK_SECONDS = 1.0
"""Until the next look at a lock that another process holds."""

DAY = 86_400.0

COUNTED_SECONDS = 60.0
"""Less of a life is not compared: the server's times are whole seconds."""


class Rotation:
    """Rotates a credential that has a place. `part`: of its life, after which it is due."""

    def __init__(self, credential: Credential, cache: Cache, notice: Notice, clock: Clock, part: float) -> None:
        self._credential = credential
        self._cache = cache
        self._notice = notice
        self._clock = clock
        self._part = part
        self._not_before = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    def is_due(self, held: Held) -> bool:
        """Whether to rotate now, by what the server said about the secret in use when it gave this access token."""
        now = self._clock()
        if now < self._not_before or not self.knows(held):
            return False
        return held.refresh_is_old or self._is_late(held, now)

    def knows(self, held: Held) -> bool:
        """Whether what the server said was about the secret in use."""
        return held.refresh_mark == mark_of(self._credential.secret)

    def _is_late(self, held: Held, now: float) -> bool:
        if held.refresh_ends_at is None or held.refresh_seconds is None:
            return False
        return now >= held.refresh_ends_at - (1 - self._part) * held.refresh_seconds

    def look_at(self, life: RefreshLife) -> None:
        """Say so where the server tells nothing that a rotation could go by."""
        if life.seconds is None and not life.is_old:
            self._notice.tell(
                "rotation",
                "the server has no rotation with an overlap, so the refresh token is not rotated: regenerate it in time"
                " at {page}",
            )

    def try_again_soon(self) -> None:
        """Another process holds the lock, or there is none: then say so."""
        self._not_before = self._clock() + LOCK_SECONDS
        if not self._cache.is_usable:
            self._postpone(NEXT_TRY_SECONDS)
            self._notice.tell("rotation", "the refresh token is not rotated without a folder for its lock: see above")

    def attempt(self, held: Held, mint: Callable[[], Held]) -> Held:
        """`held` after a rotation, or unchanged where it is not possible, which the log says once a day."""
        paused_until = self._paused_until()
        if self._clock() < paused_until:
            self._not_before = paused_until
            return held
        try:
            held = self.with_news(held, mint)
            return self.rotate(held, mint)
        except WrongAddress:  # it has just given an access token
            self._postpone(DAY)
            self.look_at(RefreshLife())
        except DaypassError as error:
            self._postpone(self._pause_after(error))
            self._notice.tell("rotation", f"the refresh token could not be rotated, its old secret is in use: {error}")
        return held

    def _pause_after(self, error: DaypassError) -> float:
        if not isinstance(error, NotNow):
            return NEXT_TRY_SECONDS
        self._pause = min(2 * self._pause, NEXT_TRY_SECONDS)
        return max(self._pause / 2, error.retry_after or 0.0)

    def with_news(self, held: Held, mint: Callable[[], Held]) -> Held:
        """`held`, or a new access token where the server must say first whether another machine has rotated."""
        place = self._credential.place
        return mint() if place is not None and place.is_shared and not held.refresh_is_old else held

    def rotate(self, held: Held, mint: Callable[[], Held]) -> Held:
        """`held` after a rotation; raises what prevented it. The caller holds the locks. `mint`: get another."""
        began = self._clock()
        life = self._credential.rotate(held.refresh_is_old)
        self._pause = FIRST_PAUSE_SECONDS
        if life is None:
            return mint()
        after = replace(held, **refresh_members(life, began, self._credential.secret))
        if not held.refresh_is_old and _is_at_limit(held, after, began):
            assert after.refresh_ends_at is not None
            self._postpone(after.refresh_ends_at - began)
        return after

    def _postpone(self, seconds: float) -> None:
        self._not_before = self._clock() + seconds
        self._cache.write("pause", {"boot": boot_id(), "not_before": self._not_before})

    def _paused_until(self) -> float:
        """When a process of this machine that could not rotate wants to try again."""
        members = self._cache.read("pause") or {}
        until = members.get("not_before")
        return until if members.get("boot") == boot_id() and isinstance(until, float) else 0.0


def _is_at_limit(before: Held, after: Held, now: float) -> bool:
    """Whether the rotation gave no new life: the token has the longest one allowed, and the next ones are useless."""
    if before.refresh_ends_at is None or before.refresh_seconds is None or after.refresh_ends_at is None:
        return False
    lived = before.refresh_seconds - (before.refresh_ends_at - now)
    return lived > COUNTED_SECONDS and after.refresh_ends_at - before.refresh_ends_at < lived / 2
