"""One call to the server with a refresh token in its body: the answer, or the error that says why not."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

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
    "owner_must_sign_in": (
        errors.OwnerMustSignIn,
        "The user that the refresh token {token} belongs to has not signed in for too long. Sign in at {page} with"
        " single sign-on; then it works again",
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


class Answer(NamedTuple):
    """A token, and all members and headers of the answer with it."""

    token: Secret
    members: Members
    headers: Mapping[str, str]


class Server:
    """The server of the settings. `verify`: as in ``requests``."""

    def __init__(self, settings: Settings, verify: bool | str) -> None:
        self._settings = settings
        self._verify = verify

    def post(self, path: str, secret: Secret, answers: Sequence[str], **members: object) -> Answer:
        """Send the refresh token and `members` in the body. `answers`: names of the member with the token asked for."""
        answer = self._ask(path, {"refresh_token": secret} | members)
        if answer.is_redirect:
            location = without_secrets(answer.headers["location"])
            raise WrongAddress(f"{self._settings.url} redirects to {location}. Set DAYPASS_URL to the right address.")
        found = _members(answer)
        if answer.status_code not in (200, 201):
            raise self._refusal(secret, answer, found)
        token = next((found[name] for name in answers if found.get(name)), None)
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
            raise self._no_daypass(answer)
        return Answer(remember(token), found, answer.headers)

    def _ask(self, path: str, body: Members) -> requests.Response:
        """Use a new connection: others may be shared with a forked process or other threads."""
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

    def _refusal(self, secret: Secret, answer: requests.Response, members: Members) -> DaypassError:
        status = answer.status_code
        detail = without_secrets(str(members.get("detail") or f"HTTP status {status}"))[:LONGEST_DETAIL]
        known = REFUSALS.get(str(members.get("reason"))) if "reason" in members else ALATION_SAYS.get(detail)
        if known is not None and status in (401, 403):
            kind, text = known
            names = {"token": shown(secret), "url": self._settings.url}
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


def instant(text: object) -> datetime | None:
    """A time of the server's; None if there is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def http_date(text: str | None) -> datetime | None:
    """A date of a header; None if it is none."""
    try:
        return parsedate_to_datetime(text or "")
    except ValueError:
        return None


def _retry_after(answer: requests.Response) -> float | None:
    """Seconds; a date counts from the server's ``Date``."""
    header = answer.headers.get("Retry-After", "").strip()
    if header.isdecimal():
        return float(header)
    then, now = http_date(header), http_date(answer.headers.get("Date"))
    if then is None or now is None or (then.tzinfo is None) != (now.tzinfo is None):
        return None
    return max(0.0, (then - now).total_seconds())
