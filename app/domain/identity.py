"""Who somebody is: users, their roles, the principal behind a token, and the caller of a service.

Here belong names and rights. Not here: passwords (``app.services.passwords``), and how an HTTP request
carries a credential (``app.http.credentials``).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from app.domain.errors import NotFound, NotPermitted
from app.domain.tokens import TokenKind

USERNAME = re.compile(r"[a-z0-9._@+-]{1,150}")
USER_ID = re.compile(r"[1-9][0-9]{0,17}")


class Role(StrEnum):
    """What a user is to the APIs behind Daypass. Only SERVER_ADMIN has power in Daypass itself.

    Seven are Alation's (https://docs.alation.com/en/latest/welcome/CatalogBasics/RolesOverview.html), spelt as its
    ``userinfo`` spells SERVER_ADMIN. An INTROSPECTOR is a service account of an API that asks about other people's
    tokens; its own opens nothing else.
    """

    SERVER_ADMIN = "SERVER_ADMIN"
    CATALOG_ADMIN = "CATALOG_ADMIN"
    SOURCE_ADMIN = "SOURCE_ADMIN"
    STEWARD = "STEWARD"
    COMPOSER = "COMPOSER"
    EXPLORER = "EXPLORER"
    VIEWER = "VIEWER"
    INTROSPECTOR = "INTROSPECTOR"

    @property
    def may_introspect(self) -> bool:
        """Whether they may ask about other people's tokens."""
        return self in (Role.SERVER_ADMIN, Role.INTROSPECTOR)

    @property
    def may_enter(self) -> bool:
        """Whether their access tokens open the APIs behind Daypass, and its own resources."""
        return self is not Role.INTROSPECTOR


class ApiTokens(StrEnum):
    """Whether a user may create tokens: as the instance's settings say, or decided for this user alone."""

    INHERIT = "inherit"
    ALLOW = "allow"
    DENY = "deny"


def refuse_unless_may_enter(role: Role) -> None:
    """Refuse with NotPermitted whoever's access tokens open nothing (:attr:`Role.may_enter`)."""
    if not role.may_enter:
        raise NotPermitted("This token is an introspector's: it can ask about tokens, and nothing else.")


@dataclass(frozen=True)
class User:
    """A person or a service account that owns tokens. The id is never reused."""

    id: int
    username: str
    email: str
    first_name: str
    last_name: str
    title: str
    role: Role
    is_active: bool
    api_tokens: ApiTokens
    created_at: datetime
    last_login_at: datetime | None = None

    @property
    def is_administrator(self) -> bool:
        return self.role is Role.SERVER_ADMIN


class Principal(NamedTuple):
    """Whom a good token speaks for, with the token's own facts; the answer of the check, as it was at `checked_at`.

    A named tuple, because it is made thousands of times a second, and a frozen dataclass takes four times as long.
    """

    user_id: int
    username: str
    email: str
    first_name: str
    last_name: str
    title: str
    role: Role
    token_id: int
    token_public_id: str
    token_kind: TokenKind
    token_name: str
    token_created_at: datetime
    token_expires_at: datetime | None
    token_last_used_at: datetime | None
    refresh_token_expires_at: datetime | None
    checked_at: datetime


@dataclass(frozen=True)
class Caller:
    """Who asks a service to do something, as the audit row will say.

    `name`: a user name, or ``cli:<system user>``, or ``job:<name>``; empty while nobody is known yet.
    `address`: of the client, without port; None inside the machine. `request_id`: ties log lines together.
    """

    name: str
    user_id: int | None = None
    address: str | None = None
    request_id: str | None = None

    def as_user(self, user_id: int, username: str) -> "Caller":
        """The same call, now that it is known whose it is."""
        return Caller(username, user_id, self.address, self.request_id)

    def acting_for(self, owner: User) -> "Caller":
        """The same call; who presents a token without signing in acts for its owner."""
        return self if self.name else self.as_user(owner.id, owner.username)


def canonical_username(text: str) -> str | None:
    """The one spelling under which a user is looked up and throttled, or None where it can't be a user name.

    ASCII, lower case, of ``a-z 0-9 . _ @ + -``, at most 150 characters.
    """
    name = text.lower() if text.isascii() else ""
    return name if USERNAME.fullmatch(name) else None


def parse_user_id(text: str) -> int:
    """The user id in a path; refuses with NotFound what no user has. Each has one spelling: 7 is not 007."""
    if not USER_ID.fullmatch(text):
        raise NotFound("user")
    return int(text)
