"""What a page is asked for, in an address or a form: words, days, numbers, ids.

Here belong their spelling, and the way to the next page of a list. Not here: what they narrow to
(``app.services.criteria``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from flask import request

from app.domain.errors import BadRequest, NotFound
from app.domain.tokens import TokenKind, TokenStatus
from app.services.criteria import Criteria
from app.web.forms import read_form

W = TypeVar("W", bound=StrEnum)

Told = Mapping[str, str]

LONGEST_TEXT = 255
LONGEST_NAME = 150
LONGEST_ID = 18
LONGEST_UNUSED_DAYS = 36_500
A_DAY = timedelta(days=1)

TOKEN_FIELDS = (
    "owner", "kind", "status", "name", "created_from", "created_to", "expires_from", "expires_to", "unused_for_days",
    "to_renew",
)  # fmt: skip

NOT_ON_THE_NEXT_PAGE = ("cursor", "done")


@dataclass(frozen=True)
class Pager:
    """The addresses of the first page and of the next; empty where there is nothing to go to."""

    first: str
    following: str


def cursor() -> str | None:
    """Where the page that is asked for begins."""
    return request.args.get("cursor") or None


def pager(following: str | None) -> Pager:
    """The ways from this page, with its filters."""
    return Pager(_this_page() if cursor() else "", "" if following is None else _this_page(following))


def _this_page(after: str | None = None) -> str:
    query = [(name, value) for name, value in request.args.items() if value and name not in NOT_ON_THE_NEXT_PAGE]
    if after is not None:
        query.append(("cursor", after))
    return f"{request.path}?{urlencode(query)}" if query else request.path


def typed(told: Told, names: tuple[str, ...]) -> dict[str, str]:
    """What was asked for, as it was typed; for the form to show again."""
    return {name: told.get(name, "") for name in names}


def text(told: Told, name: str, longest: int = LONGEST_TEXT) -> str | None:
    """Some text, without the space around it; None where there is none."""
    value = told.get(name, "").strip()
    if len(value) > longest or not value.isprintable():
        raise _wrong(name, f"{_spelt(name)} has at most {longest} characters, all of them printable.")
    return value or None


def word(told: Told, name: str, words: type[W]) -> W | None:
    """One of the words of an enumeration."""
    value = told.get(name, "")
    if value not in ("", *words):
        raise _wrong(name, f"{_spelt(name)} is {' or '.join(words)}.")
    return words(value) if value else None


def day(told: Told, name: str) -> datetime | None:
    """The instant at which a day begins (UTC)."""
    value = told.get(name, "").strip()
    if not value:
        return None
    try:
        return datetime.combine(date.fromisoformat(value), time(), UTC)
    except ValueError:
        raise _wrong(name, f"{_spelt(name)} is a day, such as 2026-03-31.") from None


def day_after(told: Told, name: str) -> datetime | None:
    """The instant at which a day is over (UTC)."""
    begin = day(told, name)
    try:
        return None if begin is None else begin + A_DAY
    except OverflowError:
        raise _wrong(name, f"{_spelt(name)} is beyond the last day there is.") from None


def number(told: Told, name: str, low: int, high: int) -> int | None:
    """A whole number within bounds."""
    value = told.get(name, "").strip()
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > LONGEST_ID or not low <= int(value) <= high:
        raise _wrong(name, f"{_spelt(name)} is a whole number from {low} to {high:,}.")
    return int(value)


def token_criteria(told: Told) -> Criteria:
    """What tokens are narrowed to; the days that are named are within, the last ones too."""
    return Criteria(
        owner=text(told, "owner", LONGEST_NAME),
        kind=word(told, "kind", TokenKind),
        status=word(told, "status", TokenStatus),
        name=text(told, "name"),
        created_after=day(told, "created_from"),
        created_before=day_after(told, "created_to"),
        expires_after=day(told, "expires_from"),
        expires_before=day_after(told, "expires_to"),
        unused_for_days=number(told, "unused_for_days", 1, LONGEST_UNUSED_DAYS),
        to_renew=number(told, "to_renew", 1, 1) == 1 or None,
    )


def reason_in(form: Told) -> str:
    """Why somebody wants to end something; asked for, because the owner and the audit log will be told."""
    reason = form.get("reason", "").strip()
    if not reason:
        raise _wrong("reason", "Say why; it is kept with the token and in the audit log.")
    return reason


def typed_reason() -> str:
    """What was typed for one, for the form to show again; nothing before it was sent."""
    return read_form().get("reason", "") if request.method == "POST" else ""


def id_of(told: str) -> int:
    """The user id in a path; refuses with NotFound what can be nobody's. Each has one spelling: 7 is not 007."""
    if not told.isascii() or not told.isdigit() or told.startswith("0") or len(told) > LONGEST_ID:
        raise NotFound("user")
    return int(told)


def _spelt(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _wrong(name: str, message: str) -> BadRequest:
    return BadRequest(message, {name: [message]})
