"""The instance: its settings, its audit log and its jobs. For administrators.

Not here: a rule, or an error (``errors``).
"""

from typing import Any

from app.api.admin import instance_schemas
from app.api.admin.errors import PREFIX, TOKEN_ERRORS
from app.api.admin.paging import Answer, page_of
from app.http.context import caller, parts, services
from app.http.guards import ADMINISTRATOR, GuardedBlueprint
from app.http.openapi import JSON_ONLY
from app.services.instance_settings import SettingValue
from app.services.setting_effects import Forecast

instance = GuardedBlueprint(
    "native_instance", __name__, url_prefix=PREFIX, guard=ADMINISTRATOR, errors=TOKEN_ERRORS, parser=JSON_ONLY
)

Members = dict[str, Any]


@instance.get("/settings")
@instance.response(200, instance_schemas.SettingPage)
def list_settings() -> dict[str, list[SettingValue]]:
    """All instance settings, with what they may be and when a change takes effect."""
    return {"items": services().instance_settings.show()}


@instance.get("/settings/<key>")
@instance.response(200, instance_schemas.SettingOut)
def show_setting(key: str) -> SettingValue:
    """One, by its key or by the name Alation has for it."""
    return services().instance_settings.get(key)


@instance.put("/settings/<key>")
@instance.arguments(instance_schemas.NewValue)
@instance.response(200, instance_schemas.SettingOut)
def change_setting(sent: Members, key: str) -> SettingValue:
    """Set one, on all workers without a restart. `takes_effect` states when tokens and users are affected."""
    return services().instance_settings.change(key, sent["value"], caller())


@instance.post("/settings/<key>/preview")
@instance.arguments(instance_schemas.NewValue)
@instance.response(200, instance_schemas.ForecastOut)
def preview_setting(sent: Members, key: str) -> Forecast:
    """See what a change would affect. Nothing is changed."""
    return services().setting_effects.preview(key, sent["value"])


@instance.get("/audit-events")
@instance.arguments(instance_schemas.AuditWanted, location="query")
@instance.response(200, instance_schemas.AuditPage)
def list_audit_events(sent: Members) -> Answer:
    """Who changed what, newest first."""
    wanted = {name: sent.get(name) for name in ("actor", "action", "object_id")}
    between = {"since": sent.get("after"), "until": sent.get("before")}
    page = services().listing.audit_events(**wanted, **between, cursor=sent["cursor"], limit=sent["limit"])
    return page_of(page, instance_schemas.event_members)


@instance.get("/jobs")
@instance.response(200, instance_schemas.JobPage)
def list_jobs() -> Members:
    """The background jobs, and how they fare."""
    health = services().job_runs.health(parts().schedule)
    return {"items": [instance_schemas.job_members(each) for each in health]}
