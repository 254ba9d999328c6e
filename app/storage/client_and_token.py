"""The rows of a client and of the access token that it asks about, read with one statement.

Not here: the decisions (``app.services.clients``, ``app.services.verifying``).
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, String, any_, bindparam, case, false, null, select, true, union_all

from app.storage.check import CHECKED, CheckedRow
from app.storage.client_check import ClientRow
from app.storage.database import Database
from app.storage.plain_lookup import PlainLookup
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from app.storage.user_table import VALID_DAYS

Ids = tuple[str, str]
"""The public ids of a client and of an access token."""


class ClientAndToken(NamedTuple):
    """The rows of both; None where there is none."""

    client: ClientRow | None
    token: CheckedRow | None

    def find_client(self, _public_id: str) -> ClientRow | None:
        """As a look-up does, of the public id that was asked for."""
        return self.client

    def find_token(self, _public_id: str) -> CheckedRow | None:
        """Likewise."""
        return self.token


_OF_CLIENT: dict[str, Any] = {
    "key_id": RefreshTokenRow.key_id,
    "mac": RefreshTokenRow.mac,
    "status": RefreshTokenRow.status,
    "expires_at": RefreshTokenRow.expires_at,
    "user_id": UserRow.id,
    "username": UserRow.username,
    "role": UserRow.role,
    "user_is_active": UserRow.is_active,
    "user_vouched_at": UserRow.vouched_at,
    "sign_in_valid_days": case((UserRow.vouched_at.is_not(None), VALID_DAYS)),
}
"""The columns of :class:`ClientRow` in order, each under the name of the same one of a token."""

_client_row = itemgetter(*(CheckedRow._fields.index(name) for name in _OF_CLIENT))

# After the columns of a token: whether it is a client's row, and the public id.
_TOKENS = CHECKED.add_columns(false(), AccessTokenRow.public_id)
_CLIENTS = select(
    *(_OF_CLIENT.get(name, null()) for name in CheckedRow._fields), true(), RefreshTokenRow.public_id
).join(UserRow, UserRow.id == RefreshTokenRow.user_id)

_STATEMENT = union_all(
    _TOKENS.where(AccessTokenRow.public_id == bindparam("token")),
    _CLIENTS.where(RefreshTokenRow.public_id == bindparam("client")),
)

_OF_SEVERAL = union_all(
    _TOKENS.where(AccessTokenRow.public_id == any_(bindparam("tokens", type_=ARRAY(String)))),
    _CLIENTS.where(RefreshTokenRow.public_id == any_(bindparam("clients", type_=ARRAY(String)))),
)


class ClientAndTokenLookup(PlainLookup[Ids, ClientAndToken]):
    """Finds both by their public ids."""

    def __init__(self, database: Database, beside: PlainLookup[Any, Any]) -> None:
        super().__init__(database, _STATEMENT, CheckedRow._fields, _OF_SEVERAL, beside)

    def _read_sqlite(self, cursor: Any, asked: Ids) -> ClientAndToken:
        client, token = asked
        rows = cursor.execute(self._sql, (token, client)).fetchall()
        return _both([self._with_instants(row) for row in rows], [asked])[asked]

    def _read_postgresql(self, cursor: Any, asked: Ids) -> ClientAndToken:
        return self._read_several(cursor, [asked])[asked]

    def _read_several(self, cursor: Any, asked: Sequence[Ids]) -> Mapping[Ids, ClientAndToken]:
        sent = {"clients": [client for client, _ in asked], "tokens": [token for _, token in asked]}
        return _both(cursor.execute(self._sql_of_several, sent, prepare=True).fetchall(), asked)


def _both(rows: Sequence[Sequence[Any]], asked: Sequence[Ids]) -> dict[Ids, ClientAndToken]:
    clients, tokens = {}, {}
    for *values, is_client, public_id in rows:
        if is_client:
            clients[public_id] = ClientRow._make(_client_row(values))
        else:
            tokens[public_id] = CheckedRow._make(values)
    return {(client, token): ClientAndToken(clients.get(client), tokens.get(token)) for client, token in asked}
