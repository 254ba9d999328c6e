"""Counts of users and tokens for the preview of a setting. Not here: their meaning (``app.domain.policy``)."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlalchemy.orm import Session

from app.domain.identity import ApiTokens, Role
from app.domain.leavers import last_too_old
from app.domain.policy import Policy
from app.domain.reissue import Reissue
from app.domain.setting import Counted
from app.storage.leavers import is_away, is_enabled
from app.storage.liveness import TokenTable, ended_before, is_active_at
from app.storage.second_factor_tables import SecondFactorRow
from app.storage.single_tier import is_listed
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow


def count(session: Session, counted: Counted, now: datetime, before: Policy, after: Policy) -> int:
    """How many there are, under the policies before and after a change."""
    refresh, access = is_active_at(RefreshTokenRow, now), is_active_at(AccessTokenRow, now)
    old = last_too_old(before.sign_in_valid, now)
    enabled = is_enabled(UserRow, old)
    not_denied = select(UserRow.id).where(enabled, UserRow.api_tokens != ApiTokens.DENY)
    owners = select(RefreshTokenRow.user_id).where(refresh).group_by(RefreshTokenRow.user_id)
    at_the_limit = owners.having(func.count() >= after.max_refresh_tokens_per_user)
    holders = select(AccessTokenRow.user_id).where(is_listed(now)).group_by(AccessTokenRow.user_id)
    at_the_api_token_limit = holders.having(func.count() >= after.max_api_tokens_per_user)
    undecided = and_(UserRow.role != Role.SERVER_ADMIN, UserRow.api_tokens == ApiTokens.INHERIT)
    single_tier = and_(AccessTokenRow.refresh_token_id.is_(None), AccessTokenRow.user_id.in_(not_denied))
    with_factor = select(SecondFactorRow.user_id).where(SecondFactorRow.secret.is_not(None))
    has_password = UserRow.password_hash.is_not(None)
    administers_by_password = and_(UserRow.is_active, UserRow.role == Role.SERVER_ADMIN, has_password)
    cutoffs = sorted((now - before.retention, now - after.retention))
    where: dict[Counted, tuple[TokenTable | type[UserRow], ColumnElement[bool]]] = {
        Counted.ACTIVE_REFRESH_TOKENS: (RefreshTokenRow, refresh),
        Counted.ACTIVE_ACCESS_TOKENS: (AccessTokenRow, access),
        Counted.SINGLE_TIER_TOKENS: (AccessTokenRow, and_(access, single_tier)),
        Counted.REFRESH_TOKENS_MINTING_OTHERWISE: (RefreshTokenRow, and_(refresh, _mints_otherwise(before, after))),
        Counted.ENDED_REFRESH_TOKENS: (RefreshTokenRow, _ended_between(RefreshTokenRow, *cutoffs)),
        Counted.ENDED_ACCESS_TOKENS: (AccessTokenRow, _ended_between(AccessTokenRow, *cutoffs)),
        Counted.UNDECIDED_USERS: (UserRow, and_(enabled, undecided)),
        Counted.USERS_WITH_PASSWORD: (UserRow, and_(enabled, has_password)),
        Counted.USERS_AT_THE_LIMIT: (UserRow, UserRow.id.in_(at_the_limit)),
        Counted.USERS_AT_THE_API_TOKEN_LIMIT: (UserRow, UserRow.id.in_(at_the_api_token_limit)),
        Counted.ENABLED_USERS: (UserRow, enabled),
        Counted.PEOPLE_AT_PROVIDERS: (UserRow, _is_away_under_one(old, last_too_old(after.sign_in_valid, now))),
        Counted.ADMINISTRATORS_WITHOUT_FACTOR: (UserRow, and_(administers_by_password, UserRow.id.not_in(with_factor))),
        Counted.USERS_WITH_FACTOR: (UserRow, and_(enabled, UserRow.id.in_(with_factor))),
    }
    table, condition = where[counted]
    return session.scalar(select(func.count()).select_from(table).where(condition)) or 0


def _ended_between(table: TokenTable, earlier: datetime, later: datetime) -> ColumnElement[bool]:
    return and_(ended_before(table, later), not_(ended_before(table, earlier)))


def _is_away_under_one(*olds: datetime | None) -> ColumnElement[bool]:
    """Whether an enabled user's last sign-in is too old by one of the two limits only."""
    of_each = [is_away(UserRow, each) for each in olds]
    return and_(UserRow.is_active, or_(*of_each), not_(and_(*of_each)))


def _mints_otherwise(before: Policy, after: Policy) -> ColumnElement[bool]:
    """Whether a mint from this refresh token has another reissue policy or overlap than before."""
    chosen = RefreshTokenRow.access_token_reissue
    others = [each for each in Reissue if before.overlap_under(each) != after.overlap_under(each)]
    default = after.access_token_reissue
    is_default_touched = default in others or default is not before.access_token_reissue
    return or_(chosen.in_(others), chosen.is_(None)) if is_default_touched else chosen.in_(others)
