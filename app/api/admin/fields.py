"""The kinds of members that this dialect's bodies and queries are made of.

Not here: which body has which (``schemas``).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range

from app.services.listing import LARGEST_PAGE

LONGEST_TEXT = 255

MESSAGES: dict[str, Any] = {
    "required": "is required",
    "null": "must not be null",
    "invalid": "is of the wrong type",
    "validator_failed": "is not valid",
}


class Strict(Schema):
    """What every request has in common: a member we do not know is refused, for a misspelt filter would widen."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "is not known here"}  # noqa: RUF012


class Instant(fields.Field[datetime]):
    """An instant: in with any offset, which must be there; out in UTC with six fraction digits and ``Z``."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        try:
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is None:
                raise ValueError
            return instant.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise ValidationError("must be an instant with its offset, such as 2026-03-01T12:00:00Z") from None


class Printable(fields.String):
    """Text without control characters, which no name here has and not every database takes."""

    def __init__(self, longest: int = LONGEST_TEXT, shortest: int = 1, **options: Any) -> None:
        length = Length(shortest, longest, error="has {min} to {max} characters")
        super().__init__(validate=length, error_messages=MESSAGES, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if text is not None and not text.isprintable():
            raise ValidationError("must be printable")
        return text


def text(longest: int = LONGEST_TEXT, **options: Any) -> Printable:
    """A member that must be there, unless the options say otherwise."""
    return Printable(longest, **{"required": True} | options)


def word(words: type[Any], but: tuple[str, ...] = (), **options: Any) -> fields.String:
    """One word of an enumeration."""
    choices = [each.value for each in words if each.value not in but]
    error = f"must be {' or '.join(choices)}"
    return fields.String(validate=OneOf(choices, error=error), error_messages=MESSAGES, **options)


def instant_out(**options: Any) -> Instant:
    """An instant of an answer."""
    return Instant(**{"metadata": {"type": "string", "format": "date-time"}} | options)


def instant_or_null() -> Instant:
    return Instant(allow_none=True, metadata={"type": "string", "format": "date-time"})


def instant_in() -> Instant:
    return Instant(metadata={"type": "string", "format": "date-time"}, error_messages=MESSAGES)


def number(low: int, high: int, **options: Any) -> fields.Integer:
    between = Range(low, high, error="must be {min} to {max}")
    return fields.Integer(validate=between, error_messages=MESSAGES, **options)


def limit() -> fields.Integer:
    return number(1, LARGEST_PAGE, load_default=100)


def cursor() -> Printable:
    return Printable(load_default=None, metadata={"description": "Go on after the page that gave it."})
