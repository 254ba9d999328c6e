"""People and groups as a directory provisions them, and what it may look for. Not here: SCIM's own words (``app.api``).

A directory sees the people that it manages, and nobody else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from app.domain.errors import BadRequest
from app.domain.identity import Role
from app.domain.text import in_nfc, normal_text

LONGEST_ID, LONGEST_GROUP_NAME = 255, 255
LONG_NAME = f"The name of a group has at most {LONGEST_GROUP_NAME} characters."
LONG_ID = f"An external id has at most {LONGEST_ID} characters."

MOST_MEMBERS = 10_000
"""Of one group, and of all groups in one answer."""

MOST_GROUPS = 1_000
MOST_IN_PAGE = 200
MOST_TERMS = 20
"""Comparisons in one filter."""

DEFAULT_ROLE = Role.VIEWER

Item = TypeVar("Item")


class Managed(StrEnum):
    """SCIM: the directory manages the user. LEFT: it did, and deleted them; the row waits for their return."""

    SCIM = "scim"
    LEFT = "left"


@dataclass(frozen=True)
class Person:
    """What a directory says of a user. `username`: in whatever case it was sent; `email`: empty where there is none."""

    username: str
    external_id: str | None = None
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    title: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class ProvisionedUser:
    """A user that a directory manages."""

    id: int
    person: Person
    created_at: datetime


@dataclass(frozen=True)
class Group:
    """What a directory says of a group. `members`: ids of users; None where they were not read, or stay as they are."""

    name: str
    external_id: str | None = None
    members: frozenset[int] | None = None


@dataclass(frozen=True)
class ProvisionedGroup:
    """A group that a directory made. `version`: changes with the group."""

    id: int
    group: Group
    created_at: datetime
    version: int


@dataclass(frozen=True)
class MappedGroup:
    """A group that has a role, and how many members it has; None: there is no such group."""

    name: str
    role: Role
    mapped_at: datetime
    mapped_by: str
    members: int | None


class Attribute(StrEnum):
    """What a directory finds users and groups by."""

    ID = "id"
    EXTERNAL_ID = "external_id"
    USERNAME = "username"
    EMAIL = "email"
    IS_ACTIVE = "is_active"
    NAME = "name"
    MEMBER = "member"


@dataclass(frozen=True)
class Equals:
    """Whether one has this value; None never matches. `value`: an int of ID and MEMBER, a bool of IS_ACTIVE."""

    attribute: Attribute
    value: str | int | bool | None


@dataclass(frozen=True)
class Every:
    """Whether all of the terms match."""

    terms: tuple["Condition", ...]


@dataclass(frozen=True)
class Either:
    """Whether one of the terms matches."""

    terms: tuple["Condition", ...]


Condition = Equals | Every | Either


@dataclass(frozen=True)
class Found(Generic[Item]):
    """A page of what matches. `total`: how many match in all; `start`: the place of the first, from one."""

    items: list[Item]
    total: int
    start: int


def name_key(name: str) -> str:
    """A group's name in its form for look-up: NFC and lower case, as directories compare names without case."""
    return in_nfc(in_nfc(name).lower())


def normal_group_name(text: str) -> str:
    """The name of a group. Refuses with BadRequest."""
    name = normal_text("displayName", text, LONGEST_GROUP_NAME, "The name of a group").strip()
    if not name:
        raise BadRequest("A group has a name.", {"displayName": ["A group has a name."]})
    if len(name_key(name)) > LONGEST_GROUP_NAME:  # lower case can be longer
        raise BadRequest(LONG_NAME, {"displayName": [LONG_NAME]})
    return name


def normal_external_id(text: str | None) -> str | None:
    """The directory's id of a user or group, as it is; None for nothing. Refuses with BadRequest."""
    if text:
        normal_text("externalId", text, LONGEST_ID, "An external id")
    if text and len(text) > LONGEST_ID:  # stored as it is, not in NFC, which can be shorter
        raise BadRequest(LONG_ID, {"externalId": [LONG_ID]})
    return text or None


def strongest(roles: Iterable[Role]) -> Role:
    """The one with the most permissions; :data:`DEFAULT_ROLE` of none."""
    return min(roles, key=list(Role).index, default=DEFAULT_ROLE)


def refuse_unmappable(role: Role) -> None:
    """Refuse with BadRequest the role of programs, which has no pages."""
    if not role.has_pages:
        message = f"{role} is a role of programs: no group of people can have it."
        raise BadRequest(message, {"role": [message]})
