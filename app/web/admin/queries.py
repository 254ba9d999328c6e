"""Queries and forms of the administration pages: words, days, numbers, the token filter, and the next page of a list.

Not here: which criteria there are (``app.domain.token_filter``), and what they match (``app.storage.listing``).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import request

from app.domain.errors import BadRequest
from app.domain.token_filter import CRITERIA, LONGEST_SPAN, Choice, Criterion, Days, Flag, Instant, Text, TokenFilter
from app.domain.tokens import TokenStatus
from app.web.forms import read_form
from app.web.rendering import status_word

W = TypeVar("W", bound=StrEnum)

Form = Mapping[str, str]

LONGEST_TEXT = 255
LONGEST_NAME = 150
LONGEST_NUMBER = 18
A_DAY = timedelta(days=1)

NOT_ON_THE_NEXT_PAGE = ("cursor", "done")


@dataclass(frozen=True)
class Pager:
    """The addresses of the first page and of the next; empty where there is nothing to go to."""

    first: str
    following: str


def cursor() -> str | None:
    """Where the page begins."""
    return request.args.get("cursor") or None


def pager(following: str | None) -> Pager:
    """The pages before and after this one, with its filters."""
    return Pager(_this_page() if cursor() else "", "" if following is None else _this_page(following))


def _this_page(after: str | None = None) -> str:
    query = [(name, value) for name, value in request.args.items() if value and name not in NOT_ON_THE_NEXT_PAGE]
    if after is not None:
        query.append(("cursor", after))
    return f"{request.path}?{urlencode(query)}" if query else request.path


def typed(form: Form, names: Iterable[str]) -> dict[str, str]:
    """What was entered, for the form to show again."""
    return {name: form.get(name, "") for name in names}


def text(form: Form, name: str, longest: int = LONGEST_TEXT) -> str | None:
    """Some text, without the space around it; None where there is none."""
    value = form.get(name, "").strip()
    if len(value) > longest or not value.isprintable():
        raise _wrong(name, f"{_spelt(name)} has at most {longest} characters, all of them printable.")
    return value or None


def word(form: Form, name: str, words: Iterable[W]) -> W | None:
    """One of the words of an enumeration."""
    value, known = form.get(name, ""), {str(each): each for each in words}
    if value and value not in known:
        raise _wrong(name, f"{_spelt(name)} is {' or '.join(known)}.")
    return known.get(value)


def day(form: Form, name: str) -> datetime | None:
    """The instant at which a day begins (UTC)."""
    value = form.get(name, "").strip()
    if not value:
        return None
    try:
        return datetime.combine(date.fromisoformat(value), time(), UTC)
    except ValueError:
        raise _wrong(name, f"{_spelt(name)} is a day, such as 2026-03-31.") from None


def day_after(form: Form, name: str) -> datetime | None:
    """The instant at which a day is over (UTC)."""
    begin = day(form, name)
    try:
        return None if begin is None else begin + A_DAY
    except OverflowError:
        raise _wrong(name, f"{_spelt(name)} is beyond the last day there is.") from None


def number(form: Form, name: str, low: int, high: int) -> int | None:
    """A whole number within bounds."""
    value = form.get(name, "").strip()
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > LONGEST_NUMBER or not low <= int(value) <= high:
        raise _wrong(name, f"{_spelt(name)} is a whole number from {low} to {high:,}.")
    return int(value)


@dataclass(frozen=True)
class Field:
    """A field of the token filter's form. `choices`: values with their texts; none: for input of that `type`."""

    name: str
    label: str
    parse: Callable[[Form, str], Any]
    type: str = "text"
    longest: int | str = ""
    choices: tuple[tuple[str, str], ...] = ()


def _field(name: str, criterion: Criterion) -> Field:
    label = criterion.label
    match criterion.values:
        case Text(longest):
            return Field(name, label, partial(text, longest=longest), longest=longest)
        case Choice(words):
            choices = tuple((each.value, _word_text(each)) for each in words)
            return Field(name, label, partial(word, words=words), choices=choices)
        case Instant(day_name, is_end):
            return Field(day_name, label, day_after if is_end else day, "date")
        case Days():
            return Field(name, label, partial(number, low=1, high=LONGEST_SPAN), "number")
        case Flag():
            return Field(name, label, lambda form, _: number(form, name, 1, 1) and True, choices=(("1", "Yes"),))


def _word_text(word: StrEnum) -> str:
    return status_word(word) if isinstance(word, TokenStatus) else f"{word.value.capitalize()} tokens"


_FIELDS = {name: _field(name, each) for name, each in CRITERIA.items() if each.label}

TOKEN_FIELDS = {each.name: each for each in _FIELDS.values()}
"""The fields of the token filter's form, by name."""


def token_filter(form: Form) -> TokenFilter:
    """The filter in a query or form; the days in it are within, the last ones too."""
    return TokenFilter(**{name: each.parse(form, each.name) for name, each in _FIELDS.items()})


def reason(form: Form) -> str:
    """The reason for a revocation; required, because the owner and the audit log show it."""
    given = form.get("reason", "").strip()
    if not given:
        raise _wrong("reason", "Say why; it is kept with the token and in the audit log.")
    return given


def typed_reason() -> str:
    """The reason that was entered, for the form to show again; empty before the form was sent."""
    return read_form().get("reason", "") if request.method == "POST" else ""


def _spelt(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _wrong(name: str, message: str) -> BadRequest:
    return BadRequest(message, {name: [message]})
