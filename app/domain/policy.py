"""Instance settings: the lifetimes and policies an administrator changes while the service runs.

Here each is declared once: name, unit, default, bounds, help. Commands, pages and refusals derive from it.
Not here: deployment settings (``config``), and how the values are stored (``app.services.instance_settings``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.identity import ApiTokens, User


class Reissue(StrEnum):
    """What minting does while an access token is active under the same refresh token.

    REPLACE: that one dies at once. OVERLAP: it lives on for a moment. REUSE: it is given again, while at least half of
    its life is left; after that as OVERLAP.
    """

    REPLACE = "replace"
    OVERLAP = "overlap"
    REUSE = "reuse"


@dataclass(frozen=True)
class InstanceSetting:
    """The declaration of one setting. A value is kept as text; :meth:`parse` refuses what is not one."""

    key: str
    default: str
    help: str
    unit: str = ""
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    alias: str | None = None
    may_be_unlimited: bool = False

    def parse(self, text: str) -> str:
        """The value in its one spelling; ValueError, with a sentence for a person, where it is none."""
        if self.choices:
            if text not in self.choices:
                raise ValueError(f"{self.key} must be {' or '.join(self.choices)}, not {text!r}")
            return text
        if self.may_be_unlimited and text == UNLIMITED:
            return text
        if self.low is None or self.high is None or not text.isascii() or not text.isdigit():
            raise ValueError(f"{self.key} must be a whole number of {self.unit}, not {text!r}")
        if len(text) > 9 or not self.low <= int(text) <= self.high:
            bounds = f"between {self.low} and {self.high} {self.unit}"
            or_none = f", or {UNLIMITED} for unlimited" if self.may_be_unlimited else ""
            raise ValueError(f"{self.key} must be {bounds}{or_none}, not {text}")
        return str(int(text))


ON_OFF = ("on", "off")
UNLIMITED = "-1"

LONGEST_LIFETIME = timedelta(days=36_500)
"""Beyond that, "never" is meant: a hundred years are no lifetime, and calendars end at the year 9999."""

INSTANCE_SETTINGS: tuple[InstanceSetting, ...] = (
    InstanceSetting(
        "refresh_token_lifespan", "60", "How long a new refresh token lives.", "days", 1, 3650,
        alias="alation.authentication.token.refresh_token_lifespan",
    ),
    InstanceSetting(
        "access_token_lifespan", "24", "How long a new access token lives; never longer than its refresh token.",
        "hours", 1, 720, alias="alation.authentication.token.access_token_lifespan",
    ),
    InstanceSetting(
        "access_token_reissue", "replace",
        "Minting while an access token is active: the old one dies at once, or after an overlap, or is given again.",
        choices=tuple(Reissue),
    ),
    InstanceSetting(
        "access_token_overlap_seconds", "60", "How long a replaced access token lives on under overlap and reuse.",
        "seconds", 1, 86400,
    ),
    InstanceSetting(
        "refresh_tokens_for_users", "on", "Off: only administrators create refresh tokens.", choices=ON_OFF
    ),
    InstanceSetting(
        "password_api_enabled", "on", "Off: no refresh token is created with a user name and a password.",
        choices=ON_OFF,
    ),
    InstanceSetting(
        "api_can_create_refresh_tokens", "off",
        "On: an access token is enough to make, mint from and regenerate its owner's refresh tokens.", choices=ON_OFF,
    ),
    InstanceSetting(
        "api_tokens_enabled", "on",
        "Off: no API token without a refresh token is made, and none works until this is on again.", choices=ON_OFF,
    ),
    InstanceSetting(
        "api_tokens_for_users", "off", "Off: only administrators, and users who are allowed to, make such API tokens.",
        choices=ON_OFF,
    ),
    InstanceSetting(
        "api_token_default_lifetime_days", "365", "The lifetime the web form proposes for an API token.",
        "days", 1, 36_500,
    ),
    InstanceSetting(
        "api_token_max_lifetime_days", UNLIMITED,
        "The longest lifetime of an API token; -1: unlimited, and tokens may never expire.",
        "days", 1, 36_500, may_be_unlimited=True,
    ),
    InstanceSetting("openapi_enabled", "on", "Off: neither OpenAPI documents nor pages about them.", choices=ON_OFF),
    InstanceSetting("retention_days", "90", "How long ended tokens are kept.", "days", 0, 3650),
    InstanceSetting(
        "max_refresh_tokens_per_user", "10000", "Refresh tokens one user may have alive at once.",
        "tokens", 1, 1_000_000,
    ),
)  # fmt: skip

_BY_NAME = {setting.key: setting for setting in INSTANCE_SETTINGS} | {
    setting.alias: setting for setting in INSTANCE_SETTINGS if setting.alias
}


def find_setting(name: str) -> InstanceSetting | None:
    """The declaration by its key or its Alation alias."""
    return _BY_NAME.get(name)


@dataclass(frozen=True)
class Policy:
    """All instance settings at one moment, in the types that rules need. A maximum of None is unlimited."""

    refresh_token_lifespan: timedelta
    access_token_lifespan: timedelta
    access_token_reissue: Reissue
    access_token_overlap: timedelta
    refresh_tokens_for_users: bool
    password_api_enabled: bool
    api_can_create_refresh_tokens: bool
    api_tokens_enabled: bool
    api_tokens_for_users: bool
    api_token_default_lifetime: timedelta
    api_token_max_lifetime: timedelta | None
    openapi_enabled: bool
    retention: timedelta
    max_refresh_tokens_per_user: int

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> "Policy":
        """The policy of the stored values, with defaults for the others.

        ValueError where a stored value is out of its bounds: whoever wrote it did not go through Daypass.
        """
        value = {each.key: each.parse(stored.get(each.key, each.default)) for each in INSTANCE_SETTINGS}
        return cls(
            refresh_token_lifespan=timedelta(days=int(value["refresh_token_lifespan"])),
            access_token_lifespan=timedelta(hours=int(value["access_token_lifespan"])),
            access_token_reissue=Reissue(value["access_token_reissue"]),
            access_token_overlap=timedelta(seconds=int(value["access_token_overlap_seconds"])),
            refresh_tokens_for_users=value["refresh_tokens_for_users"] == "on",
            password_api_enabled=value["password_api_enabled"] == "on",
            api_can_create_refresh_tokens=value["api_can_create_refresh_tokens"] == "on",
            api_tokens_enabled=value["api_tokens_enabled"] == "on",
            api_tokens_for_users=value["api_tokens_for_users"] == "on",
            api_token_default_lifetime=timedelta(days=int(value["api_token_default_lifetime_days"])),
            api_token_max_lifetime=_days_or_unlimited(value["api_token_max_lifetime_days"]),
            openapi_enabled=value["openapi_enabled"] == "on",
            retention=timedelta(days=int(value["retention_days"])),
            max_refresh_tokens_per_user=int(value["max_refresh_tokens_per_user"]),
        )

    def access_token_expiry(self, now: datetime, refresh_expires_at: datetime) -> datetime:
        """When an access token minted at `now` ends: after its lifespan, or with its refresh token if sooner."""
        return min(now + self.access_token_lifespan, refresh_expires_at)

    @property
    def proposed_api_token_lifetime(self) -> timedelta:
        """What a form proposes: the default, as far as it is allowed."""
        return min(self.api_token_default_lifetime, self.api_token_max_lifetime or self.api_token_default_lifetime)

    def allows_refresh_tokens(self, user: User) -> bool:
        """Whether this user may create refresh tokens."""
        users_may = self.refresh_tokens_for_users or user.api_tokens is ApiTokens.ALLOW
        return user.api_tokens is not ApiTokens.DENY and (users_may or user.is_administrator)

    def allows_api_tokens(self, user: User) -> bool:
        """Whether this user may create single-tier API tokens, while there are any."""
        by_rule = self.api_tokens_for_users or user.is_administrator
        return user.api_tokens is not ApiTokens.DENY and (by_rule or user.api_tokens is ApiTokens.ALLOW)

    def reissue_of(self, chosen: str | None) -> Reissue:
        """What holds for a refresh token: what was chosen for it, or else what the instance has."""
        return self.access_token_reissue if chosen is None else Reissue(chosen)

    def overlap_under(self, reissue: Reissue) -> timedelta:
        """How long a replaced access token lives on; not at all under `replace`."""
        return timedelta(0) if reissue is Reissue.REPLACE else self.access_token_overlap


def _days_or_unlimited(value: str) -> timedelta | None:
    return None if value == UNLIMITED else timedelta(days=int(value))
