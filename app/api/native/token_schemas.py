"""Bodies of the routes that change a token: what people call it, and its owner."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from app.api.native.fields import Strict, entered, text


class Labels(Strict):
    """What people call a token. ``description``: empty or null for none."""

    name = entered(required=False, metadata={"description": "Of a refresh token; an API token has none."})
    description = entered(shortest=0, required=False, allow_none=True)

    @validates_schema
    def _refuse_nothing(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("is what can be changed; name at least one", "name, description")


class Move(Strict):
    to = text(150, metadata={"description": "The user name of the new owner."})
    reason = entered(shortest=0, required=False, load_default="")
