"""Devices where accounts signed in before, by a cookie that the browser keeps.

The cookie proves just that: it opens nothing, and who has stolen it has a few attempts at the password. So it outlives
sessions and passwords: during an attack, a new password is entered on a device that is known.

    <device> "~" <day> "-" <seal> ["~" <day> "-" <seal> …]

`device`: random. A seal for each account, latest first: of the device, the account and the day of the sign-in, counted
from 1970. Not here: what a known device is good for (``throttling``).
"""

import re
import secrets
from datetime import timedelta

from app.domain.clock import Clock
from app.domain.identity import canonical_username
from app.domain.seals import Seal

KEPT_FOR = timedelta(days=180)
"""How long after a sign-in a device is known for the account."""

MOST_ACCOUNTS = 8
SEAL_DIGITS = 32
SEAL = rf"~[0-9]{{1,6}}-[0-9a-f]{{{SEAL_DIGITS}}}"
COOKIE = re.compile(rf"(?P<device>[A-Za-z0-9_-]{{22}})(?P<seals>({SEAL}){{0,{MOST_ACCOUNTS}}})")


class KnownDevices:
    """Reads and writes the cookie. `key`: a secret of the instance."""

    def __init__(self, clock: Clock, key: bytes) -> None:
        self._clock = clock
        self._seal = Seal(key, "known device")

    def find(self, cookie: str | None, username: str) -> str | None:
        """The device, where this account signed in before; None where the cookie does not prove it."""
        device, seals = _parse(cookie)
        account = canonical_username(username)
        is_known = account is not None and any(self._is_of(seal, device, account) for seal in seals)
        return device if is_known else None

    def add(self, cookie: str | None, username: str) -> str:
        """The cookie of a device where this account has just signed in."""
        device, seals = _parse(cookie)
        account = canonical_username(username) or ""
        others = [seal for seal in seals if not self._is_of(seal, device, account)]
        return "~".join([device, self._sealed(device, account, self._today()), *others[: MOST_ACCOUNTS - 1]])

    def _is_of(self, seal: str, device: str, account: str) -> bool:
        day = int(seal.partition("-")[0])
        is_recent = self._today() - day < KEPT_FOR.days
        return secrets.compare_digest(seal, self._sealed(device, account, day)) and is_recent

    def _sealed(self, device: str, account: str, day: int) -> str:
        return f"{day}-{self._seal.of(device, account, str(day))[:SEAL_DIGITS]}"

    def _today(self) -> int:
        return int(self._clock().timestamp()) // 86400


def _parse(cookie: str | None) -> tuple[str, list[str]]:
    """The device and its seals; a new device without seals for anything that is no such cookie."""
    found = COOKIE.fullmatch(cookie or "")
    if found is None:
        return secrets.token_urlsafe(16), []
    return found["device"], [seal for seal in found["seals"].split("~") if seal]
