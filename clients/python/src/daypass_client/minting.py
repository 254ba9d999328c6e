"""Mint an access token at the server, in Alation's dialect or Daypass's own."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from daypass_client.errors import NotNow
from daypass_client.secrecy import Secret
from daypass_client.server import Members, Server, http_date, instant

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0


@dataclass(frozen=True)
class RefreshLife:
    """Seconds until the refresh token expires, and of its whole life since it was created or rotated; None: unknown.

    `is_old`: it has a new secret, and this one stops working soon.
    """

    seconds_left: float | None = None
    seconds: float | None = None
    is_old: bool = False


@dataclass(frozen=True)
class Minted:
    """A new access token, the seconds until it expires (None: unknown), and what is known of its refresh token.

    `seems_shared`: the server says that programs on other machines seem to use the same refresh token.
    """

    token: Secret
    seconds_left: float | None
    refresh: RefreshLife
    seems_shared: bool = False


class Minter:
    """Mints from refresh tokens at a server; `user_id` None: in Daypass's own dialect."""

    def __init__(self, server: Server, user_id: int | None) -> None:
        self._server = server
        self._user_id = user_id

    def mint(self, secret: Secret, patience: float) -> Minted:
        """Mint; wait at most `patience` seconds for a server that is unavailable or busy."""
        deadline = time.monotonic() + patience
        pause = FIRST_PAUSE
        while True:
            try:
                return self._once(secret)
            except NotNow as error:
                left = deadline - time.monotonic()
                # Random, so that not all clients call at once when a server is back.
                wait = error.retry_after or min(pause * random.uniform(0.5, 1), left)
                if left <= 0 or wait > left:
                    raise
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _once(self, secret: Secret) -> Minted:
        path, more = "/api/v1/access-tokens", {}
        if self._user_id is not None:
            path, more = "/integration/v1/createAPIAccessToken/", {"user_id": self._user_id}
        token, members, headers = self._server.post(path, secret, ("api_access_token", "secret"), **more)
        left, refresh_left = _seconds_left(headers, members)
        refresh = RefreshLife(refresh_left, _refresh_seconds(headers, members), bool(members.get("old_secret_until")))
        return Minted(token, left, refresh, members.get("seems_shared") is True)


def life_after_rotation(headers: Mapping[str, str], members: Members) -> RefreshLife:
    """That of the refresh token in the answer to a rotation, by the server's clock."""
    ends, now = _refresh_ends(headers, members), http_date(headers.get("Date"))
    left = (ends - now).total_seconds() if ends and now else None
    return RefreshLife(left, _refresh_seconds(headers, members))


def _refresh_seconds(headers: Mapping[str, str], members: Members) -> float | None:
    """Seconds of the whole life of the refresh token, from when it was created or rotated; None: unknown."""
    began = instant(headers.get("Refresh-Token-Since"))
    ends = _refresh_ends(headers, members)
    return (ends - began).total_seconds() if began and ends else None


def _seconds_left(headers: Mapping[str, str], members: Members) -> tuple[float | None, float | None]:
    """Of the access token and its refresh token: differences between the server's times, without our clock."""
    ends = instant(members.get("token_expires_at") or members.get("expires_at"))
    created = instant(members.get("created_at"))
    header = headers.get("Token-Expires-In", "")
    left = float(header) if header.isdecimal() else (ends - created).total_seconds() if ends and created else None
    refresh_ends = _refresh_ends(headers, members)
    if ends is None or left is None or refresh_ends is None:
        return left, None
    return left, left + (refresh_ends - ends).total_seconds()


def _refresh_ends(headers: Mapping[str, str], members: Members) -> datetime | None:
    return instant(headers.get("Refresh-Token-Expires-At") or members.get("refresh_token_expires_at"))
