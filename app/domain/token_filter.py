"""The filter of lists and revocations of tokens: each criterion is declared once.

API queries and bodies, the pages' form and the options of commands derive from it; the SQL is in
``app.storage.listing``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, get_origin, get_type_hints

from app.domain.token_search import refuse_secret_search
from app.domain.token_warnings import TokenWarning
from app.domain.tokens import TokenKind, TokenStatus

LONGEST_SPAN = 36_500
"""Days; a hundred years."""

LISTED = tuple(each for each in TokenStatus if each is not TokenStatus.OVERLAPPING)
"""The states in lists, where an overlapping token is active."""


@dataclass(frozen=True)
class Text:
    """Printable text of 1 to `longest` characters."""

    longest: int = 255


@dataclass(frozen=True)
class Choice:
    words: tuple[StrEnum, ...]


@dataclass(frozen=True)
class Instant:
    """`day`: the pages' field for it, a day in UTC; empty: not on pages. `is_end`: that day is within."""

    day: str = ""
    is_end: bool = False


@dataclass(frozen=True)
class Days:
    """A whole number of days, at most LONGEST_SPAN; the command line takes 0, for now."""


@dataclass(frozen=True)
class Flag:
    """True, or not given."""


@dataclass(frozen=True)
class Criterion:
    """How a criterion is spelt. `label`: on pages; empty: not on pages. `option`: of commands, where it is another."""

    values: Text | Choice | Instant | Days | Flag
    help: str
    label: str = ""
    in_api: bool = True
    option: str = ""


@dataclass(frozen=True)
class TokenFilter:
    """None does not narrow. Of each ``…_after`` and ``…_before``, the first instant is within, the second is not.

    No query sets the last five. `user_id`: the owner's, by which `search` does not look then. `ids`: of rows.
    `public_ids`: of chosen tokens. `revocable`: what can be revoked. `is_own_single_tier`: single-tier tokens on
    their owner's page. Refuses with BadRequest a `search` that holds a secret.
    """

    owner: Annotated[str | None, Criterion(Text(150), "The owner's user name.", "Owner", option="--user")] = None
    kind: Annotated[TokenKind | None, Criterion(Choice(tuple(TokenKind)), "The tier.", "Kind")] = None
    status: Annotated[TokenStatus | None, Criterion(Choice(LISTED), "The state at this moment.", "Status")] = None
    search: Annotated[
        str | None,
        Criterion(Text(), "Part of the name, public id, owner's user name or e-mail address; or a token id.", "Search"),
    ] = None
    name: Annotated[str | None, Criterion(Text(), "Part of the name, in any letter case.", "Name contains")] = None
    created_after: Annotated[
        datetime | None, Criterion(Instant("created_from"), "Created then or later.", "Created from")
    ] = None
    created_before: Annotated[
        datetime | None, Criterion(Instant("created_to", is_end=True), "Created earlier.", "Created up to")
    ] = None
    expires_after: Annotated[
        datetime | None, Criterion(Instant("expires_from"), "Expires then or later.", "Expires from")
    ] = None
    expires_before: Annotated[
        datetime | None, Criterion(Instant("expires_to", is_end=True), "Expires earlier.", "Expires up to")
    ] = None
    last_used_after: Annotated[datetime | None, Criterion(Instant(), "Last used then or later.")] = None
    last_used_before: Annotated[datetime | None, Criterion(Instant(), "Last used earlier.")] = None
    created_with: Annotated[
        str | None, Criterion(Text(12), "Created with the access token of this public id.", "Created with")
    ] = None
    unused_for_days: Annotated[
        int | None, Criterion(Days(), "Not used for so many days, nor created within them.", "Unused for days")
    ] = None
    never_used: Annotated[bool | None, Criterion(Flag(), "Never used.", "Never Used", in_api=False)] = None
    expiring_within_days: Annotated[
        int | None, Criterion(Days(), "Active, and expires within so many days.", in_api=False)
    ] = None
    to_renew: Annotated[
        bool | None,
        Criterion(Flag(), "No access tokens that a refresh token renews.", "Only to be renewed by hand", in_api=False),
    ] = None
    warning: Annotated[
        TokenWarning | None,
        Criterion(Choice(tuple(TokenWarning)), "What a token that still works is marked with.", "Warning"),
    ] = None
    user_id: int | None = None
    ids: Sequence[int] | None = None
    public_ids: Sequence[str] | None = None
    revocable: bool | None = None
    is_own_single_tier: bool | None = None

    def __post_init__(self) -> None:
        if self.search is not None:
            refuse_secret_search(self.search)

    def given(self) -> dict[str, Any]:
        """What narrows, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def is_empty(self) -> bool:
        return not self.given()

    def canonical(self) -> str:
        """The one spelling of this filter, for confirmations and the audit log."""
        return json.dumps({name: str(value) for name, value in self.given().items()}, sort_keys=True)


CRITERIA: dict[str, Criterion] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(TokenFilter, include_extras=True).items()
    if get_origin(hint) is Annotated
}
"""Each criterion by its name, in order of declaration."""
