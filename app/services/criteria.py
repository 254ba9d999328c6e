"""What people narrow tokens to, in their own words: an owner by name, days instead of instants.

Here belongs what such words mean at a moment. Not here: how they are spelt in a request, and the queries
(``app.storage.listing``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.domain.identity import canonical_username
from app.domain.tokens import TokenKind, TokenStatus
from app.storage import users
from app.storage.listing import TokenFilter

NOBODY = 0
"""The id that no user has."""


@dataclass(frozen=True)
class Criteria:
    """None does not narrow. Of each ``…_after`` and ``…_before``, the first instant is within, the second is not.

    `name`: part of the name, in any letter case. `unused_for_days`: not used for so long, and not made since either.
    `to_renew`: only what somebody has to renew by hand, that is no access token under a refresh token.
    """

    owner: str | None = None
    kind: TokenKind | None = None
    status: TokenStatus | None = None
    name: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    expires_after: datetime | None = None
    expires_before: datetime | None = None
    last_used_after: datetime | None = None
    last_used_before: datetime | None = None
    unused_for_days: int | None = None
    to_renew: bool | None = None

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> "Criteria":
        """From members of these names; others are left aside, and empty ones narrow nothing."""
        named = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in members.items() if name in named and value != ""})

    @property
    def is_empty(self) -> bool:
        return self == Criteria()

    def canonical(self) -> str:
        """The one spelling of these criteria."""
        return json.dumps({name: str(value) for name, value in vars(self).items() if value is not None}, sort_keys=True)

    def narrow(self, session: Session, now: datetime) -> TokenFilter:
        """What they come to at `now`. An owner who is not there owns nothing."""
        unused = self.unused_for_days
        return TokenFilter(
            user_id=None if self.owner is None else _id_of(session, self.owner),
            status=self.status,
            name=self.name,
            created_after=self.created_after,
            created_before=self.created_before,
            expires_after=self.expires_after,
            expires_before=self.expires_before,
            last_used_after=self.last_used_after,
            last_used_before=self.last_used_before,
            to_renew=bool(self.to_renew),
            unused_since=None if unused is None else now - timedelta(days=unused),
        )


def _id_of(session: Session, username: str) -> int:
    found = users.find(session, canonical_username(username) or "")
    return found.id if found else NOBODY
