"""When to mint, and only once: all threads and processes of this machine share one access token per refresh token."""

import copy
import logging
import os
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path

from daypass_client.cache import Cache, default_folder
from daypass_client.credential import Credential
from daypass_client.errors import ConfigurationError, DaypassError, NotNow, RateLimited, RefreshTokenRefused
from daypass_client.held import Held, held_from, held_of
from daypass_client.machine_clock import boot_id, machine_clock
from daypass_client.minting import Minted, Minter
from daypass_client.notice import Notice
from daypass_client.rotating import NEWS_SECONDS, ROTATE_AT, Rotation
from daypass_client.secrecy import Secret
from daypass_client.server import Server
from daypass_client.settings import Options, settings_from

LOG = logging.getLogger("daypass_client")

PATIENCE_SECONDS = 30.0

NEXT_TRY_SECONDS = 30.0
"""After a failed replacement, while the old token is still active."""


@dataclass
class Slot:
    """State that the threads of a process share for one refresh token.

    `refused`: the latest refused access tokens. `told`, `told_at`: the server said for how long not to ask.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    held: Held | None = None
    failure: DaypassError | None = None
    told: RateLimited | None = None
    told_at: float = 0.0
    refused: deque[str] = field(default_factory=lambda: deque(maxlen=32))


_slots: dict[str, Slot] = {}


def _forget_locks() -> None:
    """After a fork, the thread that holds a lock does not exist in the child, and would never release it."""
    for slot in _slots.values():
        slot.lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_locks)


class TokenSource:
    """Active access tokens, for any number of threads; sources with the same refresh token share their state."""

    def __init__(self, options: Options) -> None:
        self.settings = settings_from(options)
        folder = options.get("cache_folder")
        folder = Path(folder) if folder else default_folder()
        self._slot = _slots.setdefault(f"{self.settings.key}|{folder}", Slot())
        self._cache = Cache(folder, self.settings.key)
        self._clock = options.get("clock", machine_clock)
        self._patience = options.get("patience", PATIENCE_SECONDS)
        server = Server(self.settings, options.get("verify", True))
        self._notice = Notice(self._cache, self.settings.page, self._clock, options.get("on_expiring"))
        self._credential = Credential(self.settings.refresh_token, self.settings.place, server)
        self._rotation: Rotation | None = None
        if self.settings.rotates and self.settings.place is not None:
            part = options.get("rotate_at", ROTATE_AT)
            self._rotation = Rotation(self._credential, self._cache, self._notice, self._clock, part)
        elif self.settings.rotates:
            self._notice.tell("rotation", "the refresh token is not rotated: it is not of a Daypass")
        # Only Daypass's own dialect says that a secret is old.
        self._minter = Minter(server, None if self._rotation is not None else self.settings.user_id)

    @property
    def refresh_token(self) -> Secret:
        """The secret in use."""
        return self._credential.secret

    def token(self) -> Secret:
        """An access token that is active as far as is known."""
        held = self._slot.held
        if not self._is_usable(held):
            held, _ = self._obtain()
        assert held is not None
        if self._rotation is not None and self._rotation.is_due(held):
            held = self._rotated(held, self._rotation)
        self._notice.consider(held.refresh_ends_at)
        return held.token

    def rotate(self, only_if_due: bool) -> bool:
        """Rotate now, unless it is not due; whether it was. Raises what prevents it."""
        rotation = self._rotation
        if rotation is None:
            raise ConfigurationError("The refresh token is not of a Daypass, and cannot be rotated.")
        with self._slot.lock, self._cache.locked(self._patience) as is_locked:
            if not is_locked:
                raise NotNow("The refresh token cannot be rotated without the lock in the cache folder.")
            held = self._cached()
            if held is None or not self._is_usable(held) or not rotation.knows(held):
                held = self._mint_and_keep()
            if only_if_due and not rotation.is_due(held):
                return False
            held = rotation.with_news(held, self._mint_and_keep)
            self._slot.held = rotation.rotate(held, self._mint_and_keep)
            self._keep(self._slot.held)
            return True

    def _rotated(self, held: Held, rotation: Rotation) -> Held:
        """`held` after a rotation, unless a thread or process is at it; nobody waits, for the token works."""
        slot = self._slot
        if not slot.lock.acquire(blocking=False):
            return held
        try:
            with self._cache.locked(0) as is_locked:
                for known in (slot.held, self._cached()):
                    if known is not None and self._is_usable(known) and not rotation.is_due(known):
                        slot.held = known
                        return known
                if not is_locked:
                    rotation.try_again_soon()
                    return held
                slot.held = rotation.attempt(held, lambda: self._mint_and_keep(0))
                self._keep(slot.held)
                return slot.held
        finally:
            slot.lock.release()

    def after_refusal(self, refused: str) -> tuple[Secret, bool]:
        """Another access token after a refusal, and whether it was minted now.

        If not, it may be an older one that another thread or process minted.
        """
        self.forget(refused)
        held, was_minted = self._obtain()
        return held.token, was_minted

    def forget(self, refused: str) -> None:
        """Never return this token again."""
        if refused not in self._slot.refused:
            self._slot.refused.append(refused)

    def _obtain(self) -> tuple[Held, bool]:
        slot, failure_before = self._slot, self._slot.failure
        with slot.lock:
            for held in (slot.held, self._cached()):
                if held is not None and self._is_usable(held):
                    slot.held = held
                    return held, False
            if slot.failure is not None and slot.failure is not failure_before:
                raise copy.copy(slot.failure)  # failed while this thread waited: do not try again
            try:
                slot.held, was_minted = self._renew()
            except DaypassError as error:
                slot.failure = copy.copy(error)
                raise
            return slot.held, was_minted

    def _rest(self) -> None:
        """Do not ask a server again that said how long not to; a clock that was set back does not prolong it."""
        told, passed = self._slot.told, self._clock() - self._slot.told_at
        left = (told.retry_after or 0) - passed if told is not None else 0
        if left <= 0 or passed < 0:
            return
        waiting = RateLimited(f"Not asked again, try again in {left:.0f} seconds. Before: {told}")
        waiting.retry_after = left
        raise waiting

    def _renew(self) -> tuple[Held, bool]:
        """Mint, unless another process has. While an old token works, an unavailable server is no failure."""
        old = next((held for held in (self._slot.held, self._cached()) if self._still_works(held)), None)
        if old is None:
            self._rest()
        patience = self._patience if old is None else 0.0
        deadline = time.monotonic() + patience
        with self._cache.locked(self._patience):
            held = self._cached()
            if held is not None and self._is_usable(held):
                return held, False
            try:
                held = self._mint(max(0.0, deadline - time.monotonic()))
            except NotNow as error:
                if old is None:
                    if isinstance(error, RateLimited):
                        self._slot.told, self._slot.told_at = copy.copy(error), self._clock()
                    raise
                LOG.warning("could not replace the access token before it expires: %s", error)
                pause = max(NEXT_TRY_SECONDS, error.retry_after or 0)
                return replace(old, renew_at=min(old.ends_at, self._clock() + pause)), False
            self._keep(held)
            return held, True

    def _mint_and_keep(self, patience: float | None = None) -> Held:
        self._slot.held = self._mint(self._patience if patience is None else patience)
        self._keep(self._slot.held)
        return self._slot.held

    def _mint(self, patience: float) -> Held:
        began = self._clock()
        LOG.debug("requesting an access token from %s", self.settings.url)
        secret, minted = self._minted(patience)
        if minted.seems_shared:
            self._notice.tell_shared()
        if self._rotation is not None:
            self._rotation.look_at(minted.refresh)
        return held_from(minted, began, secret, inf if self._rotation is None else NEWS_SECONDS)

    def _minted(self, patience: float) -> tuple[Secret, Minted]:
        """A new access token, and the secret that it is of; where that is old or refused, look for a new one."""
        credential = self._credential
        secret = credential.secret
        try:
            minted = self._minter.mint(secret, patience)
        except RefreshTokenRefused:
            if not credential.reread():
                raise
            secret = credential.secret
            minted = self._minter.mint(secret, patience)
        if minted.refresh.is_old and not credential.reread() and self._rotation is None:
            hours = (minted.refresh.seconds_left or 0) / 3600
            self._notice.tell(
                "old", f"the refresh token has a new secret, and the one in use works for {hours:.0f} more hours"
            )
        return secret, minted

    def _still_works(self, held: Held | None) -> bool:
        return held is not None and self._clock() < held.ends_at and held.token not in self._slot.refused

    def _is_usable(self, held: Held | None) -> bool:
        # A token from the future: the clock was set back, and its times are wrong.
        return held is not None and held.made_at <= self._clock() < held.renew_at and self._still_works(held)

    def _keep(self, held: Held) -> None:
        self._cache.write("token", asdict(held) | {"boot": boot_id()})

    def _cached(self) -> Held | None:
        return held_of(self._cache.read("token") or {}, self._clock())
