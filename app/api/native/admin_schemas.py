"""Bodies and queries of the routes for administrators."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.api.native.fields import MESSAGES, Instant, Strict, Word, criteria, entered, flag, paging, text
from app.api.native.schemas import TokenOut, UserOut, token_members
from app.api.native.service_schemas import Answering, OfEitherKind
from app.domain.audit import Result
from app.domain.identity import ApiTokens, Kind, Role
from app.domain.setting import From
from app.services.identifying import Identified
from app.services.instance_settings import SettingValue

UserQuery = Strict.from_dict(
    {
        "username": text(150, required=False, metadata={"description": "Part of the user name."}),
        "role": Word(Role),
        "is_active": flag(in_query=True),
        "is_deleted": flag(in_query=True, metadata={"description": "True: deleted users. By default, all others."}),
        "kind": Word(Kind),
        **paging(),
    },
    name="UserQuery",
)


class UserPage(Schema):
    items = fields.List(fields.Nested(UserOut))
    next_cursor = fields.String(allow_none=True)


TEMPORARY = "True: the password expires after 72 hours, and the pages require another one first. False by default."


class NewUser(OfEitherKind):
    username = text(150)
    role = Word(Role, load_default=Role.VIEWER.value)
    password = fields.String(load_default=None, error_messages=MESSAGES)
    has_temporary_password = flag(metadata={"description": TEMPORARY})
    email = entered(254, shortest=0, required=False)
    first_name = entered(150, shortest=0, required=False)
    last_name = entered(150, shortest=0, required=False)
    title = entered(150, shortest=0, required=False)


class CreatedUserOut(UserOut):
    secret_already_shown = fields.Boolean(metadata={"description": "A repeat: nothing was created."})


class UserChange(Answering):
    role = Word(Role)
    is_active = flag()
    api_tokens = Word(ApiTokens)
    username = text(150, required=False, metadata={"description": "The one before is kept from reuse by others."})
    email = entered(254, shortest=0, required=False)
    first_name = entered(150, shortest=0, required=False)
    last_name = entered(150, shortest=0, required=False)
    title = entered(150, shortest=0, required=False)

    @validates_schema
    def _refuse_nothing(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("is what can be changed; name at least one", ", ".join(self.fields))


class EndedSessions(Schema):
    sessions = fields.Integer()


class Reason(Strict):
    reason = entered()


class Revocation(Reason):
    with_descendants = flag(
        load_default=True,
        metadata={"description": "Also revoke what was created with it, with that, and so on."},
    )


class Ended(Schema):
    refresh_tokens = fields.Integer()
    access_tokens = fields.Integer()


class EndedInLine(Ended):
    """``descendants``: how many of them because they were created with the token."""

    descendants = fields.Integer()


TokenCriteria = Strict.from_dict(criteria(in_query=False), name="TokenCriteria")
TokenQuery = Strict.from_dict(criteria(in_query=True) | paging(), name="TokenQuery")


class Pasted(Strict):
    secret = fields.String(required=True, error_messages=MESSAGES)


class IdentifiedOut(Schema):
    """``reason``: why the secret does not work. ``token``: null where no token has this secret."""

    checksum_ok = fields.Boolean()
    is_known = fields.Boolean()
    works = fields.Boolean()
    reason = fields.String(allow_none=True)
    kind = fields.String(allow_none=True)
    public_id = fields.String(allow_none=True)
    token = fields.Nested(TokenOut, allow_none=True)


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


class SettingOut(Schema):
    key = fields.String()
    value = fields.String()
    default = fields.String()
    unit = fields.String()
    low = fields.Integer(allow_none=True)
    high = fields.Integer(allow_none=True)
    choices = fields.List(fields.String())
    may_be_unlimited = fields.Boolean()
    alias = fields.String(allow_none=True)
    label = fields.String()
    takes_effect = fields.Enum(From, by_value=True, attribute="effective")
    help = fields.String()
    group = fields.String(attribute="group.title")
    changed_at = Instant(allow_none=True)
    changed_by = fields.String(allow_none=True)

    def get_attribute(self, obj: SettingValue, attr: str, default: Any) -> Any:
        """The value and its last change, or a member of its declaration."""
        return super().get_attribute(
            obj if attr in ("value", "changed_at", "changed_by") else obj.setting, attr, default
        )


class SettingPage(Schema):
    items = fields.List(fields.Nested(SettingOut))


class SettingText(fields.Field[str]):
    """A setting's value: text, or a whole number, read as its digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9:
            return str(value)
        if isinstance(value, str) and len(value) <= 100 and value.isprintable():
            return value
        raise ValidationError("must be text or a whole number")


class NewValue(Strict):
    value = SettingText(required=True, metadata={"type": ["string", "integer"]}, error_messages=MESSAGES)


class EffectOut(Schema):
    what = fields.String()
    count = fields.Integer(allow_none=True)
    said = fields.String(attribute="statement")


class ForecastOut(Schema):
    key = fields.String()
    before = fields.String()
    after = fields.String()
    effects = fields.List(fields.Nested(EffectOut))


AuditQuery = Strict.from_dict(
    {
        "actor": text(150, required=False),
        "action": text(64, required=False),
        "object_id": text(150, required=False),
        "after": Instant(),
        "before": Instant(),
        "result": Word(Result),
        **paging(),
    },
    name="AuditQuery",
)


class AuditEventOut(Schema):
    id = fields.Integer()
    at = Instant()
    actor = fields.String()
    actor_id = fields.Integer(allow_none=True)
    action = fields.String()
    object_kind = fields.String()
    object_id = fields.String()
    address = fields.String(allow_none=True)
    request_id = fields.String(allow_none=True)
    result = fields.String()
    detail = fields.Dict()
    credential = fields.String(allow_none=True)


class AuditPage(Schema):
    items = fields.List(fields.Nested(AuditEventOut))
    next_cursor = fields.String(allow_none=True)
