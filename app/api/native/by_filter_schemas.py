"""Bodies of the routes that revoke all tokens that a filter matches."""

from typing import Any

from marshmallow import Schema, fields

from app.api.native.admin_schemas import Ended, TokenCriteria
from app.api.native.fields import MESSAGES, Instant, Strict, entered, text
from app.api.native.schemas import TokenOut, token_members
from app.services.revoking_by_filter import Preview


class ByFilter(Strict):
    filter = fields.Nested(TokenCriteria, required=True, error_messages=MESSAGES)


class ConfirmedByFilter(ByFilter):
    confirmation = text()
    reason = entered()


class PreviewOut(Schema):
    """``access_tokens_with_them``: active access tokens of the refresh tokens, revoked with them."""

    refresh_tokens = fields.Integer()
    access_tokens = fields.Integer()
    access_tokens_with_them = fields.Integer()
    items = fields.List(fields.Nested(TokenOut))
    confirmation = fields.String()


class BulkRevocationOut(Ended):
    """``access_tokens``: all of them, which are refused from ``revoked_at`` on. ``unmarked``: how many of them still
    have another status in lists.
    """

    id = fields.Integer()
    unmarked = fields.Integer()
    revoked_at = Instant()
    revoked_by = fields.String()
    reason = fields.String()
    finished_at = Instant(allow_none=True, metadata={"description": "When all were marked; null before."})


def preview_members(preview: Preview) -> dict[str, Any]:
    return vars(preview) | {"items": [token_members(each) for each in preview.items]}
