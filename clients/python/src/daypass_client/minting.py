"""Mint an access token at the server, in Alation's dialect or Daypass's own, or raise the error that says why not."""

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from daypass_client import errors
from daypass_client.errors import (
    ConfigurationError,
    DaypassError,
    MintingRefused,
    NotNow,
    RateLimited,
    ServerUnavailable,
    WrongAddress,
)
from daypass_client.secrecy import Secret, remember, shown, without_secrets
from daypass_client.settings import Settings

TIMEOUTS = (5, 15)
"""Seconds to connect, and to wait for the answer."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0

LONGEST_DETAIL = 200

Members = dict[str, Any]

REFUSALS: dict[str, tuple[type[DaypassError], str]] = {
    "token_expired": (
        errors.RefreshTokenExpired,
        "The refresh token {token} has expired. Regenerate it, or create another, at {page}",
    ),
    "token_revoked": (
        errors.RefreshTokenRevoked,
        "The refresh token {token} was revoked, or has a new secret. If you do not know why, ask an administrator;"
        " create another at {page}",
    ),
    "token_unknown": (
        errors.RefreshTokenUnknown,
        "{url} does not know this refresh token {token}. Check that all of it was copied, and that it was created"
        " at {page}",
    ),
    "user_id_mismatch": (
        errors.UserIdMismatch,
        "The refresh token {token} belongs to another user id. Set DAYPASS_USER_ID to the one shown at {page}",
    ),
    "owner_disabled": (
        errors.OwnerDisabled,
        "The user that the refresh token {token} belongs to is disabled. Ask an administrator of {page}",
    ),
}
"""By the server's `reason`."""

REFUSALS["token_malformed"] = REFUSALS["token_unknown"]  # the server's hint says what is wrong

ALATION_SAYS: dict[str, tuple[type[DaypassError], str]] = {
    "Refresh token provided is invalid.": REFUSALS["token_unknown"],
    "Refresh token provided is expired or revoked.": (
        errors.RefreshTokenRefused,
        "The refresh token has expired, or was revoked. Create another at {page}",
    ),
}
"""By `detail`: Alation itself gives no reason."""


@dataclass(frozen=True)
class Minted:
    """A new access token, and the seconds until it and its refresh token expire; None: unknown.

    `seems_shared`: the server says that programs on other machines seem to use the same refresh token.
    """

    token: Secret
    seconds_left: float | None
    refresh_seconds_left: float | None
    seems_shared: bool = False


class Minter:
    """Mints from one refresh token. `verify`: as in ``requests``."""

    def __init__(self, settings: Settings, verify: bool | str) -> None:
        self._settings = settings
        self._verify = verify

    def mint(self, patience: float) -> Minted:
        """Mint; wait at most `patience` seconds for a server that is unavailable or busy."""
        deadline = time.monotonic() + patience
        pause = FIRST_PAUSE
        while True:
            try:
                return self._once()
            except NotNow as error:
                left = deadline - time.monotonic()
                # Random, so that not all clients call at once when a server is back.
                wait = error.retry_after or min(pause * random.uniform(0.5, 1), left)
                if left <= 0 or wait > left:
                    raise
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _once(self) -> Minted:
        answer = self._ask()
        if answer.is_redirect:
            location = without_secrets(answer.headers["location"])
            raise WrongAddress(f"{self._settings.url} redirects to {location}. Set DAYPASS_URL to the right address.")
        members = _members(answer)
        if answer.status_code in (200, 201):
            return self._minted(answer, members)
        raise self._refusal(answer, members)

    def _ask(self) -> requests.Response:
        """Use a new connection: others may be shared with a forked process or other threads."""
        body: Members = {"refresh_token": self._settings.refresh_token}
        path = "/api/v1/access-tokens"
        if self._settings.user_id is not None:
            body["user_id"] = self._settings.user_id
            path = "/integration/v1/createAPIAccessToken/"
        with requests.Session() as session:
            session.headers["User-Agent"] = "daypass-client/0.1"
            session.auth = _nothing  # otherwise requests reads .netrc
            try:
                return session.post(
                    self._settings.url + path, json=body, timeout=TIMEOUTS, verify=self._verify, allow_redirects=False
                )
            except (OSError, ValueError) as error:  # the former includes those of requests
                problem, is_setting = without_secrets(str(error))[:LONGEST_DETAIL], is_of_settings(error)
        # Outside, because the exception of requests holds the request with the refresh token.
        if is_setting:
            raise ConfigurationError(f"{self._settings.url} cannot be called with these settings: {problem}")
        raise ServerUnavailable(f"{self._settings.url} cannot be reached: {problem}")

    def _minted(self, answer: requests.Response, members: Members) -> Minted:
        text = members.get("api_access_token") or members.get("secret")
        if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
            raise self._no_daypass(answer)
        return Minted(remember(text), *_seconds_left(answer, members), members.get("seems_shared") is True)

    def _refusal(self, answer: requests.Response, members: Members) -> DaypassError:
        status = answer.status_code
        detail = without_secrets(str(members.get("detail") or f"HTTP status {status}"))[:LONGEST_DETAIL]
        known = REFUSALS.get(str(members.get("reason"))) if "reason" in members else ALATION_SAYS.get(detail)
        if known is not None and status in (401, 403):
            kind, text = known
            names = {"token": shown(self._settings.refresh_token), "url": self._settings.url}
            return kind(text.format(page=self._settings.page, **names) + "." + _hint(members))
        if status == 429 or status >= 500:
            return self._not_now(answer, detail)
        if status in (404, 405) or not members:
            return self._no_daypass(answer)
        return MintingRefused(
            f"{self._settings.url} refused the request: {detail} (see {self._settings.page})." + _hint(members)
        )

    def _not_now(self, answer: requests.Response, detail: str) -> NotNow:
        kind = RateLimited if answer.status_code == 429 else ServerUnavailable
        after = _retry_after(answer)
        when = f"in {after:.0f} seconds" if after else "later"
        error = kind(f"{self._settings.url} cannot create an access token now ({detail}). Try again {when}.")
        error.retry_after = after
        return error

    def _no_daypass(self, answer: requests.Response) -> WrongAddress:
        return WrongAddress(
            f"No Daypass answers at {self._settings.url} (HTTP status {answer.status_code}). Check that DAYPASS_URL is"
            " right, and that DAYPASS_USER_ID is set if the server is Alation."
        )


def is_of_settings(error: OSError | ValueError) -> bool:
    """Whether a call failed because of an address or a file with certificates, so that trying again does not help.

    ``requests`` raises plain OSErrors for files with certificates, and urllib3 plain ValueErrors for hosts.
    """
    return isinstance(error, ValueError) or not isinstance(error, requests.RequestException)


def _hint(members: Members) -> str:
    """What the server says is wrong with the text of the refresh token, if anything; servers before it say nothing."""
    hint = members.get("hint")
    return f" {' '.join(without_secrets(hint).split())[:LONGEST_DETAIL]}" if isinstance(hint, str) and hint else ""


def _nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _members(answer: requests.Response) -> Members:
    try:
        members = answer.json()
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _seconds_left(answer: requests.Response, members: Members) -> tuple[float | None, float | None]:
    """Of the access token and its refresh token: differences between the server's times, without our clock."""
    ends = _instant(members.get("token_expires_at") or members.get("expires_at"))
    created = _instant(members.get("created_at"))
    header = answer.headers.get("Token-Expires-In", "")
    left = float(header) if header.isdecimal() else (ends - created).total_seconds() if ends and created else None
    refresh_ends = _instant(answer.headers.get("Refresh-Token-Expires-At") or members.get("refresh_token_expires_at"))
    if ends is None or left is None or refresh_ends is None:
        return left, None
    return left, left + (refresh_ends - ends).total_seconds()


def _instant(text: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _retry_after(answer: requests.Response) -> float | None:
    """Seconds; a date counts from the server's ``Date``."""
    header = answer.headers.get("Retry-After", "").strip()
    if header.isdecimal():
        return float(header)
    try:
        seconds = parsedate_to_datetime(header) - parsedate_to_datetime(answer.headers.get("Date", ""))
    except (ValueError, TypeError):  # TypeError if only one of them has an offset
        return None
    return max(0.0, seconds.total_seconds())
