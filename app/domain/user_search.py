"""What a list of users is narrowed to, and by what it is ordered. The SQL is in ``app.storage.user_list``."""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.identity import Kind, Role

SEARCHED = "user name, e-mail, name, user id and token id"
"""In what the search looks, for people: parts of the first three, the whole of an id."""


class UserOrder(StrEnum):
    """A column by which users are ordered. Those who never signed in come before all who did."""

    USERNAME = "username"
    EMAIL = "email"
    ROLE = "role"
    CREATED = "created"
    LAST_SIGN_IN = "last_sign_in"


@dataclass(frozen=True)
class UserSearch:
    """`text`: see SEARCHED; a token's public id, with what it begins with or without, finds its owner.

    `is_deleted`: deleted users, or all others. `is_unanswered`: only enabled service accounts without an active
    responsible person.
    """

    text: str | None = None
    role: Role | None = None
    is_active: bool | None = None
    order: UserOrder = UserOrder.CREATED
    is_descending: bool = True
    kind: Kind | None = None
    is_unanswered: bool = False
    is_deleted: bool = False


@dataclass(frozen=True)
class UserCounts:
    """How many users match a search (`matching`), and how many its text alone; deleted ones are counted apart."""

    matching: int
    all: int
    active: int
    disabled: int
    administrators: int
    service: int = 0
    deleted: int = 0
