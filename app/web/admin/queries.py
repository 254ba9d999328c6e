"""Queries and forms of the administration pages: their values."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar

from flask import request

from app.domain.errors import BadRequest
from app.domain.masking import mask
from app.domain.text import LONGEST_TEXT, normal_text
from app.web.forms import read_form

W = TypeVar("W", bound=StrEnum)

Form = Mapping[str, str]

LONGEST_NAME = 150
LONGEST_NUMBER = 18
A_DAY = timedelta(days=1)


def cursor() -> str | None:
    """The cursor of this page; None for the first."""
    return request.args.get("cursor") or None


def entered(form: Form, names: Iterable[str]) -> dict[str, str]:
    """The entered values, to fill in the form."""
    return {name: mask(form.get(name, "")) for name in names}


def text(form: Form, name: str, longest: int = LONGEST_TEXT) -> str | None:
    """Stripped text; None where it is empty."""
    value = form.get(name, "").strip()
    return normal_text(name, value, longest, _label(name)) or None


def word(form: Form, name: str, words: Iterable[W]) -> W | None:
    """A word of an enumeration; None where it is empty."""
    value, known = form.get(name, ""), {str(each): each for each in words}
    if value and value not in known:
        raise _wrong(name, f"{_label(name)} is {' or '.join(known)}.")
    return known.get(value)


def day(form: Form, name: str) -> datetime | None:
    """The instant at which a day begins, in UTC."""
    value = form.get(name, "").strip()
    if not value:
        return None
    try:
        return datetime.combine(date.fromisoformat(value), time(), UTC)
    except ValueError:
        raise _wrong(name, f"{_label(name)} is a day, such as 2026-03-31.") from None


def day_after(form: Form, name: str) -> datetime | None:
    """The instant at which a day ends, in UTC."""
    begin = day(form, name)
    try:
        return None if begin is None else begin + A_DAY
    except OverflowError:
        raise _wrong(name, f"{_label(name)} is too late.") from None


def number(form: Form, name: str, low: int, high: int) -> int | None:
    """A whole number within bounds."""
    value = form.get(name, "").strip()
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > LONGEST_NUMBER or not low <= int(value) <= high:
        raise _wrong(name, f"{_label(name)} is a whole number from {low} to {high:,}.")
    return int(value)


def reason(form: Form) -> str:
    """The reason for a revocation. Refuses with BadRequest an empty one."""
    value = form.get("reason", "").strip()
    if not value:
        raise _wrong("reason", "Enter a reason. It is stored with the token and in the audit log.")
    return value


def entered_reason() -> str:
    """The entered reason, to fill in the form; empty before it is sent."""
    return read_form().get("reason", "") if request.method == "POST" else ""


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _wrong(name: str, message: str) -> BadRequest:
    return BadRequest(message, {name: [message]})
