"""Bodies of the OAuth dialect: a form in, RFC 7662's members out.

Here belong members, their types and their spelling. Not here: what the values mean.
"""

from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from app.domain.errors import BadRequest
from app.domain.identity import Principal, User
from app.domain.tokens import RefreshToken
from app.http.body import FORM
from app.http.context import parts
from app.http.openapi import StrictParser

REFRESH_TOKEN = "refresh_token"
"""RFC 7009's word for that tier."""


class TokenForm(Schema):
    """The parameters of both requests; others are ignored, as RFC 6749 section 3.2 has it."""

    class Meta:
        unknown = EXCLUDE

    token = fields.String(required=True)
    token_type_hint = fields.String(load_default="")


class Active(Schema):
    """A token that works: RFC 7662 section 2.2, and of ours ``name``, ``role`` and ``email``.

    ``exp`` is missing where the token never ends.
    """

    active = fields.Boolean()
    token_type = fields.String()
    sub = fields.String()
    username = fields.String()
    iat = fields.Integer()
    exp = fields.Integer()
    jti = fields.String()
    name = fields.String()
    role = fields.String()
    email = fields.String()


class ErrorOut(Schema):
    """RFC 6749 section 5.2; ``reason`` is Daypass's own stable word."""

    error = fields.String()
    error_description = fields.String()
    reason = fields.String()


class FormParser(StrictParser):
    """Takes a form only. A parameter without a value counts as missing (RFC 6749, section 3.2)."""

    def load_form(self, req: Any, schema: Any) -> Any:
        if req.content_length != 0 and req.mimetype != FORM:
            raise BadRequest(f"Send the parameters as {FORM}.")
        return {name: value for name, value in parts().bodies.read(req).items() if value}

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> Any:
        raise BadRequest("The parameter token is missing.") from None


def active_access_token(known: Principal) -> dict[str, Any]:
    """What is told of an access token that works."""
    return _known(
        {
            "active": True,
            "token_type": "Bearer",
            "sub": str(known.user_id),
            "username": known.username,
            "iat": _seconds(known.token_created_at),
            "exp": known.token_expires_at and _seconds(known.token_expires_at),
            "jti": known.token_public_id,
            "name": known.token_name,
            "role": known.role,
            "email": known.email,
        }
    )


def active_refresh_token(token: RefreshToken, owner: User) -> dict[str, Any]:
    """What is told of a refresh token that works. It can't be sent as Bearer, and so has another type."""
    return _known(
        {
            "active": True,
            "token_type": REFRESH_TOKEN,
            "sub": str(owner.id),
            "username": owner.username,
            "iat": _seconds(token.created_at),
            "exp": _seconds(token.expires_at),
            "jti": token.public_id,
            "name": token.name,
            "role": owner.role,
            "email": owner.email,
        }
    )


def _known(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _seconds(instant: datetime) -> int:
    """Whole seconds since 1970 (RFC 7519's NumericDate), rounded down: never later than the truth."""
    return int(instant.timestamp())
