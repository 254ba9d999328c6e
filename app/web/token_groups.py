"""The groups of a list of tokens in words, and as its pills."""

from typing import Any

from app.domain.token_view import Group
from app.domain.tokens import TokenStatus
from app.services.token_lists import TokenPage
from app.web.rendering import status_word

WORDS = {Group.ALL: "All", Group.EXPIRING: "Expiring"}
"""Of groups that are no status."""


def group_word(group: Group) -> str:
    """The label of a group."""
    return WORDS.get(group) or status_word(TokenStatus(group.value))


def pills(page: TokenPage[Any]) -> list[tuple[str, str, int]]:
    """Of each group its value, label and number of tokens."""
    return [("" if group is Group.ALL else group, group_word(group), page.counts[group]) for group in page.counts]
