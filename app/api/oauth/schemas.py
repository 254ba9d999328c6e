"""Request and response bodies of the OAuth dialect."""

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from app.api.oauth.unsupported import UnsupportedGrant
from app.domain.errors import BadRequest
from app.domain.oauth_client import GrantType
from app.domain.tokens import AccessToken, Issued
from app.http.body import FORM
from app.http.context import parts
from app.http.oauth_refusals import MISSING
from app.http.openapi import StrictParser


class ClientForm(Schema):
    """The parameters by which a client authenticates, unless by HTTP Basic. All others are ignored (RFC 6749, 3.2)."""

    class Meta:
        unknown = EXCLUDE

    client_id = fields.String()
    client_secret = fields.String()


class GrantForm(ClientForm):
    """The parameters of the token endpoint. ``refresh_token`` is required for the grant of that name."""

    grant_type = fields.Enum(GrantType, by_value=True, required=True)
    refresh_token = fields.String()


class Granted(Schema):
    """RFC 6749 section 5.1. Neither ``refresh_token``, which is not rotated here, nor ``scope``.

    ``expires_in``: whole seconds, rounded down.
    """

    access_token = fields.String()
    token_type = fields.String()
    expires_in = fields.Integer(metadata={"minimum": 0})


class TokenForm(ClientForm):
    """The parameters of introspection and revocation."""

    token = fields.String(required=True)
    token_type_hint = fields.String(load_default="")


class Active(Schema):
    """An active token: RFC 7662 section 2.2, Daypass's ``name``, ``role`` and ``email``, and Alation's ``unique_id``.

    ``exp`` is missing where the token never expires, ``client_id`` where it has no refresh token, ``iss`` where
    Daypass has no public URL.
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
    client_id = fields.String()
    nbf = fields.Integer()
    iss = fields.String()
    unique_id = fields.String()


class ErrorOut(Schema):
    """RFC 6749 section 5.2; ``code`` is the status as text, ``message`` and ``detail`` repeat the description, for
    Alation's clients. ``reason`` is Daypass's stable word, ``hint`` the mistake in the token's text, if any.
    """

    error = fields.String()
    error_description = fields.String()
    code = fields.String()
    message = fields.String()
    detail = fields.String()
    reason = fields.String()
    hint = fields.String()


class FormParser(StrictParser):
    """Accepts a form only. An empty parameter counts as missing (RFC 6749, section 3.2)."""

    def load_form(self, req: Any, schema: Any) -> Any:
        if req.content_length != 0 and req.mimetype != FORM:
            raise BadRequest(f"Send the parameters as {FORM}.")
        return {name: value for name, value in parts().bodies.read(req).items() if value}

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> Any:
        (wrong,) = error.messages_dict["form"]  # each form has one parameter that can be
        raise (UnsupportedGrant if wrong == "grant_type" else BadRequest(MISSING.format(wrong))) from None


def granted(issued: Issued[AccessToken]) -> dict[str, Any]:
    """The members of a granted access token, with the seconds that are left of it."""
    expires_at, now = issued.token.expires_at, issued.reused_at or issued.token.created_at
    assert expires_at is not None
    left = max(0, int((expires_at - now).total_seconds()))
    return {"access_token": issued.secret, "token_type": "Bearer", "expires_in": left}
