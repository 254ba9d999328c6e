"""Request and response bodies of the Trifacta dialect, in camelCase."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Range

from app.domain.clock import utc_text
from app.http.strict_fields import Flag, Whole

NEVER = -1
"""The lifetime of a token that does not expire."""

DATE_TIME = {"type": "string", "format": "date-time"}

LARGEST_NUMBER = 10**15
"""The maximum number of seconds or rows; dates cannot hold more."""


class Lifetime(fields.Field[timedelta | None]):
    """Whole seconds as a JSON integer; -1 is unlimited, loaded as None. The service checks the bounds."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError("must be an integer number of seconds, or -1 for never")
        if value == NEVER:
            return None
        if value <= 0:
            raise ValidationError("must be a positive number of seconds, or -1 for never")
        if value > LARGEST_NUMBER:
            raise ValidationError("is too large")
        return timedelta(seconds=min(value, 10**11))


class Timestamp(fields.Field[datetime]):
    """UTC with three fraction digits, truncated, and ``Z``."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else utc_text(value, "milliseconds")


class NewToken(Schema):
    class Meta:
        unknown = EXCLUDE

    lifetimeSeconds = Lifetime(
        required=True,
        metadata={"type": "integer", "description": "Lifetime in seconds; -1: it never expires, where allowed."},
        error_messages={"required": "is required", "null": "must not be null"},
    )
    description = fields.String(load_default=None, allow_none=True, error_messages={"invalid": "must be a string"})


class ListQuery(Schema):
    """The part of a list. Other parameters are ignored."""

    class Meta:
        unknown = EXCLUDE

    limit = Whole(in_query=True, validate=Range(0, LARGEST_NUMBER, error="must be 0 or more"))
    offset = Whole(in_query=True, load_default=0, validate=Range(0, LARGEST_NUMBER, error="must be 0 or more"))
    includeCount = Flag(in_query=True, load_default=False)


class TokenInfo(Schema):
    tokenId = fields.UUID(attribute="uuid")
    description = fields.String(allow_none=True)
    expiredAt = Timestamp(attribute="expires_at", allow_none=True, metadata=DATE_TIME)
    lastUsed = Timestamp(attribute="last_used_at", allow_none=True, metadata=DATE_TIME)
    createdAt = Timestamp(attribute="created_at", metadata=DATE_TIME)


class CreatedToken(Schema):
    tokenValue = fields.String(metadata={"description": "The secret, only in this response."})
    tokenInfo = fields.Nested(TokenInfo)


class TokenList(Schema):
    data = fields.List(fields.Nested(TokenInfo))
    count = fields.Integer()


class Person(Schema):
    id = fields.Integer(attribute="user_id")
    email = fields.String()
    name = fields.String()
    firstName = fields.String(attribute="first_name")
    lastName = fields.String(attribute="last_name")
    title = fields.String()
    isDisabled = fields.Boolean()
    isAdmin = fields.Boolean()


class ExceptionOut(Schema):
    name = fields.String()
    message = fields.String()
    details = fields.String(allow_none=True)
    hint = fields.String(metadata={"description": "The mistake in the token's text, where one is recognised."})


class ErrorOut(Schema):
    exception = fields.Nested(ExceptionOut)
