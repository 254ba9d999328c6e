"""The audit log: searched and narrowed, an event a line, and its export."""

import json
from typing import TypeAlias

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.audit import AuditEvent, Result
from app.domain.audit_export import as_line
from app.domain.audit_seals import StoredEvent
from app.domain.audit_search import SEARCHED, AuditSearch
from app.domain.audit_words import ACTIONS, name_of, sentence
from app.domain.clock import utc_text
from app.domain.errors import BadRequest
from app.domain.token_search import normal_search
from app.http.context import services
from app.http.guards import GuardedBlueprint
from app.services.audit_list import FoundEvents
from app.services.keyset import Page
from app.web.admin import queries
from app.web.admin.events import event_rows
from app.web.csv_export import csv_answer
from app.web.exporting import json_lines_answer
from app.web.forms import message
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.list_view import ListView
from app.web.rendering import day, page

audit = GuardedBlueprint("web_audit", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/audit",
                         template_folder="../templates")  # fmt: skip

FILTERS = ("action", "actor", "result", "since", "until", "without")
"""The fields of the form; the others come from links."""

CHOICES = sorted(((action, words.name) for action, words in ACTIONS.items()), key=lambda each: each[1])
RESULTS = [(each.value, each.value.capitalize()) for each in Result]
MINTS = "mints"
LAST_ID = 2**63 - 1
NEWEST_FIRST = "-at"

Chips: TypeAlias = list[tuple[str, str, str]]
"""Of each filter that is set its name, label and value."""

COLUMNS = (
    "at", "actor", "what", "action", "object_kind", "object_id", "result", "address", "credential", "request_id",
    "detail", "event_id",
)  # fmt: skip


@audit.get("")
def list_audit_events() -> ResponseReturnValue:
    """Audit events, newest first."""
    view = ListView.of_request(NEWEST_FIRST)
    try:
        found = services().audit_list.found(_search(), queries.cursor(), view.per_page)
    except BadRequest as refusal:
        return _log(view.without_secrets(), FoundEvents(Page([], None)), [], 400, message(refusal))
    return _log(view, found, _chosen(view))


@audit.get("/export")
def export_audit_events() -> ResponseReturnValue:
    """The same events, all of them: as CSV with the sentence of each, or as `daypass audit export` writes them."""
    every = services().audit_list.every(_search())
    if request.args.get("format") == "jsonl":
        return json_lines_answer("audit-log.jsonl", (as_line(StoredEvent(event, "{}")) for event in every))
    return csv_answer("audit-log.csv", COLUMNS, map(_cells, every))


def _search() -> AuditSearch:
    query = request.args
    text, request_id = normal_search(query.get("q", "")), queries.text(query, "request")
    around = queries.number(query, "around", 1, LAST_ID) if request_id else None
    if request_id and around is None and text is None:  # an address that somebody made: as if it was searched for
        text, request_id = request_id, None
    return AuditSearch(
        text=text,
        actor=queries.text(query, "actor", queries.LONGEST_NAME),
        action=queries.text(query, "action"),
        object_id=queries.text(query, "object", queries.LONGEST_NAME),
        request_id=request_id,
        around=around,
        result=queries.word(query, "result", Result),
        since=queries.day(query, "since"),
        until=queries.day_after(query, "until"),
        without_mints=query.get("without") == MINTS,
    )


def _chosen(view: ListView) -> Chips:
    since, until = queries.day(request.args, "since"), queries.day(request.args, "until")
    texts = {
        "action": ("Action", name_of(view.value("action"))),
        "actor": ("By", view.value("actor")),
        "object": ("About", view.value("object")),
        "request": ("Request", view.value("request")),
        "result": ("Result", view.value("result")),
        "since": ("Since", day(since) if since else ""),
        "until": ("Until", day(until) if until else ""),
        "without": ("Without", "access tokens requested" if view.value("without") == MINTS else ""),
    }
    return [(name, label, text) for name, (label, text) in texts.items() if text]


def _log(view: ListView, found: FoundEvents, chosen: Chips, status: int = 200, error: str = "") -> Response:
    rows = found.page
    return page(
        "admin_audit.html",
        status,
        view=view.of_rows(found.total, found.first or 1, len(rows.items), rows.newer, rows.cursor),
        found=found,
        csv=f"{url_for('web_audit.export_audit_events')}{view.address().removeprefix(view.path)}",
        rows=event_rows(rows.items, found.token_names, found.user_ids),
        chosen=chosen,
        filters=FILTERS,
        actions=CHOICES,
        results=RESULTS,
        searched=SEARCHED,
        sealed=services().audit.sealing.state(),
        error=error,
    )


def _cells(event: AuditEvent) -> dict[str, object]:
    what = "".join(part.text for part in sentence(event))
    detail = json.dumps(event.detail, sort_keys=True)
    return vars(event) | {"at": utc_text(event.at), "what": what, "detail": detail, "event_id": event.id}
