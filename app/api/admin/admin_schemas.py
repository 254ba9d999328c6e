"""Bodies and queries of what administrators do with users and tokens.

Here belong members, their types and their spelling. Not here: what everybody sends and receives (``schemas``), and
the instance (``instance_schemas``).
"""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.api.admin.fields import (
    MESSAGES,
    Strict,
    cursor,
    instant_in,
    limit,
    number,
    text,
    word,
)
from app.api.admin.schemas import TokenOut, UserOut, token_members
from app.domain.identity import ApiTokens, Role
from app.domain.tokens import TokenKind, TokenStatus
from app.services.identifying import Identified
from app.services.revoking_by_filter import Preview

LONGEST_UNUSED_DAYS = 36_500


class UsersWanted(Strict):
    username = text(150, required=False, metadata={"description": "Part of the user name."})
    role = word(Role)
    is_active = fields.Boolean(error_messages=MESSAGES)
    limit = limit()
    cursor = cursor()


class UserPage(Schema):
    items = fields.List(fields.Nested(UserOut))
    next_cursor = fields.String(allow_none=True)


class NewUser(Strict):
    username = text(150)
    role = word(Role, load_default=Role.VIEWER.value)
    password = fields.String(load_default=None, error_messages=MESSAGES)
    email = text(254, shortest=0, required=False)
    first_name = text(150, shortest=0, required=False)
    last_name = text(150, shortest=0, required=False)
    title = text(150, shortest=0, required=False)


class CreatedUserOut(UserOut):
    secret_already_shown = fields.Boolean(metadata={"description": "A repeat: nothing was made."})


class UserChange(Strict):
    role = word(Role)
    is_active = fields.Boolean(truthy={True}, falsy={False}, error_messages=MESSAGES)
    api_tokens = word(ApiTokens)

    @validates_schema
    def _refuse_nothing(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("is what can be changed; name at least one", "role, is_active, api_tokens")


class Reason(Strict):
    reason = text()


class Ended(Schema):
    refresh_tokens = fields.Integer()
    access_tokens = fields.Integer()


class TokenCriteria(Strict):
    """What tokens are narrowed to. Of ``…_after`` and ``…_before``, the first instant is within, the second is not."""

    owner = text(150, required=False)
    kind = word(TokenKind)
    status = word(TokenStatus, but=("overlapping",))
    name = text(required=False, metadata={"description": "Part of the name, in any letter case."})
    created_after = instant_in()
    created_before = instant_in()
    expires_after = instant_in()
    expires_before = instant_in()
    last_used_after = instant_in()
    last_used_before = instant_in()
    unused_for_days = number(1, LONGEST_UNUSED_DAYS)


class TokensWanted(TokenCriteria):
    limit = limit()
    cursor = cursor()


class ByFilter(Strict):
    filter = fields.Nested(TokenCriteria, required=True, error_messages=MESSAGES)


class ConfirmedByFilter(ByFilter):
    confirmation = text()
    reason = text()


class PreviewOut(Schema):
    """``access_tokens_with_them``: alive under the refresh tokens, and ended with them."""

    refresh_tokens = fields.Integer()
    access_tokens = fields.Integer()
    access_tokens_with_them = fields.Integer()
    items = fields.List(fields.Nested(TokenOut))
    confirmation = fields.String()


class Pasted(Strict):
    secret = fields.String(required=True, error_messages=MESSAGES)


class IdentifiedOut(Schema):
    """``works``, and if not, the ``reason`` why; ``token`` is null where it is no token's secret."""

    checksum_ok = fields.Boolean()
    is_known = fields.Boolean()
    works = fields.Boolean()
    reason = fields.String(allow_none=True)
    kind = fields.String(allow_none=True)
    public_id = fields.String(allow_none=True)
    token = fields.Nested(TokenOut, allow_none=True)


def preview_members(preview: Preview) -> dict[str, Any]:
    return vars(preview) | {"items": [token_members(each) for each in preview.items]}


def identified_members(found: Identified) -> dict[str, Any]:
    return {
        "checksum_ok": found.checksum_ok,
        "is_known": found.listed is not None,
        "works": found.refused_because is None,
        "reason": found.refused_because,
        "kind": found.kind,
        "public_id": found.public_id,
        "token": token_members(found.listed) if found.listed else None,
    }
