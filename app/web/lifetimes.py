"""The choice of a lifetime in a form: presets, a date, and no end where that is allowed. Days are in UTC.

Not here: which lifetimes are allowed (``app.services``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.domain.errors import BadRequest
from app.domain.text import count_of

PRESETS = (7, 30, 60, 90)
DATE, NEVER = "date", "-1"
"""What a form sends in place of a number of days."""

NO_DATE = "Choose a date: tomorrow or later."
NO_DAYS = "A lifetime is a whole number of days, or -1 for never."


@dataclass(frozen=True)
class Choice:
    """`value`: what the form sends; `note`: when the token expires then."""

    value: str
    text: str
    note: str


@dataclass(frozen=True)
class Lifetimes:
    """What a form offers.

    `entered`: a date, as it was. `first`, `last`: the dates that may be chosen; `last` is None without a limit.
    """

    choices: list[Choice]
    chosen: str
    entered: str
    first: date
    last: date | None


def lifetimes(
    days: Iterable[int], longest: int | None, form: Mapping[str, str], name: str, proposed: str, now: datetime
) -> Lifetimes:
    """What the field `name` of a form offers, and what of it was chosen before, or is proposed.

    `days`: presets beside those of all forms; `longest`: in days, None without a limit.
    """
    offered = sorted({each for each in (*PRESETS, *days) if longest is None or each <= longest})
    choices = [Choice(str(each), count_of(each, "day"), _day(now, each)) for each in offered]
    choices.append(Choice(DATE, "A date", f"up to {_day(now, longest)}" if longest else "of your choice"))
    if longest is None:
        choices.append(Choice(NEVER, "No expiration", "not recommended"))
    last = None if longest is None else _date(now, longest)
    return Lifetimes(choices, form.get(name, proposed), form.get("date", ""), _date(now, 1), last)


def chosen_days(form: Mapping[str, str], name: str, now: datetime) -> int | None:
    """The number of days that a form's field `name` chooses; None for never. Refuses with BadRequest."""
    text = form.get(name, "").strip()
    if text == NEVER:
        return None
    if text == DATE:
        return _days_until(form.get("date", ""), now)
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise BadRequest(NO_DAYS, {name: [NO_DAYS]})
    return int(text)


def _days_until(text: str, now: datetime) -> int:
    try:
        days = (date.fromisoformat(text) - now.date()).days
    except ValueError:
        days = 0
    if days < 1:
        raise BadRequest(NO_DATE, {"date": [NO_DATE]})
    return days


def _date(now: datetime, days: int) -> date:
    return (now + timedelta(days=days)).date()


def _day(now: datetime, days: int) -> str:
    day = _date(now, days)
    return f"{day.day} {day:%b %Y}"
