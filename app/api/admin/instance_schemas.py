"""Bodies and queries of what administrators do with the instance: settings, audit log, jobs.

Here belong members, their types and their spelling. Not here: users and tokens (``admin_schemas``).
"""

import json
from typing import Any

from marshmallow import Schema, ValidationError, fields

from app.api.admin.fields import MESSAGES, Strict, cursor, instant_in, instant_or_null, instant_out, limit, text
from app.domain.setting import From
from app.services.instance_settings import SettingValue
from app.services.job_runs import JobHealth
from app.storage.tables import AuditEventRow


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

    def get_attribute(self, obj: SettingValue, attr: str, default: Any) -> Any:
        """The value beside its declaration."""
        return getattr(obj if attr == "value" else obj.setting, attr)


class SettingPage(Schema):
    items = fields.List(fields.Nested(SettingOut))


class SettingText(fields.Field[str]):
    """A setting's value: text, or a whole number that is taken for its digits."""

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


class AuditWanted(Strict):
    actor = text(150, required=False)
    action = text(64, required=False)
    object_id = text(150, required=False)
    after = instant_in()
    before = instant_in()
    limit = limit()
    cursor = cursor()


class AuditEventOut(Schema):
    id = fields.Integer()
    at = instant_out()
    actor = fields.String()
    actor_id = fields.Integer(allow_none=True)
    action = fields.String()
    object_kind = fields.String()
    object_id = fields.String()
    address = fields.String(allow_none=True)
    request_id = fields.String(allow_none=True)
    result = fields.String()
    detail = fields.Dict()


class AuditPage(Schema):
    items = fields.List(fields.Nested(AuditEventOut))
    next_cursor = fields.String(allow_none=True)


class JobOut(Schema):
    """``lag_seconds``: by how much the next run is overdue; null when the job never ran."""

    job = fields.String()
    every_seconds = fields.Integer()
    lag_seconds = fields.Float(allow_none=True)
    is_running = fields.Boolean()
    holder = fields.String(allow_none=True)
    last_run_at = instant_or_null()
    last_seconds = fields.Float(allow_none=True)
    last_rows = fields.Integer(allow_none=True)
    last_error = fields.String(allow_none=True)


class JobPage(Schema):
    items = fields.List(fields.Nested(JobOut))


def event_members(event: AuditEventRow) -> dict[str, Any]:
    names = [column.key for column in AuditEventRow.__table__.columns]
    return {name: getattr(event, name) for name in names} | {"detail": json.loads(event.detail)}


def job_members(health: JobHealth) -> dict[str, Any]:
    """A job that never ran has no account yet."""
    account = vars(health.status) if health.status else dict.fromkeys(JobOut().fields) | {"is_running": False}
    lag = None if health.lag is None else round(health.lag.total_seconds(), 3)
    return account | {"job": health.job, "every_seconds": int(health.every.total_seconds()), "lag_seconds": lag}
