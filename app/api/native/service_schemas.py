"""Members about service accounts, in bodies and answers."""

from collections.abc import Iterable
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.api.native.fields import Strict, Word, entered, number, text
from app.api.native.schemas import UserOut
from app.domain.identity import Kind
from app.services.overview import Holding

RESPONSIBLE = "Of a service account: the user name of a person."


class OfEitherKind(Strict):
    """The members of a new user that depend on the kind."""

    kind = Word(Kind, load_default=Kind.PERSON.value)
    responsible = text(150, required=False, metadata={"description": RESPONSIBLE})
    deputy = text(150, required=False, metadata={"description": RESPONSIBLE})

    @validates_schema
    def _refuse_of_the_other_kind(self, data: dict[str, Any], **_: Any) -> None:
        is_service = data["kind"] == Kind.SERVICE
        if is_service and "responsible" not in data:
            raise ValidationError("is required for a service account", "responsible")
        for name in ("password", "has_temporary_password") if is_service else ("responsible", "deputy"):
            if data.get(name):
                raise ValidationError(f"is not for a {'service account' if is_service else 'person'}", name)


class Answering(Strict):
    """Who answers for a service account, as a change."""

    responsible = text(150, required=False, metadata={"description": RESPONSIBLE})
    deputy = text(150, required=False, allow_none=True, metadata={"description": f"{RESPONSIBLE} Null: nobody."})


class NewApiToken(Strict):
    lifetime_days = number(
        1, 36500, required=True, allow_none=True, metadata={"description": "Null: it never expires."}
    )
    description = entered(255, required=False)


class ServiceAccounts(Schema):
    items = fields.List(fields.Nested(UserOut))


def account_members(held: Iterable[Holding]) -> dict[str, Any]:
    return {"items": [vars(each.user) for each in held]}
