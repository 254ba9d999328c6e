"""Instance settings: lifetimes and policies that an administrator changes while the service runs.

Each is declared once, in :class:`Policy`; commands, pages, the API, previews and refusals derive from it.
Not here: deployment settings (``config``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from app.domain.identity import ApiTokens, User
from app.domain.setting import (
    DAYS,
    HOURS,
    MINTS,
    REGENERATIONS,
    SECONDS,
    SWITCH,
    TOKENS,
    Affects,
    Counted,
    From,
    Kind,
    Setting,
    Widens,
)

LONGEST_LIFETIME = timedelta(days=36_500)
"""A hundred years: dates end at the year 9999."""

UNDECIDED = "Users who are neither administrators nor decided individually"
BY_TOKEN = "to create, mint from and regenerate their owner's refresh tokens"
TO_GRANT = "to create users, give rights and change settings so that they allow more"


class Reissue(StrEnum):
    """What a mint does while another access token of the refresh token is active.

    REPLACE: that one stops at once. OVERLAP: it works a while longer. REUSE: it is returned while at least half of its
    lifetime is left; after that as OVERLAP.
    """

    REPLACE = "replace"
    OVERLAP = "overlap"
    REUSE = "reuse"


@dataclass(frozen=True)
class Policy:
    """All instance settings, parsed. A maximum of None is unlimited.

    `values`: by key; the attributes read them.
    """

    values: Mapping[str, Any]

    refresh_token_lifespan = Setting(
        DAYS, "60", low=1, high=3650, group="Lifetimes", label="Refresh token lifetime",
        help="How long a new or regenerated refresh token works.", effective=From.NEW_TOKENS,
        affects=(Affects(Counted.ACTIVE_REFRESH_TOKENS, "Refresh tokens created or regenerated from now on get the new "
                         "lifetime; active ones keep their expiry.", is_unaffected=True),),
        alias="alation.authentication.token.refresh_token_lifespan",
    )  # fmt: skip
    access_token_lifespan = Setting(
        HOURS, "24", low=1, high=720, group="Lifetimes", label="Access token lifetime",
        help="How long a new access token works; never longer than its refresh token.", effective=From.NEW_TOKENS,
        affects=(Affects(Counted.ACTIVE_ACCESS_TOKENS, "Access tokens minted from now on get the new lifetime; active "
                         "ones keep their expiry.", is_unaffected=True),),
        alias="alation.authentication.token.access_token_lifespan",
    )  # fmt: skip
    api_token_default_lifetime = Setting(
        DAYS, "365", low=1, high=36_500, suffix="_days", group="Lifetimes", label="Proposed API token lifetime",
        help="The lifetime the web form proposes for an API token.", effective=From.NEW_TOKENS, widens=Widens.NEVER,
        affects=(Affects(None, "Only what the web form proposes; no token and no user is affected."),),
    )  # fmt: skip
    api_token_max_lifetime = Setting(
        DAYS.or_unlimited(), "-1", low=1, high=36_500, suffix="_days", group="Lifetimes",
        label="Longest API token lifetime", effective=From.NEW_TOKENS,
        help="The longest lifetime of an API token; -1: unlimited, and tokens may never expire.",
        affects=(Affects(Counted.SINGLE_TIER_TOKENS, "API tokens created from now on; active ones keep their expiry.",
                         is_unaffected=True),),
    )  # fmt: skip
    access_token_reissue = Setting(
        Kind(Reissue, choices=tuple(Reissue)), "replace", group="Minting", label="Reissue of access tokens",
        help="Minting while an access token is active: the old one stops at once, or after an overlap, or is reused.",
        effective=From.NEXT_MINT,
        affects=(Affects(Counted.REFRESH_TOKENS_MINTING_OTHERWISE, "Refresh tokens without a reissue policy of their "
                         "own, from their next mint on; access tokens replaced already keep their expiry."),),
    )  # fmt: skip
    access_token_overlap = Setting(
        SECONDS, "60", low=1, high=86_400, suffix="_seconds", group="Minting", label="Overlap of access tokens",
        help="How long a replaced access token still works under overlap and reuse.", effective=From.NEXT_MINT,
        affects=(Affects(Counted.REFRESH_TOKENS_MINTING_OTHERWISE, "Refresh tokens that mint under overlap or reuse, "
                         "from their next mint on; access tokens replaced already keep their expiry."),),
    )  # fmt: skip
    mints_per_hour = Setting(
        MINTS, "3600", low=60, high=1_000_000, group="Minting", label="Hourly mints per refresh token",
        help="How many access tokens one refresh token may mint in an hour; further requests are refused with 429.",
        effective=From.AT_ONCE,
        affects=(Affects(Counted.ACTIVE_REFRESH_TOKENS, "Each may mint that often; access tokens that were minted "
                         "are not affected."),),
    )  # fmt: skip
    mints_per_hour_per_user = Setting(
        MINTS, "36000", low=600, high=1_000_000, group="Minting", label="Hourly mints per user",
        help="How many access tokens all refresh tokens of one user together may mint in an hour.",
        effective=From.AT_ONCE,
        affects=(Affects(Counted.ENABLED_USERS, "Each may mint that often with all refresh tokens together; access "
                         "tokens that were minted are not affected."),),
    )  # fmt: skip
    regenerations_per_hour = Setting(
        REGENERATIONS, "60", low=6, high=10_000, group="Minting", label="Hourly regenerations per refresh token",
        help="How often one refresh token may be regenerated in an hour.", effective=From.AT_ONCE,
        affects=(Affects(Counted.ACTIVE_REFRESH_TOKENS, "Each may be regenerated that often; the current secrets "
                         "still work."),),
    )  # fmt: skip
    refresh_tokens_for_users = Setting(
        SWITCH, "on", group="Permissions", label="Users create refresh tokens", effective=From.AT_ONCE,
        help="Off: only administrators, and users allowed individually, create refresh tokens.",
        affects=(Affects(Counted.UNDECIDED_USERS, f"{UNDECIDED} can create refresh tokens.",
                         f"{UNDECIDED} can't create refresh tokens; those they have still work."),),
    )  # fmt: skip
    password_api_enabled = Setting(
        SWITCH, "on", group="Permissions", label="Refresh tokens by password", effective=From.AT_ONCE,
        help="Off: no refresh token is created with a user name and a password.",
        affects=(Affects(Counted.USERS_WITH_PASSWORD, "Users with a password can create refresh tokens with it.",
                         "Users with a password can't create refresh tokens with it; no token is affected."),),
    )  # fmt: skip
    api_can_create_refresh_tokens = Setting(
        SWITCH, "off", group="Permissions", label="Refresh tokens by access token", effective=From.AT_ONCE,
        help="On: an access token is enough to create, mint from and regenerate its owner's refresh tokens, and one of "
             "a refresh token to create API tokens.",
        affects=(Affects(Counted.ACTIVE_ACCESS_TOKENS, f"Access tokens are enough {BY_TOKEN}.",
                         f"Access tokens are not enough {BY_TOKEN}; all else they do still works."),),
    )  # fmt: skip
    api_can_manage_users = Setting(
        SWITCH, "off", group="Permissions", label="Users and rights by access token", effective=From.AT_ONCE,
        help="On: an administrator's access token is enough to create users, give rights, and change settings so that "
             "they allow more.",
        affects=(Affects(None, f"Access tokens of administrators are enough {TO_GRANT}.",
                         f"Access tokens of administrators are not enough {TO_GRANT}; they still take rights away."),),
    )  # fmt: skip
    api_tokens_enabled = Setting(
        SWITCH, "on", group="Permissions", label="API tokens", effective=From.AT_ONCE,
        help="Off: no API token without a refresh token is created, and none works until this is on again.",
        affects=(Affects(Counted.SINGLE_TIER_TOKENS, "API tokens without a refresh token work again.",
                         "API tokens without a refresh token stop working until this is on again."),),
    )  # fmt: skip
    api_tokens_for_users = Setting(
        SWITCH, "off", group="Permissions", label="Users create API tokens", effective=From.AT_ONCE,
        help="Off: only administrators, and users allowed individually, create API tokens without a refresh token.",
        affects=(Affects(Counted.UNDECIDED_USERS, f"{UNDECIDED} can create API tokens.",
                         f"{UNDECIDED} can't create API tokens; those they have still work."),),
    )  # fmt: skip
    max_refresh_tokens_per_user = Setting(
        TOKENS, "10000", low=1, high=1_000_000, group="Permissions", label="Refresh tokens per user",
        help="How many active refresh tokens one user may have.", effective=From.AT_ONCE,
        affects=(Affects(Counted.USERS_AT_THE_LIMIT, "Users with that many active refresh tokens can't create more; "
                         "those they have still work."),),
    )  # fmt: skip
    max_api_tokens_per_user = Setting(
        TOKENS, "10000", low=1, high=1_000_000, group="Permissions", label="API tokens per user",
        help="How many API tokens one user may have, expired ones included until they are deleted.",
        effective=From.AT_ONCE,
        affects=(Affects(Counted.USERS_AT_THE_API_TOKEN_LIMIT, "Users with that many API tokens can't create more; "
                         "those they have still work."),),
    )  # fmt: skip
    creations_per_hour = Setting(
        TOKENS, "3600", low=60, high=1_000_000, group="Permissions", label="Hourly new tokens per user",
        help="How many refresh tokens and API tokens together one user may create or regenerate in an hour.",
        effective=From.AT_ONCE,
        affects=(Affects(Counted.ENABLED_USERS, "Each may create that many; existing tokens are not affected."),),
    )  # fmt: skip
    retention = Setting(
        DAYS, "90", low=0, high=3650, suffix="_days", group="Retention", label="Retention of ended tokens",
        help="How long ended tokens are kept before they are deleted.", effective=From.NEXT_PURGE, widens=Widens.NEVER,
        affects=tuple(Affects(ended, "Ended tokens that the next purge keeps; those deleted before do not come back.",
                              "Ended tokens that the next purge deletes; a refresh token stays while one of its access "
                              "tokens does.") for ended in (Counted.ENDED_REFRESH_TOKENS, Counted.ENDED_ACCESS_TOKENS)),
    )  # fmt: skip
    audit = Setting(
        DAYS, "0", low=0, high=3650, suffix="_days", zero="unlimited", group="Retention",
        label="Retention of audit events", effective=From.NEXT_PURGE, widens=Widens.ANY,
        help="How long audit events are kept before they are deleted; 0: unlimited.",
        affects=(Affects(None, "Only audit events are affected: the oldest are deleted first, in whole sealed ranges. "
                         "A restore can't repeat the revocations of deleted events."),),
    )  # fmt: skip
    audit_high_volume = Setting(
        DAYS, "30", low=0, high=3650, suffix="_days", zero="the same as other events", group="Retention",
        label="Retention of high-volume audit events",
        help="The same for mints and refused attempts, of which there are many; 0: as long as other audit events.",
        effective=From.NEXT_PURGE, widens=Widens.ANY,
        affects=(Affects(None, "Only audit events of mints and refused attempts are affected. A restore needs those "
                         "since its backup."),),
    )  # fmt: skip
    openapi_enabled = Setting(
        SWITCH, "on", group="API documents", label="API documents", effective=From.AT_ONCE, widens=Widens.NEVER,
        help="Off: neither OpenAPI documents nor pages about them.",
        affects=(Affects(None, "Only the documents and the pages about them; no token and no user is affected."),),
    )  # fmt: skip

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> "Policy":
        """The policy of the stored values, with defaults for the others; ValueError where one is out of bounds."""
        return _policy_of(frozenset(stored.items()))

    def refresh_token_lifetime(self, chosen_days: int | None) -> timedelta:
        """How long a new or regenerated refresh token works: as chosen for it, and never longer than the setting."""
        return min(timedelta(days=chosen_days or LONGEST_LIFETIME.days), self.refresh_token_lifespan)

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


INSTANCE_SETTINGS: tuple[Setting[Any], ...] = tuple(each for each in vars(Policy).values() if isinstance(each, Setting))

_BY_NAME = {name: each for each in INSTANCE_SETTINGS for name in (each.key, each.alias) if name}


def find_setting(name: str) -> Setting[Any] | None:
    """The declaration by its key or its Alation alias."""
    return _BY_NAME.get(name)


@lru_cache
def _policy_of(stored: frozenset[tuple[str, str]]) -> Policy:
    """Cached: every mint reads it, and it seldom changes."""
    text = {each.key: each.default for each in INSTANCE_SETTINGS} | dict(stored)
    return Policy({each.key: each.kind.read(each.parse(text[each.key])) for each in INSTANCE_SETTINGS})
