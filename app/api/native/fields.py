"""The types of members in bodies and queries."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range

from app.domain.clock import parse_instant, utc_text
from app.domain.text import LONGEST_TEXT, flaw_in, in_nfc
from app.domain.token_filter import CRITERIA, LONGEST_SPAN, Choice, Criterion, Days, Text
from app.domain.token_filter import Flag as FlagCriterion
from app.domain.token_filter import Instant as InstantCriterion
from app.http.strict_fields import Flag, Whole
from app.services.keyset import LARGEST_PAGE

MESSAGES: dict[str, Any] = {
    "required": "is required",
    "null": "must not be null",
    "invalid": "is of the wrong type",
    "validator_failed": "is not valid",
}


class Strict(Schema):
    """The base of requests. It refuses unknown members: a misspelt filter would match more."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "is not known here"}  # noqa: RUF012


class Instant(fields.Field[datetime]):
    """An instant. In: with any offset, required. Out: in UTC with six fraction digits and ``Z``."""

    def __init__(self, **options: Any) -> None:
        metadata = {"type": "string", "format": "date-time"} | options.pop("metadata", {})
        super().__init__(metadata=metadata, error_messages=MESSAGES, **options)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else utc_text(value, "microseconds")

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        try:
            return parse_instant(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Printable(fields.String):
    """Text without characters that are refused everywhere. As it was sent: tokens have one spelling."""

    def __init__(self, longest: int = LONGEST_TEXT, shortest: int = 1, **options: Any) -> None:
        length = Length(shortest, longest, error="has {min} to {max} characters")
        super().__init__(validate=length, error_messages=MESSAGES, **options)
        self.longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        flaw = flaw_in(text or "")
        if flaw:
            raise ValidationError(flaw)
        return text


class Entered(Printable):
    """Text that is stored and shown: its length is that of its NFC."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        return text and in_nfc(text, self.longest)


def text(longest: int = LONGEST_TEXT, **options: Any) -> Printable:
    """A required member, unless the options say otherwise."""
    return Printable(longest, **{"required": True} | options)


def entered(longest: int = LONGEST_TEXT, **options: Any) -> Entered:
    """The same for text that is stored and shown."""
    return Entered(longest, **{"required": True} | options)


class Word(fields.String):
    """One word of an enumeration."""

    def __init__(self, words: Iterable[StrEnum], **options: Any) -> None:
        self.words = {each.value: each for each in words}
        known = OneOf(list(self.words), error=f"must be {' or '.join(self.words)}")
        super().__init__(validate=known, error_messages=MESSAGES, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        return self.words.get(text, text)


def number(low: int, high: int, **options: Any) -> Whole:
    between = Range(low, high, error="must be {min} to {max}")
    return Whole(validate=between, error_messages=MESSAGES, **options)


def flag(**options: Any) -> Flag:
    return Flag(error_messages=MESSAGES, **options)


def paging() -> dict[str, fields.Field[Any]]:
    """The members of a query that select a page."""
    description = "Continue after the page that returned it."
    return {
        "limit": number(1, LARGEST_PAGE, in_query=True, load_default=100),
        "cursor": Printable(load_default=None, metadata={"description": description}),
    }


def criteria(*names: str, in_query: bool) -> dict[str, fields.Field[Any]]:
    """The members of a token filter: those named, or all of the API. `in_query`: or in JSON."""
    chosen = {name: each for name, each in CRITERIA.items() if (name in names if names else each.in_api)}
    return {name: _criterion(each, in_query) for name, each in chosen.items()}


def _criterion(criterion: Criterion, in_query: bool) -> fields.Field[Any]:
    description = {"description": criterion.help}
    match criterion.values:
        case Text(longest):
            return text(longest, required=False, metadata=description)
        case Choice(words):
            return Word(words, metadata=description)
        case InstantCriterion():
            return Instant(metadata=description)
        case Days():
            return number(1, LONGEST_SPAN, in_query=in_query, metadata=description)
        case FlagCriterion():
            return flag(in_query=in_query, metadata=description)
