"""Instance settings: lifetimes and policies that an administrator changes while the service runs.

Each is declared once, in :class:`Policy` or a base of it; commands, pages, the API and refusals derive from it.
Not here: deployment settings (``config``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from app.domain.identity import ApiTokens, User
from app.domain.limit_settings import LimitSettings
from app.domain.reissue import Reissue
from app.domain.retention_settings import RetentionSettings
from app.domain.second_factor_settings import SecondFactorSettings
from app.domain.setting import (
    DAYS,
    HOURS,
    SECONDS,
    SWITCH,
    Affects,
    Counted,
    From,
    Group,
    Kind,
    Setting,
    Widens,
)
from app.domain.sign_in_settings import OLD_REMAIN, SignInSettings

LONGEST_LIFETIME = timedelta(days=36_500)
"""A hundred years: dates end at the year 9999."""

WHO = "Off: only administrators and users who are allowed individually. On or off, a user who is denied can't."
BY_TOKEN = "create refresh tokens, request access tokens from them, and regenerate them"
TO_GRANT = "create users, give rights, and change settings so that they allow more"


@dataclass(frozen=True)
class Policy(SignInSettings, SecondFactorSettings, LimitSettings, RetentionSettings):
    """All instance settings, parsed. A maximum of None is unlimited.

    `values`: by key; the attributes read them.
    """

    values: Mapping[str, Any]

    refresh_token_lifespan = Setting(
        DAYS, "60", low=1, high=3650, group=Group.LIFETIMES, label="Refresh token lifetime", effective=From.NEW_TOKENS,
        help="How long a refresh token works from when it is created or regenerated, unless a shorter life is chosen.",
        affects=(Affects(Counted.ACTIVE_REFRESH_TOKENS, "Active ones keep their expiration until they are regenerated.",
                         example="A refresh token created now expires on {} at the latest.", is_unaffected=True),),
        alias="alation.authentication.token.refresh_token_lifespan",
    )  # fmt: skip
    access_token_lifespan = Setting(
        HOURS, "24", low=1, high=720, group=Group.LIFETIMES, label="Access token lifetime", effective=From.NEW_TOKENS,
        help="How long an access token of a refresh token works; never longer than its refresh token.",
        affects=(Affects(Counted.ACTIVE_ACCESS_TOKENS, "Active ones keep their expiration.", is_unaffected=True,
                         example="An access token requested now expires on {} at the latest."),),
        alias="alation.authentication.token.access_token_lifespan",
    )  # fmt: skip
    access_token_reissue = Setting(
        Kind(Reissue, choices=tuple(Reissue), labels=("Replace it", "Replace it after an overlap", "Return it again")),
        "replace", group=Group.LIFETIMES, label="When another access token is requested", effective=From.NEXT_MINT,
        help="What happens to the one that is active: it stops at once, it works on for the overlap, or it is returned "
             "again while at least half of its lifetime is left, and after that works on for the overlap. A refresh "
             "token that several jobs share has a choice of its own.",
        affects=(Affects(Counted.REFRESH_TOKENS_MINTING_OTHERWISE, "Each from its next request for an access token on. "
                         "Access tokens that were replaced already keep their expiration."),),
    )  # fmt: skip
    access_token_overlap = Setting(
        SECONDS, "60", low=1, high=86_400, suffix="_seconds", group=Group.LIFETIMES, label="Overlap of access tokens",
        help="How long a replaced access token still works, where there is an overlap.", effective=From.NEXT_MINT,
        affects=(Affects(Counted.REFRESH_TOKENS_MINTING_OTHERWISE, "Each from its next request for an access token on. "
                         "Access tokens that were replaced already keep their expiration."),),
    )  # fmt: skip
    refresh_token_overlap = Setting(
        HOURS, "24", low=0, high=168, suffix="_hours", group=Group.LIFETIMES, label="Overlap of rotated refresh tokens",
        help="How long the old secret of a refresh token works on after a rotation; 0: it stops at once.", zero="none",
        effective=From.NEXT_ROTATION,
        affects=(Affects(Counted.ACTIVE_REFRESH_TOKENS, "Each from its next rotation on. Present overlaps stay."),),
    )  # fmt: skip
    refresh_token_max_life = Setting(
        DAYS, "0", low=0, high=3650, suffix="_days", zero="unlimited", group=Group.LIFETIMES,
        label="Longest life of a refresh token", effective=From.NEW_TOKENS,
        help="How long one works from when it was created, however often it is rotated or regenerated; 0: unlimited.",
        affects=(Affects(Counted.ACTIVE_REFRESH_TOKENS, "Active ones keep their expiration.", is_unaffected=True),),
    )  # fmt: skip
    api_tokens_enabled = Setting(
        SWITCH, "on", group=Group.API_TOKENS, label="Allow API tokens", effective=From.AT_ONCE,
        help="Off: none is created, and none works until this is on again.",
        affects=(Affects(Counted.SINGLE_TIER_TOKENS, "They work again.", "They stop working until this is on again."),),
    )  # fmt: skip
    api_token_default_lifetime = Setting(
        DAYS, "365", low=1, high=36_500, suffix="_days", group=Group.API_TOKENS, label="Proposed API token lifetime",
        help="What the page proposes, if it is not longer than the longest lifetime.", effective=From.NEW_TOKENS,
        affects=(Affects(None, "Only what the page proposes; no token and no user is affected."),), widens=Widens.NEVER,
    )  # fmt: skip
    api_token_max_lifetime = Setting(
        DAYS.or_unlimited(), "-1", low=1, high=36_500, suffix="_days", group=Group.API_TOKENS,
        label="Longest API token lifetime", effective=From.NEW_TOKENS,
        help="What owners may choose at most; -1: unlimited, and tokens may never expire.",
        affects=(Affects(Counted.SINGLE_TIER_TOKENS, "Active ones keep their expiration.", is_unaffected=True,
                         example="An API token created now expires on {} at the latest."),),
    )  # fmt: skip
    refresh_tokens_for_users = Setting(
        SWITCH, "on", group=Group.PERMISSIONS, label="Users create refresh tokens", effective=From.AT_ONCE, help=WHO,
        affects=(Affects(Counted.UNDECIDED_USERS, "They may create refresh tokens.",
                         f"They may not create refresh tokens. {OLD_REMAIN}"),),
    )  # fmt: skip
    api_tokens_for_users = Setting(
        SWITCH, "off", group=Group.PERMISSIONS, label="Users create API tokens", effective=From.AT_ONCE, help=WHO,
        affects=(Affects(Counted.UNDECIDED_USERS, "They may create API tokens while API tokens are on.",
                         f"They may not create API tokens. {OLD_REMAIN}"),),
    )  # fmt: skip
    api_can_create_refresh_tokens = Setting(
        SWITCH, "off", group=Group.PERMISSIONS, label="Access tokens create tokens", effective=From.AT_ONCE,
        help=f"On: an access token is enough to {BY_TOKEN}, and one of a refresh token to create API tokens, as far as "
             "its owner may.",
        affects=(Affects(Counted.ACTIVE_ACCESS_TOKENS, f"They are enough to {BY_TOKEN}, as far as their owners may.",
                         f"They are not enough to {BY_TOKEN}. What was created with them is not affected."),),
    )  # fmt: skip
    api_can_manage_users = Setting(
        SWITCH, "off", group=Group.PERMISSIONS, label="Access tokens manage users and rights", effective=From.AT_ONCE,
        help=f"On: an administrator's access token is enough to {TO_GRANT}.",
        affects=(Affects(None, f"Access tokens of administrators are enough to {TO_GRANT}.",
                         f"Access tokens of administrators are not enough to {TO_GRANT}; they take rights away."),),
    )  # fmt: skip
    openapi_enabled = Setting(
        SWITCH, "on", group=Group.DOCUMENTS, label="Serve API documents", effective=From.AT_ONCE, widens=Widens.NEVER,
        help="Off: neither OpenAPI documents nor pages about them.",
        affects=(Affects(None, "Only the documents and the pages about them; no token and no user is affected."),),
    )  # fmt: skip

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> "Policy":
        """The policy of the stored values, with defaults for the others; ValueError where one is out of bounds."""
        return _policy_of(frozenset(stored.items()))

    def refresh_token_lifetime(self, chosen_days: int | None) -> timedelta:
        """How long a new or renewed refresh token works: as chosen for it, and never longer than the settings."""
        chosen = timedelta(days=chosen_days) if chosen_days else LONGEST_LIFETIME
        return min(chosen, self.refresh_token_lifespan, self.refresh_token_max_life or LONGEST_LIFETIME)

    def access_token_expiry(self, now: datetime, refresh_expires_at: datetime) -> datetime:
        """When an access token minted at `now` expires: after its lifespan, or with its refresh token if sooner."""
        return min(now + self.access_token_lifespan, refresh_expires_at)

    @property
    def proposed_api_token_lifetime(self) -> timedelta:
        """The default, or the maximum if that is less."""
        return min(self.api_token_default_lifetime, self.api_token_max_lifetime or self.api_token_default_lifetime)

    def reissue_of(self, chosen: str | None) -> Reissue:
        """The reissue policy of a refresh token: its own, or else the instance's."""
        return self.access_token_reissue if chosen is None else Reissue(chosen)

    def overlap_under(self, reissue: Reissue) -> timedelta:
        """How long a replaced access token still works; zero under `replace`."""
        return timedelta(0) if reissue is Reissue.REPLACE else self.access_token_overlap

    def allows_refresh_tokens(self, user: User) -> bool:
        """Whether this user may create refresh tokens."""
        return _allows(self.refresh_tokens_for_users, user)

    def allows_api_tokens(self, user: User) -> bool:
        """Whether this user may create single-tier tokens while these are enabled."""
        return _allows(self.api_tokens_for_users, user)


def _allows(users_may: bool, user: User) -> bool:
    """An individual decision takes precedence over the setting and over the role."""
    if user.api_tokens is ApiTokens.INHERIT:
        return users_may or user.is_administrator
    return user.api_tokens is ApiTokens.ALLOW


_DECLARED = [each for part in Policy.__mro__ for each in vars(part).values() if isinstance(each, Setting)]
INSTANCE_SETTINGS: tuple[Setting[Any], ...] = tuple(sorted(_DECLARED, key=lambda each: list(Group).index(each.group)))

_BY_NAME = {name: each for each in INSTANCE_SETTINGS for name in (each.key, each.alias) if name}


def find_setting(name: str) -> Setting[Any] | None:
    """The declaration by its key or its Alation alias."""
    return _BY_NAME.get(name)


@lru_cache
def _policy_of(stored: frozenset[tuple[str, str]]) -> Policy:
    """Cached: every mint reads it, and it seldom changes."""
    text = {each.key: each.default for each in INSTANCE_SETTINGS} | dict(stored)
    return Policy({each.key: each.kind.read(each.parse(text[each.key])) for each in INSTANCE_SETTINGS})
