"""Request and response bodies of the Alation dialect."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, INCLUDE, Schema, ValidationError, fields

from app.domain.clock import utc_text
from app.domain.reissue import Reissue
from app.domain.tokens import SEEMS_SHARED, AccessToken, Issued, TokenStatus

MESSAGES: dict[str, Any] = {
    "required": "This field is required.",
    "null": "This field may not be null.",
    "invalid": "Not a valid string.",
}

DATE_TIME = {"type": "string", "format": "date-time"}
STATUS = {"type": "string", "enum": ["ACTIVE", "EXPIRED", "REVOKED"]}

INTEGER = re.compile(r"-?[0-9]{1,18}")
"""An id; longer ones do not exist."""


class UserId(fields.Field[int]):
    """An integer, or the decimal text of one: real clients send ``"102"``. No boolean, no float."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, int | str) and not isinstance(value, bool) and INTEGER.fullmatch(str(value)):
            return int(value)
        raise ValidationError("A valid integer is required.")


class Timestamp(fields.Field[datetime]):
    """UTC, always with six fraction digits and ``Z``: clients parse nothing else."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else utc_text(value, "microseconds")


class Status(fields.Field[TokenStatus]):
    """Upper case; a superseded token is ``REVOKED``."""

    def _serialize(self, value: TokenStatus | None, attr: str | None, obj: Any, **kwargs: Any) -> str:
        assert value is not None
        return ("revoked" if value is TokenStatus.SUPERSEDED else value.value).upper()


def _text() -> fields.String:
    return fields.String(required=True, error_messages=MESSAGES)


def _user_id() -> UserId:
    return UserId(required=True, error_messages=MESSAGES)


class RequestSchema(Schema):
    """A request body; unknown members are ignored."""

    class Meta:
        unknown = EXCLUDE


class Login(RequestSchema):
    username = _text()
    password = _text()
    name = _text()
    access_token_reissue = fields.Enum(Reissue, by_value=True, load_default=None)


class RefreshTokenProof(RequestSchema):
    refresh_token = _text()
    user_id = _user_id()


class AccessTokenProof(RequestSchema):
    api_access_token = _text()
    user_id = _user_id()


class RefreshTokenOut(Schema):
    refresh_token = fields.String()
    user_id = fields.Integer()
    created_at = Timestamp(metadata=DATE_TIME)
    name = fields.String()
    token_expires_at = Timestamp(attribute="expires_at", metadata=DATE_TIME)
    token_status = Status(attribute="status", metadata=STATUS)
    last_used_at = Timestamp(allow_none=True, metadata=DATE_TIME)


class AccessTokenOut(Schema):
    api_access_token = fields.String()
    user_id = fields.Integer()
    created_at = Timestamp(metadata=DATE_TIME)
    token_expires_at = Timestamp(attribute="expires_at", allow_none=True, metadata=DATE_TIME)
    token_status = Status(attribute="status", metadata=STATUS)


class MintedOut(AccessTokenOut):
    """With the access token that it replaced, if any."""

    replaced_previous = fields.Boolean()
    replaced_public_id = fields.String()
    replaced_last_used_at = Timestamp(allow_none=True, metadata=DATE_TIME)
    replaced_last_used_ip = fields.String(allow_none=True)
    seems_shared = fields.Boolean(metadata={"description": f"True for a day: {SEEMS_SHARED}"})


def replaced_members(issued: Issued[AccessToken]) -> dict[str, Any]:
    """The members about the replaced access token, and about sharing."""
    replaced = issued.replaced
    if replaced is None:
        return {"replaced_previous": False, "seems_shared": issued.seems_shared}
    return {
        "replaced_previous": True,
        "seems_shared": issued.seems_shared,
        "replaced_public_id": replaced.public_id,
        "replaced_last_used_at": replaced.last_used_at,
        "replaced_last_used_ip": replaced.last_used_ip,
    }


class UserInfoOut(Schema):
    id = fields.Integer(attribute="user_id")
    email = fields.String()
    username = fields.String()
    first_name = fields.String()
    last_name = fields.String()
    title = fields.String()
    role = fields.String()


class Done(Schema):
    detail = fields.String()


class ErrorOut(Schema):
    """With the invalid fields at top level, each with a list of messages."""

    class Meta:
        unknown = INCLUDE

    detail = fields.Raw(
        metadata={"type": ["string", "object"], "description": "A sentence, or the messages of each invalid field."}
    )
    code = fields.String(metadata={"description": "The status and three zeros."})
    message = fields.String()
    reason = fields.String(metadata={"description": "A stable word for programs."})
    hint = fields.String(metadata={"description": "The mistake in the token's text, where one is recognised."})
