"""Users, their roles and permissions, the principal of a token, and the caller of a service."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import NotFound, NotPermitted
from app.domain.leavers import has_passed, is_told
from app.domain.tokens import TokenKind

USERNAME = re.compile(r"[a-z0-9._@+-]{1,150}")
USER_ID = re.compile(r"[1-9][0-9]{0,17}")

DELETED_NAME = "Deleted user {}"
"""What a deleted user is called, by id; no user name itself, so it signs nobody in and can't be taken."""


class Role(StrEnum):
    """A user's role in the APIs behind Daypass. In Daypass itself only SERVER_ADMIN has permissions.

    Seven are Alation's (https://docs.alation.com/en/latest/welcome/CatalogBasics/RolesOverview.html), in the spelling
    of its ``userinfo``. INTROSPECTOR is for the service account of an API that introspects other users' tokens.
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
        """Whether the role may introspect other users' tokens."""
        return self in (Role.SERVER_ADMIN, Role.INTROSPECTOR)

    @property
    def may_use_apis(self) -> bool:
        """Whether access tokens of the role are accepted by the APIs behind Daypass and by its own resources."""
        return self is not Role.INTROSPECTOR

    @property
    def has_pages(self) -> bool:
        """Whether users with the role can use the pages, where people change their password."""
        return self.may_use_apis


class Kind(StrEnum):
    """SERVICE: an account of programs, without password and sign-in; persons answer for it (``service_accounts``)."""

    PERSON = "person"
    SERVICE = "service"


class ApiTokens(StrEnum):
    """Whether a user may create tokens. INHERIT: as the instance settings say."""

    INHERIT = "inherit"
    ALLOW = "allow"
    DENY = "deny"


def refuse_unless_may_use_apis(role: Role) -> None:
    """Refuse with NotPermitted a role whose access tokens are not accepted (:attr:`Role.may_use_apis`)."""
    if not role.may_use_apis:
        raise NotPermitted("This is an introspector's token: it can introspect tokens, and nothing else.")


@dataclass(frozen=True)
class User:
    """A person or a service account that owns tokens. The id is never reused.

    `password_expires_at`: of a temporary password, which somebody else chose; None for all others. `first_username`:
    where it was another one. `deleted_at`: then only the id is left of the person. `responsible_id`, `deputy_id`: the
    persons who answer for a service account; `responsible`, `deputy`: their user names, where they are read with it.
    `is_managed`: whether SCIM manages the user.
    `vouched_at`: when a provider last signed them in, or somebody enabled them since; `sign_in_by`: when they are
    treated as disabled unless it does so again (``leavers``); None: never.
    """

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
    password_expires_at: datetime | None = None
    first_username: str | None = None
    deleted_at: datetime | None = None
    kind: Kind = Kind.PERSON
    responsible_id: int | None = None
    deputy_id: int | None = None
    responsible: str | None = None
    deputy: str | None = None
    is_managed: bool = False
    vouched_at: datetime | None = None
    sign_in_by: datetime | None = None

    def is_away(self, now: datetime) -> bool:
        """Whether the user is treated as disabled until they sign in."""
        return has_passed(self.sign_in_by, now)

    def is_leaving_soon(self, now: datetime) -> bool:
        """Whether they and administrators are told of that, before and while it is so."""
        return self.is_active and is_told(self.vouched_at, self.sign_in_by, now)

    def is_enabled(self, now: datetime) -> bool:
        """Whether the user is neither disabled nor away."""
        return self.is_active and not self.is_away(now)

    @property
    def is_service(self) -> bool:
        return self.kind is Kind.SERVICE

    @property
    def is_administrator(self) -> bool:
        return self.role is Role.SERVER_ADMIN

    @property
    def counted_by(self) -> str:
        """The name that sign-ins are counted by, and devices are known by: stays the same, and is nobody else's."""
        return self.first_username or self.username


class Principal(NamedTuple):
    """The owner of an accepted token, and the token itself, as of `checked_at`: the result of the check.

    `refresh_token_public_id`: None for a single-tier token.

    A named tuple because each check creates one, and a frozen dataclass takes four times as long.
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
    refresh_token_public_id: str | None = None

    @property
    def credential(self) -> Credential:
        is_single_tier = self.refresh_token_expires_at is None
        until = self.token_expires_at if is_single_tier else self.refresh_token_expires_at
        return Credential(CredentialKind.ACCESS_TOKEN, self.token_public_id, is_single_tier=is_single_tier, until=until)


@dataclass(frozen=True)
class Caller:
    """Who calls a service; recorded in the audit log.

    `name`: a user name, ``cli:<system user>`` or ``job:<name>``; empty before authentication.
    `address`: the client's, without port; None for commands and jobs. `request_id`: as in the log.
    `credential`: what they authenticated with. `role`: the user's, as of this call. `agent`: the ``User-Agent``, as it
    may be stored.
    """

    name: str
    user_id: int | None = None
    address: str | None = None
    request_id: str | None = None
    credential: Credential | None = None
    role: Role | None = None
    agent: str | None = field(default=None, compare=False)

    def as_user(self, user_id: int, username: str, credential: Credential) -> "Caller":
        """The same call, made by this user."""
        return Caller(username, user_id, self.address, self.request_id, credential, agent=self.agent)

    def acting_for(self, owner: User, refresh_token: str) -> "Caller":
        """The same call; a caller who presents a refresh token (public id) without signing in acts as its owner."""
        if self.name:
            return self
        return self.as_user(owner.id, owner.username, Credential(CredentialKind.REFRESH_TOKEN, refresh_token))


def canonical_username(text: str) -> str | None:
    """The spelling for look-up and throttling: lower case; None for anything but 1 to 150 of ``a-z 0-9 . _ @ + -``."""
    name = text.lower() if text.isascii() else ""
    return name if USERNAME.fullmatch(name) else None


def parse_user_id(text: str) -> int:
    """The user id in a path; refuses with NotFound text that is no id. Each has one spelling: 7, not 007."""
    if not USER_ID.fullmatch(text):
        raise NotFound("user")
    return int(text)
