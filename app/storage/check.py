"""The statement of the check.

Not here: that of many at once (``batch_check``), running it (``plain_lookup``), the decision
(``app.services.verifying``).
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, String, any_, bindparam, case, literal_column, select

from app.storage.by_public_id import ByPublicId
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, InstanceSettingRow, RefreshTokenRow, UserRow
from app.storage.user_table import VALID_DAYS


class CheckedRow(NamedTuple):
    """The columns of the statement below, in order.

    `user_api_tokens`, `api_tokens_enabled`: for single-tier tokens only. `sign_in_valid_days`: only for users whom a
    provider knows.
    """

    token_id: int
    key_id: str
    mac: bytes
    status: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    description: str | None
    refresh_token_name: str | None
    refresh_token_status: str | None
    refresh_token_expires_at: datetime | None
    user_id: int
    username: str
    email: str
    first_name: str
    last_name: str
    title: str
    role: str
    user_is_active: bool
    user_api_tokens: str | None
    api_tokens_enabled: str | None
    had_expired: bool = False
    refresh_token_public_id: str | None = None
    user_vouched_at: datetime | None = None
    sign_in_valid_days: str | None = None


_IS_SINGLE_TIER = AccessTokenRow.refresh_token_id.is_(None)
_THE_SETTING = InstanceSettingRow.key == literal_column("'api_tokens_enabled'")
_ENABLED = select(InstanceSettingRow.value).where(_THE_SETTING).scalar_subquery()

CHECKED = (
    select(
        AccessTokenRow.id,
        AccessTokenRow.key_id,
        AccessTokenRow.mac,
        AccessTokenRow.status,
        AccessTokenRow.created_at,
        AccessTokenRow.expires_at,
        AccessTokenRow.last_used_at,
        AccessTokenRow.revoked_at,
        AccessTokenRow.description,
        RefreshTokenRow.name,
        RefreshTokenRow.status,
        RefreshTokenRow.expires_at,
        UserRow.id,
        UserRow.username,
        UserRow.email,
        UserRow.first_name,
        UserRow.last_name,
        UserRow.title,
        UserRow.role,
        UserRow.is_active,
        case((_IS_SINGLE_TIER, UserRow.api_tokens)),
        case((_IS_SINGLE_TIER, _ENABLED)),
        AccessTokenRow.had_expired,
        RefreshTokenRow.public_id,
        UserRow.vouched_at,
        case((UserRow.vouched_at.is_not(None), VALID_DAYS)),
    )
    .join(UserRow, UserRow.id == AccessTokenRow.user_id)
    .outerjoin(RefreshTokenRow, RefreshTokenRow.id == AccessTokenRow.refresh_token_id)
)
"""What the check reads of access tokens: the columns of :class:`CheckedRow`."""

_STATEMENT = CHECKED.where(AccessTokenRow.public_id == bindparam("public_id"))

# One array: a parameter for each would make a statement, and a plan, of each number of them.
_OF_SEVERAL = CHECKED.add_columns(AccessTokenRow.public_id).where(
    AccessTokenRow.public_id == any_(bindparam("public_ids", type_=ARRAY(String)))
)


class TokenLookup(ByPublicId[CheckedRow]):
    """Finds access tokens by public id."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, _STATEMENT, CheckedRow._make, CheckedRow._fields, _OF_SEVERAL)
