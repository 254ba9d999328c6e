"""The audit log and the background jobs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flask import request, url_for
from flask.typing import ResponseReturnValue

from app.domain.audit import AuditEvent, Result
from app.domain.errors import BadRequest
from app.http.context import parts, services
from app.http.guards import GuardedBlueprint
from app.services.keyset import Page
from app.services.refused_sign_ins import UNKNOWN
from app.web.admin import queries
from app.web.admin.jobs import condition
from app.web.forms import message
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page

instance = GuardedBlueprint("web_instance", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin",
                            template_folder="../templates")  # fmt: skip

PAGE = 50
FILTERS = ("actor", "action", "object", "result", "since", "until")


@dataclass(frozen=True)
class EventRow:
    """An event, its details as pairs, and the address of its object's page, if any."""

    event: AuditEvent
    detail: list[tuple[str, str]]
    href: str


@instance.get("/audit")
def list_audit_events() -> ResponseReturnValue:
    """Audit events, newest first."""
    try:
        found, status, error = _found(), 200, ""
    except BadRequest as refusal:
        found, status, error = Page[AuditEvent]([], None), 400, message(refusal)
    return page(
        "admin_audit.html",
        status,
        items=[EventRow(event, _pairs(event.detail), _page_of(event)) for event in found.items],
        pager=queries.pager(found.cursor),
        entered=queries.entered(request.args, FILTERS),
        results=[(each.value, each.value.capitalize()) for each in Result],
        sealed=services().audit.sealing.state(),
        error=error,
    )


@instance.get("/jobs")
def list_jobs() -> ResponseReturnValue:
    """The background jobs and their latest runs."""
    health = services().job_runs.health(parts().schedule)
    warning = services().clock_agreement.warning(parts().clock())
    return page("admin_jobs.html", jobs=[(each, condition(each)) for each in health], clock_warning=warning)


def _found() -> Page[AuditEvent]:
    query = request.args
    return services().audit_list.events(
        actor=queries.text(query, "actor", queries.LONGEST_NAME),
        action=queries.text(query, "action"),
        object_id=queries.text(query, "object", queries.LONGEST_NAME),
        result=queries.word(query, "result", Result),
        since=queries.day(query, "since"),
        until=queries.day_after(query, "until"),
        cursor=queries.cursor(),
        limit=PAGE,
    )


def _pairs(detail: Mapping[str, object]) -> list[tuple[str, str]]:
    """The details of an event; a filter as a pair for each criterion."""
    pairs: list[tuple[str, str]] = []
    for name, value in detail.items():
        if name == "filter":
            pairs += [(f"filter: {key}", str(each)) for key, each in json.loads(str(value)).items()]
        else:
            pairs.append((name.replace("_", " "), _word(value)))
    return pairs


def _word(value: object) -> str:
    if value is None:
        return "none"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _page_of(event: AuditEvent) -> str:
    if event.object_kind in ("refresh_token", "access_token"):
        return url_for("web_tokens.show_token", public_id=event.object_id)
    if event.object_kind == "user" and event.object_id != UNKNOWN:
        return url_for("web_users.list_users", part=event.object_id)
    if event.object_kind == "instance_setting":
        return url_for("web_settings.edit_setting", key=event.object_id)
    return ""
