"""How a list of tokens is shown: the group of states, the order, and the size of a page."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenStatus

PAGE_SIZES = (25, 50, 100)

DAYS_BEFORE_EXPIRY = 7
"""From so many days before it expires, a token that a person must renew is shown as expiring."""


class Group(StrEnum):
    """What a list shows by state. EXPIRING: of the active ones, those that a person must renew soon."""

    ALL = "all"
    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


class Sort(StrEnum):
    """The column that a list is sorted by. Without a use or an expiry: before all others, and after all others."""

    NAME = "name"
    OWNER = "owner"
    CREATED = "created"
    LAST_USED = "last_used"
    EXPIRES = "expires"


@dataclass(frozen=True)
class TokenView:
    """Which tokens, in which order."""

    criteria: TokenFilter = field(default_factory=TokenFilter)
    group: Group = Group.ALL
    sort: Sort = Sort.CREATED
    is_descending: bool = True

    @property
    def narrowed(self) -> TokenFilter:
        """One filter of the criteria and the group."""
        return in_group(self.criteria, self.group)

    def canonical(self) -> str:
        """The one spelling of this view, for its cursors."""
        return f"{self.sort} {self.is_descending} {self.group} {self.criteria.canonical()}"


def in_group(criteria: TokenFilter, group: Group) -> TokenFilter:
    """The criteria, narrowed to that group."""
    if group is Group.ALL:
        return criteria
    if group is Group.EXPIRING:
        return replace(criteria, expiring_within_days=DAYS_BEFORE_EXPIRY, to_renew=True)
    return replace(criteria, status=TokenStatus(group.value))
