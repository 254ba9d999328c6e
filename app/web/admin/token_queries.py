"""What the address of a list of tokens asks for: its filters, group and order, and what the page shows of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from app.domain.errors import BadRequest
from app.domain.token_filter import CRITERIA, LONGEST_SPAN, Choice, Criterion, Days, Flag, Instant, Text, TokenFilter
from app.domain.token_search import normal_search
from app.domain.token_view import Group, Sort, TokenView
from app.web.admin import queries
from app.web.admin.queries import Form
from app.web.list_view import ListView
from app.web.token_groups import group_word

SEARCH, STATUS, ORDER = "q", "status", "-created"


@dataclass(frozen=True)
class Field:
    """A filter's field. `choices`: values and their texts; without any, an input of `type`."""

    name: str
    label: str
    parse: Callable[[Form, str], Any]
    type: str = "text"
    longest: int | str = ""
    choices: tuple[tuple[str, str], ...] = ()

    def text_of(self, value: str) -> str:
        """The value as people read it."""
        return dict(self.choices).get(value, value)


def _field(name: str, criterion: Criterion) -> Field:
    label = criterion.label
    match criterion.values:
        case Text(longest):
            return Field(name, label, partial(queries.text, longest=longest), longest=longest)
        case Choice(words):
            choices = tuple((each.value, f"{each.value.capitalize()} tokens") for each in words)
            return Field(name, label, partial(queries.word, words=words), choices=choices)
        case Instant(day_name, is_end):
            return Field(day_name, label, queries.day_after if is_end else queries.day, "date")
        case Days():
            return Field(name, label, partial(queries.number, low=1, high=LONGEST_SPAN), "number")
        case Flag():
            return Field(name, label, _flag, choices=(("1", "Yes"),))


def _flag(form: Form, name: str) -> bool | None:
    return None if queries.number(form, name, 1, 1) is None else True


_OF_THE_FORM = {name: _field(name, each) for name, each in CRITERIA.items() if each.label}
_FIELDS = {name: each for name, each in _OF_THE_FORM.items() if name not in ("search", "status")}

FIELDS = {each.name: each for each in _FIELDS.values()}
"""The fields behind "More filters", by name."""

NAMES = (SEARCH, STATUS, *FIELDS)
"""All parameters that narrow a list."""


def token_view(form: Form, view: ListView | None = None) -> TokenView:
    """The tokens of a query or form; a filter's last days are within. Refuses with BadRequest what makes no sense.

    `view`: without one, in the usual order.
    """
    found: dict[str, Any] = {name: each.parse(form, each.name) for name, each in _FIELDS.items()}
    criteria = TokenFilter(search=normal_search(form.get(SEARCH, "")), **found)
    group = queries.word(form, STATUS, Group) or Group.ALL
    if view is None:
        return TokenView(criteria, group)
    if view.sort not in set(Sort):
        raise BadRequest("Sort by a column of the list.", {"sort": ["Not a column."]})
    return TokenView(criteria, group, Sort(view.sort), view.direction == "descending")


def chips(view: ListView) -> list[tuple[str, str, str]]:
    """Of each filter that is set its name, label and value; the search and the status are seen where they are set."""
    return [(name, each.label, each.text_of(view.value(name))) for name, each in FIELDS.items() if view.value(name)]


def criteria_in_words(form: Form) -> list[tuple[str, str]]:
    """Of each filter that is set, the search and the status included, its label and value."""
    entered = queries.entered(form, NAMES)
    others = [(each.label, each.text_of(entered[name])) for name, each in FIELDS.items() if entered[name]]
    found = [("Search", entered[SEARCH])] if entered[SEARCH] else []
    if entered[STATUS] in set(Group):
        found.append(("Status", group_word(Group(entered[STATUS]))))
    return found + others


def query_of(view: ListView) -> str:
    """What narrows the list, as the query of an address; empty where nothing does."""
    return urlencode([(name, view.value(name)) for name in NAMES if view.value(name)])


def searched(view: ListView) -> str:
    """What a list without tokens looked for, and where."""
    text, status = view.value(SEARCH), view.value(STATUS)
    parts = (
        [f"with \u201c{text}\u201d in the name, public id, token id, or the owner's user name or e-mail"]
        if text
        else []
    )
    parts += [f"with the status {group_word(Group(status))}"] if status in set(Group) else []
    parts += ["with all filters that are set"] if any(map(view.value, FIELDS)) else []
    return f"There is no token {' and '.join(parts)}."
