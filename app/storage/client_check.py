"""The statement that authenticates an OAuth client. Not here: the decision (``app.services.clients``)."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, String, any_, bindparam, case, select

from app.storage.by_public_id import ByPublicId
from app.storage.database import Database
from app.storage.plain_lookup import PlainLookup
from app.storage.tables import RefreshTokenRow, UserRow
from app.storage.user_table import VALID_DAYS


class ClientRow(NamedTuple):
    """The columns of the statement below, in order."""

    key_id: str
    mac: bytes
    status: str
    expires_at: datetime
    owner_id: int
    owner_name: str
    owner_role: str
    owner_is_active: bool
    owner_vouched_at: datetime | None
    sign_in_valid_days: str | None


_CLIENTS = select(
    RefreshTokenRow.key_id,
    RefreshTokenRow.mac,
    RefreshTokenRow.status,
    RefreshTokenRow.expires_at,
    UserRow.id,
    UserRow.username,
    UserRow.role,
    UserRow.is_active,
    UserRow.vouched_at,
    case((UserRow.vouched_at.is_not(None), VALID_DAYS)),
).join(UserRow, UserRow.id == RefreshTokenRow.user_id)

_STATEMENT = _CLIENTS.where(RefreshTokenRow.public_id == bindparam("public_id"))

_OF_SEVERAL = _CLIENTS.add_columns(RefreshTokenRow.public_id).where(
    RefreshTokenRow.public_id == any_(bindparam("public_ids", type_=ARRAY(String)))
)


class ClientLookup(ByPublicId[ClientRow]):
    """Finds refresh tokens by public id, with their owners."""

    def __init__(self, database: Database, beside: PlainLookup[Any, Any]) -> None:
        super().__init__(database, _STATEMENT, ClientRow._make, ClientRow._fields, _OF_SEVERAL, beside)
