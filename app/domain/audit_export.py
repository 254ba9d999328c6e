"""The lines of an exported audit log: events, and between them the seals, as JSON objects. ``kind`` marks the latter.

Not here: what a restore makes of the events (``withdrawals``), and other formats (``ocsf``).
"""

import json
from dataclasses import MISSING, Field, fields
from typing import Any

from app.domain.audit import AuditEvent, Stream
from app.domain.audit_seals import AuditSeal, Beginning, Entry, StoredEvent
from app.domain.clock import parse_instant, utc_text

SEAL, BEGINNING, REMOVED = "seal", "beginning", "removed"
NO_LINE = "not a line of an exported audit log"


def as_line(entry: Entry) -> str:
    """One line. An event has its members; a seal has ``kind`` before them."""
    if isinstance(entry, StoredEvent):
        event = entry.event
        return json.dumps(vars(event) | {"at": utc_text(event.at)})
    seal, kind = (
        (entry, SEAL) if isinstance(entry, AuditSeal) else (entry.seal, REMOVED if entry.is_removed else BEGINNING)
    )
    instants = {"sealed_at": utc_text(seal.sealed_at), "removed_at": seal.removed_at and utc_text(seal.removed_at)}
    return json.dumps({"kind": kind} | vars(seal) | instants)


def parse_line(line: str) -> Entry:
    """The entry of a line; ValueError where it is none."""
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError(NO_LINE)
    kind = values.pop("kind", None)
    if kind is None:
        event = _event_of(values)
        return StoredEvent(event, json.dumps(event.detail, sort_keys=True))
    if kind not in (SEAL, BEGINNING, REMOVED):
        raise ValueError(NO_LINE)
    seal = _seal_of(values)
    return seal if kind == SEAL else Beginning(seal, is_removed=kind == REMOVED)


def _seal_of(values: dict[str, Any]) -> AuditSeal:
    if set(values) != {each.name for each in fields(AuditSeal)}:
        raise ValueError(NO_LINE)
    numbers = {name: values[name] for name in ("position", "first_id", "last_id", "number")}
    texts = {name: values[name] for name in ("key_id", "mac", "removal_mac")}
    if {*map(type, numbers.values())} != {int} or not {*map(type, texts.values())} <= {str, type(None)}:
        raise ValueError(NO_LINE)
    removed_at = values["removed_at"]
    return AuditSeal(
        stream=Stream(values["stream"]),
        sealed_at=parse_instant(values["sealed_at"]),
        removed_at=None if removed_at is None else parse_instant(removed_at),
        **numbers,
        **texts,
    )


def _event_of(values: dict[str, Any]) -> AuditEvent:
    try:
        members = {each.name: values[each.name] for each in _members_of(values)}
        event = AuditEvent(**members | {"at": parse_instant(values["at"])})
        texts = (event.actor, event.action, event.object_kind, event.object_id, event.credential or "")
        is_flat = not any(isinstance(value, list | dict) for value in event.detail.values())
    except (AttributeError, KeyError, TypeError):
        raise ValueError(NO_LINE) from None
    if type(event.id) is not int or {*map(type, texts)} != {str} or not is_flat:
        raise ValueError(NO_LINE)
    return event


def _members_of(values: dict[str, Any]) -> list[Field[Any]]:
    """Those without a default, and those that the line has: an earlier release exported fewer."""
    return [each for each in fields(AuditEvent) if each.default is MISSING or each.name in values]
