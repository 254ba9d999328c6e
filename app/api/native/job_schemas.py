"""Members of the background jobs, in answers."""

from typing import Any

from marshmallow import Schema, fields

from app.api.native.fields import Instant
from app.services.job_runs import JobHealth


class JobOut(Schema):
    """``lag_seconds``: by how much the next run is overdue; null when the job never ran."""

    job = fields.String()
    every_seconds = fields.Integer()
    lag_seconds = fields.Float(allow_none=True)
    is_running = fields.Boolean()
    holder = fields.String(allow_none=True)
    last_run_at = Instant(allow_none=True)
    last_seconds = fields.Float(allow_none=True)
    last_rows = fields.Integer(allow_none=True)
    last_error = fields.String(allow_none=True)


class JobPage(Schema):
    items = fields.List(fields.Nested(JobOut))


def job_members(health: JobHealth) -> dict[str, Any]:
    """The members of a job that never ran are null."""
    run = vars(health.status) if health.status else dict.fromkeys(JobOut().fields) | {"is_running": False}
    lag = None if health.lag is None else round(health.lag.total_seconds(), 3)
    return run | {"job": health.job, "every_seconds": int(health.every.total_seconds()), "lag_seconds": lag}
