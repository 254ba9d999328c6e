"""The instance settings about how many tokens: a part of ``policy``, declared in the same way."""

from app.domain.setting import TIMES, TOKENS, Affects, Counted, From, Group, Setting
from app.domain.sign_in_settings import OLD_REMAIN

FULL = f"They can't create more until they have fewer. {OLD_REMAIN}"


class LimitSettings:
    """A base of :class:`app.domain.policy.Policy`."""

    max_refresh_tokens_per_user = Setting(
        TOKENS, "10000", low=1, high=1_000_000, group=Group.LIMITS, label="Refresh tokens per user",
        help="How many active refresh tokens one user may have.", effective=From.AT_ONCE,
        affects=(Affects(Counted.USERS_AT_THE_LIMIT, FULL),),
    )  # fmt: skip
    max_api_tokens_per_user = Setting(
        TOKENS, "10000", low=1, high=1_000_000, group=Group.LIMITS, label="API tokens per user",
        help="How many one user may have, expired ones included until they are deleted.", effective=From.AT_ONCE,
        affects=(Affects(Counted.USERS_AT_THE_API_TOKEN_LIMIT, FULL),),
    )  # fmt: skip
    creations_per_hour = Setting(
        TOKENS, "3600", low=60, high=1_000_000, group=Group.LIMITS, label="New tokens per user and hour",
        help="How many refresh tokens and API tokens together one user may create or regenerate in an hour.",
        effective=From.AT_ONCE,
        affects=(Affects(Counted.ENABLED_USERS, f"Each may create that many in an hour. {OLD_REMAIN}"),),
    )  # fmt: skip
    mints_per_hour = Setting(
        TOKENS, "3600", low=60, high=1_000_000, group=Group.LIMITS, label="Access tokens per refresh token and hour",
        help="How many one refresh token may request in an hour; further requests are refused with 429.",
        effective=From.AT_ONCE,
        affects=(Affects(Counted.ACTIVE_REFRESH_TOKENS, "Each may request that many in an hour. Those that it has "
                         "are not affected."),),
    )  # fmt: skip
    mints_per_hour_per_user = Setting(
        TOKENS, "36000", low=600, high=1_000_000, group=Group.LIMITS, label="Access tokens per user and hour",
        help="How many all refresh tokens of one user together may request in an hour.", effective=From.AT_ONCE,
        affects=(Affects(Counted.ENABLED_USERS, "Each may request that many in an hour with all refresh tokens "
                         "together. Those that they have are not affected."),),
    )  # fmt: skip
    regenerations_per_hour = Setting(
        TIMES, "60", low=6, high=10_000, group=Group.LIMITS, label="Regenerations per refresh token and hour",
        help="How often one refresh token may be regenerated or rotated in an hour.", effective=From.AT_ONCE,
        affects=(Affects(Counted.ACTIVE_REFRESH_TOKENS, "Each may be regenerated that often in an hour. Their secrets "
                         "are not affected."),),
    )  # fmt: skip
