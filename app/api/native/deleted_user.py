"""The answer to deleting a user."""

from typing import Any

from marshmallow import Schema, fields

from app.api.native.fields import Instant
from app.services.deleting_users import Deleted


class DeletedUser(Schema):
    """``username``: what the user is called now; ``sessions``: how many ended."""

    id = fields.Integer()
    username = fields.String()
    deleted_at = Instant()
    refresh_tokens = fields.Integer()
    access_tokens = fields.Integer()
    sessions = fields.Integer()


def deleted_members(deleted: Deleted) -> dict[str, Any]:
    """The user and the counts."""
    return vars(deleted.user) | vars(deleted.revoked) | {"sessions": deleted.sessions}
